"""Pieces of columns read from a file, in memory or not."""

import os
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.file_rows import read_rows

_LITTLE = sys.byteorder == "little"


def read_words(
    fd: int,
    offsets: Sequence[int],
    parts: Sequence[slice],
    columns: Sequence[NDArray[np.uint32]],
) -> None:
    """Read ranges of rows of columns; all that must come from the disk comes at once.

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
        If the file ends before.
    """
    rows = np.array([part.start for part in parts], np.int64)
    sizes = [max(part.stop - part.start, 0) for part in parts]
    bounds = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    whole = np.zeros((len(columns), len(parts)), np.bool_)

    def read(flags: int) -> int:
        return sum(
            read_rows(fd, offset, rows, bounds, flags, _LITTLE, column, done)
            for offset, column, done in zip(offsets, columns, whole, strict=True)
        )

    if read(os.RWF_NOWAIT) == 0:
        return
    for column, part in np.argwhere(~whole).tolist():
        position = offsets[column] + 4 * parts[part].start
        os.posix_fadvise(fd, position, 4 * sizes[part], os.POSIX_FADV_WILLNEED)
    if read(0) > 0:
        raise OSError("the file ends within its rows")
