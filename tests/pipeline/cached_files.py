"""What the system holds of a file in memory."""

import ctypes
import mmap
import time

import numpy as np

from benchmarks.measure import drop_cached

_LIBC = ctypes.CDLL(None, use_errno=True)


def in_memory(path, start=0):
    """Tell whether the page of a file with a byte can be read without the disk.

    To try to read it, even without waiting, would have the system fetch it.
    """
    page = start - start % mmap.PAGESIZE
    resident = (ctypes.c_ubyte * 1)()
    with path.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    address = np.frombuffer(mapped, np.uint8).ctypes.data + page
    if _LIBC.mincore(ctypes.c_void_p(address), ctypes.c_size_t(1), resident) != 0:
        raise OSError(ctypes.get_errno(), "mincore")
    return bool(resident[0] & 1)


def forget(path):
    """Have the system drop a file; on a busy machine pages may be held for a moment."""
    end = time.monotonic() + 10
    while in_memory(path) and time.monotonic() < end:
        drop_cached([path])
