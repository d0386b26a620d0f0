"""Rows of an image on the disk while they are not finished."""

import os

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.wordfile import write_all
from pipeline.spec import Planes

_TYPES = (np.float32, np.uint32, np.float32)


class SpooledImage:
    """DATA, DQ and STAT in a file; implements `pipeline.spec.ImageSpool`.

    Parameters
    ----------
    fd
        The file, open for reading and writing, and left open.
    shape
        Rows and columns.
    """

    def __init__(self, fd: int, shape: tuple[int, int]) -> None:
        self._fd, self.shape = fd, shape

    def write(self, rows: slice, planes: Planes) -> None:
        """Keep some rows; those that are there already are replaced."""
        for i, plane in enumerate(planes):
            write_all(self._fd, np.ascontiguousarray(plane), self._place(i, rows))

    def read(self, rows: slice) -> Planes:
        """Return DATA, DQ and STAT of some rows that were written."""
        return Planes._make(self._plane(i, rows) for i in range(3))

    def _plane(self, i: int, rows: slice) -> NDArray[np.float32] | NDArray[np.uint32]:
        """Return some rows of one plane."""
        values = np.empty((rows.stop - rows.start, self.shape[1]), _TYPES[i])
        if os.preadv(self._fd, [values.data], self._place(i, rows)) < values.nbytes:
            raise EOFError(f"rows {rows.start} to {rows.stop} were not written")
        return values

    def _place(self, i: int, rows: slice) -> int:
        """Return the byte where some rows of one plane begin."""
        row: int = i * self.shape[0] + rows.start
        return 4 * row * self.shape[1]
