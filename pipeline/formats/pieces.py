"""Pieces of columns read from a file, in memory or not."""

import os
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.file_rows import read_rows
from pipeline.kernels.words import swap

_LITTLE = sys.byteorder == "little"

_AT_LEAST = 32 << 10
"""Bytes that a disk is asked for at least at the place of a piece: those behind it come
next, and fewer cost as much time (measured: of 8 exposures, 26 s become 16)."""


def read_words(
    fd: int,
    offsets: Sequence[int],
    parts: Sequence[slice],
    columns: Sequence[NDArray[np.uint32]],
) -> None:
    """Read ranges of rows of columns; all that must come from the disk comes at once.

    So does what lies behind a short range.

    Parameters
    ----------
    fd
        Of the file.
    offsets
        Where each column begins in it [byte]: words of 4 bytes, the highest first.
    parts
        Ranges of rows.
    columns : uint32[n] each
        Receive the rows one after the other.

    Raises
    ------
    OSError
        If the file ends before, or cannot be read.
    ValueError
        If a column is not as long as all ranges, or has gaps.
    """
    rows = np.array([part.start for part in parts], np.int64)
    sizes = np.array([max(part.stop - part.start, 0) for part in parts], np.int64)
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    if any(len(c) != bounds[-1] or not c.flags.c_contiguous for c in columns):
        raise ValueError(f"columns are not {bounds[-1]} words without gaps")
    whole = np.zeros((len(columns), len(parts)), np.bool_)

    def read(flags: int) -> int:
        return sum(
            read_rows(fd, offset, rows, bounds, flags, _LITTLE, column, done)
            for offset, column, done in zip(offsets, columns, whole, strict=True)
        )

    def missing() -> Iterator[tuple[int, NDArray[np.uint32]]]:
        for k, i in np.argwhere(~whole & (sizes > 0)).tolist():
            yield offsets[k] + 4 * parts[i].start, columns[k][bounds[i] : bounds[i + 1]]

    if read(os.RWF_NOWAIT) == 0:
        return
    for position, room in missing():
        length = max(room.nbytes, _AT_LEAST)
        os.posix_fadvise(fd, position, length, os.POSIX_FADV_WILLNEED)
    if read(0) > 0:
        for position, room in missing():
            _read_on(fd, position, room)


def _read_on(fd: int, position: int, room: NDArray[np.uint32]) -> None:
    """Read what the system gives in parts only, or tell why it does not."""
    view = memoryview(room.data).cast("B")
    while view:
        n_bytes = os.preadv(fd, [view], position)
        if n_bytes == 0:
            raise OSError("the file ends within its rows")
        view, position = view[n_bytes:], position + n_bytes
    if _LITTLE:
        swap(room)
