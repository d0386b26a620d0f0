"""The MD5 of the data of a file, taken while the file is written."""

import hashlib
import os
from collections.abc import Iterable
from threading import Lock

_CHUNK = 1 << 20
"""Bytes that are read back at a time [byte]."""


class DataDigest:
    """MD5 of stretches of a file, one after the other.

    As far as the first stretch is written without a gap, it is taken meanwhile: at the
    end a single thread would have all of it to do. Threads may share it.

    Parameters
    ----------
    fd
        Of the file, open for reading.
    start
        Where the first stretch begins [byte].
    """

    def __init__(self, fd: int, start: int) -> None:
        self._fd, self._position = fd, start
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._written: dict[int, int] = {}
        self._lock = Lock()
        self._wanted = True

    def written(self, start: int, stop: int) -> None:
        """Tell that a part of the first stretch was written; take in what can be."""
        self._written[start] = stop
        if self._lock.acquire(blocking=False):  # else another thread is at it
            try:
                while self._position in self._written:
                    self._take(self._written.pop(self._position))
            finally:
                self._lock.release()

    def take(self, stretches: Iterable[tuple[int, int]]) -> None:
        """Take in stretches, ``(start, stop)``, that are there from begin to end.

        They come in their order in the file; the first one may be taken in part already.
        """
        with self._lock:
            for start, stop in stretches:
                self._position = max(self._position, start)
                self._take(stop)

    def give_up(self) -> None:
        """Take in nothing more: the digest is of no use."""
        self._wanted = False

    def value(self) -> str:
        """Return the digest of what was taken in."""
        return self._md5.hexdigest()

    def _take(self, stop: int) -> None:
        """Take in what lies before a place in the file."""
        room = memoryview(bytearray(min(_CHUNK, max(stop - self._position, 0))))
        while self._wanted and self._position < stop:
            n_bytes = os.preadv(self._fd, [room[: stop - self._position]], self._position)
            if n_bytes == 0:
                raise OSError("the file ends within its data")
            self._md5.update(room[:n_bytes])
            self._position += n_bytes
