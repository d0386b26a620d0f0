"""Data on their way to the disk while more are made."""

import ctypes
from collections.abc import Callable
from functools import cache
from threading import Lock

_WRITE = 2
"""SYNC_FILE_RANGE_WRITE of fcntl.h: begin to write what is not being written yet."""

_AT_ONCE = 64 << 20
"""Bytes that are gathered before the disk is told [byte]: enough for long requests."""


@cache
def _sync_file_range() -> Callable[[int], object] | None:
    """Return what begins to write all of a file; None where the system has no such call."""
    try:
        function = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):  # not Linux
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return lambda fd: function(fd, 0, 0, _WRITE)


class Writeback:
    """Has the system write a file while it grows, so that ``fsync`` has little left to do.

    The system by itself waits for half a minute or for much data. Threads may share it.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = Lock()
        self._waiting = 0

    def add(self, n_bytes: int) -> None:
        """Count bytes that were written, and begin to bring them to the disk."""
        with self._lock:
            self._waiting += n_bytes
            if self._waiting < _AT_ONCE:
                return
            self._waiting = 0
        begin = _sync_file_range()
        if begin is not None:
            begin(self._fd)
