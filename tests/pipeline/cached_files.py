"""What the system holds of a file in memory."""

import os


def in_memory(path, start=0):
    """Tell whether a page of a file can be read without the disk."""
    with path.open("rb") as stream:
        try:
            return os.preadv(stream.fileno(), [bytearray(1)], start, os.RWF_NOWAIT) == 1
        except BlockingIOError:
            return False
