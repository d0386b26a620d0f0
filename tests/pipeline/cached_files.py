"""What the system holds of a file in memory."""

import os
import time

from benchmarks.measure import drop_cached


def in_memory(path, start=0):
    """Tell whether a page of a file can be read without the disk."""
    with path.open("rb") as stream:
        try:
            return os.preadv(stream.fileno(), [bytearray(1)], start, os.RWF_NOWAIT) == 1
        except BlockingIOError:
            return False


def forget(path):
    """Have the system drop a file; on a busy machine pages may be held for a moment."""
    end = time.monotonic() + 10
    while in_memory(path) and time.monotonic() < end:
        drop_cached([path])
