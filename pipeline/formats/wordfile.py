"""Words of four bytes on their way into a file that is open for writing.

To write past the memory of the system (``O_DIRECT``) was tried: muse_scipost gained
nothing, and muse_scibasic, whose pieces are short, took 1.6 times as long.
"""

import os
from collections.abc import Callable
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


class WordFile:
    """Takes words for a file that is open for writing; threads may share it.

    Parameters
    ----------
    fd
        Of the file.
    size
        How large it will be [byte].
    """

    def __init__(self, fd: int, size: int) -> None:
        self._fd, self._writeback = fd, Writeback(fd)
        self._swap: Callable[[Words, Words], int] = (
            _swap_and_sum_few if size <= _SMALL else swap_and_sum
        )

    def put(self, words: Words, position: int) -> int:
        """Write words in big-endian order to a place; return their plain sum."""
        total = 0
        swapped = np.empty(min(len(words), _CACHED), np.uint32)
        for first in range(0, len(words), _CACHED):
            some = words[first : first + _CACHED]
            total += int(self._swap(some, swapped))
            write_all(self._fd, swapped[: len(some)], position + 4 * first)
        self._writeback.add(4 * len(words))
        return total

    def release(self) -> None:
        """Let go of the file, whether all is well or not.

        What is put later is lost: by then the system may have given its number to another.
        """
        self._fd = -1


def _swap_and_sum_few(words: Words, out: Words) -> int:
    """Do what `swap_and_sum` does without Numba."""
    out.view(">u4")[: len(words)] = words
    return int(words.sum(dtype=np.uint64))


def write_all(fd: int, data: bytes | memoryview | NDArray[Any], position: int) -> None:
    """Write data whole: the system may take less than it is given."""
    view = memoryview(data.data if isinstance(data, np.ndarray) else data).cast("B")
    while view:
        written = os.pwrite(fd, view, position)
        view, position = view[written:], position + written
