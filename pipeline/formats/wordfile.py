"""Words of four bytes on their way into a file, large files past the system's memory.

A file of some hundred MB that the system keeps in memory needs a page for every 4 kB, and
a copy of each: that takes the processor longer than the arithmetic of a simple recipe, and
drives out what is still to be read. So the disk takes a large file from the very room into
which the bytes are swapped, piece by piece, while the recipe goes on. Files of which the
MD5 is wanted are read back and go the usual way.

Only whole pages can go straight to the disk. What is left at both ends of a stretch of
words goes the usual way; no page goes both ways, so neither can undo the other.
"""

import errno
import mmap
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.writeback import Writeback
from pipeline.kernels.words import swap_and_sum

Words = NDArray[np.uint32]

_SMALL = 8 << 20
"""Files up to this size are swapped by numpy [byte]: it takes 0.5 ms longer than a kernel,
which would be the only one of a recipe for images, and have Numba start: 150 ms."""

_CACHED = 1 << 16
"""Words that are summed, swapped and written while they are in the cache."""

_LARGE = 64 << 20
"""Files from this size on go past the memory [byte]: smaller ones fit in well."""

_PAGE = 4096
"""What place and length of direct pieces are multiples of, enough for all disks [byte]."""

_ROOM, _N_ROOMS, _N_WRITERS = (1 << 20) + _PAGE, 8, 2
"""Longest piece [byte], pieces under way at most, and threads that wait for the disk: of
all files together. Shorter pieces would take longer for each byte."""

_REFUSALS = (errno.EINVAL, errno.EOPNOTSUPP)
"""What file systems say that can do without, but not this piece or not at all."""


class WordFile:
    """Takes words for a file that is open for writing; threads may share it.

    ``swap``: puts words into big-endian order, as `swap_and_sum` does.
    """

    def __init__(self, fd: int, swap: Callable[[Words, Words], int] = swap_and_sum) -> None:
        self._fd, self._swap = fd, swap
        self._writeback = Writeback(fd)

    def put(self, words: Words, position: int) -> int:
        """Write words in big-endian order to a place in the file; return their plain sum.

        They need not be there before `finish` has returned.
        """
        total = 0
        swapped = np.empty(min(len(words), _CACHED), np.uint32)
        for first in range(0, len(words), _CACHED):
            some = words[first : first + _CACHED]
            total += int(self._swap(some, swapped))
            write_all(self._fd, swapped[: len(some)], position + 4 * first)
        self._writeback.add(4 * len(words))
        return total

    def finish(self) -> None:
        """Wait until all words are in the file.

        Raises
        ------
        OSError
            If some could not be written.
        """

    def release(self) -> None:
        """Let go of the file, whether all is well or not.

        What is put later is lost: by then the system may have given its number to another.
        """
        self._fd = -1


class DirectFile(WordFile):
    """The same past the memory of the system; ``direct``: the file, open for that."""

    def __init__(self, fd: int, direct: int) -> None:
        super().__init__(fd)
        self._direct = direct
        self._under_way: list[Future[None]] = []
        self._ends: list[tuple[bytes, int]] = []

    def put(self, words: Words, position: int) -> int:
        """See `WordFile.put`; a thread brings the words to the disk."""
        total = 0
        while len(words):
            some = words[: (_ROOM - position % _PAGE) // 4]
            total += self._begin(some, position)
            words, position = words[len(some) :], position + 4 * len(some)
        return total

    def _begin(self, words: Words, position: int) -> int:
        """Have a thread write a piece as soon as there is room; return its sum."""
        lead = position % _PAGE // 4
        room = _rooms().get()
        try:
            total = int(swap_and_sum(words, room[lead : lead + len(words)]))
            task = _writers().submit(self._write, room, len(words), position)
        except BaseException:
            _rooms().put(room)
            raise
        self._under_way.append(task)
        return total

    def _write(self, room: Words, n_words: int, position: int) -> None:
        """Write a piece, which stands in its room as in its pages; give the room back."""
        try:
            pages = room.data.cast("B")
            before = position % _PAGE
            start, stop = position - before, before + 4 * n_words
            first, last = -(-before // _PAGE) * _PAGE, stop // _PAGE * _PAGE
            if first >= last:
                first = last = stop
            for low, high in ((before, first), (last, stop)):
                self._ends.append((bytes(pages[low:high]), start + low))
            self._write_pages(pages[first:last], start + first)
        finally:
            _rooms().put(room)

    def _write_pages(self, pages: memoryview, position: int) -> None:
        """Write whole pages; as usual what the system does not take directly."""
        written = 0
        try:
            written = os.pwrite(self._direct, pages, position) if pages else 0
        except OSError as error:
            if error.errno not in _REFUSALS:
                raise
        write_all(self._fd, pages[written:], position + written)

    def finish(self) -> None:
        """See `WordFile.finish`."""
        for task in self._under_way:
            task.result()
        self._under_way.clear()
        for end, position in self._ends:
            write_all(self._fd, end, position)
        self._ends.clear()

    def release(self) -> None:
        """See `WordFile.release`."""
        for task in self._under_way:
            task.exception()
        self._under_way.clear()
        direct, self._direct = self._direct, -1
        if direct >= 0:
            os.close(direct)
        super().release()


def open_words(path: Path, fd: int, size: int, *, read_back: bool) -> WordFile:
    """Return what takes the words of a file.

    Parameters
    ----------
    path, fd
        The file, and the same open for writing.
    size
        How large it will be [byte].
    read_back
        Whether it is read again soon.
    """
    if size >= _LARGE and not read_back:
        with suppress(OSError, AttributeError):  # not all file systems, only Linux
            return DirectFile(fd, os.open(path, os.O_WRONLY | os.O_DIRECT))
    return WordFile(fd, _swap_and_sum_few if size <= _SMALL else swap_and_sum)


def _swap_and_sum_few(words: Words, out: Words) -> int:
    """Do what `swap_and_sum` does without Numba."""
    out.view(">u4")[: len(words)] = words
    return int(words.sum(dtype=np.uint64))


@cache
def _rooms() -> SimpleQueue[Words]:
    """Return the rooms for pieces that are free, aligned to pages."""
    rooms: SimpleQueue[Words] = SimpleQueue()
    for _ in range(_N_ROOMS):
        rooms.put(np.frombuffer(mmap.mmap(-1, _ROOM), np.uint32))
    return rooms


@cache
def _writers() -> ThreadPoolExecutor:
    """Start the threads that wait for the disk."""
    return ThreadPoolExecutor(_N_WRITERS, "writing")


def write_all(fd: int, data: bytes | memoryview | NDArray[Any], position: int) -> None:
    """Write data whole: the system may take less than it is given."""
    view = memoryview(data.data if isinstance(data, np.ndarray) else data).cast("B")
    while view:
        written = os.pwrite(fd, view, position)
        view, position = view[written:], position + written
