"""Arc exposures of one lamp, combined, and cut into slices."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.trace import evaluate
from pipeline.kernels.strips import LIGHT, NOISE, fill_strips
from pipeline.spec import Planes, blocks

Floats = NDArray[np.float64]

N_ROWS = 64
"""Rows in hand at a time."""


class Strip(NamedTuple):
    """One slice, column by column.

    ``light``: float32[n_columns, n_rows] [count]; ``noise``: its standard deviation,
    infinite where a pixel is flagged; ``first``: detector column of the first [0-based];
    ``left``, ``right``: float64[n_rows], edges [pix, 1-based].
    """

    light: NDArray[np.float32]
    noise: NDArray[np.float32]
    first: int
    left: Floats
    right: Floats

    def columns(self, rows: Floats) -> NDArray[np.int64]:
        """Return first, middle and last column inside the slice at rows [0-based]."""
        k = np.clip(np.rint(rows).astype(np.int64), 0, len(self.left) - 1)
        first = np.ceil(self.left[k]).astype(np.int64) - 1 - self.first
        last = np.floor(self.right[k]).astype(np.int64) - 1 - self.first
        n = len(self.light)
        first, last = np.clip(first, 0, n - 1), np.clip(last, 0, n - 1)
        return np.stack([first, (first + last) // 2, last], axis=1)


class ArcImage:
    """The slices of an image, which is filled again for each lamp.

    Parameters
    ----------
    shape
        Rows and columns of the detector [pix].
    curves : float64[n_slices, 3, n]
        Trace polynomials.

    Attributes
    ----------
    left, right : float64[n_slices, n_rows]
        Edges of the slices [pix, 1-based].
    first, n_columns : int64[n_slices]
        First detector column [0-based] of a slice and how many it takes.
    light, noise : uint16[n_slices, n_most, n_rows]
        Counts and their noise, column by column, coded (`pipeline.kernels.strips`).
    """

    def __init__(self, shape: tuple[int, int], curves: Floats) -> None:
        self.shape = shape
        ny, nx = shape
        edges = evaluate(curves, np.arange(1.0, ny + 1))
        self.left, self.right = np.ascontiguousarray(np.moveaxis(edges[:, 1:], 1, 0))
        first = np.floor(self.left.min(axis=1)).astype(np.int64) - 1
        last = np.ceil(self.right.max(axis=1)).astype(np.int64)
        self.first = np.clip(first, 0, nx)
        self.n_columns = np.maximum(np.clip(last, 0, nx) - self.first, 0)
        size = (len(curves), int(self.n_columns.max()), ny)
        self.light, self.noise = np.zeros(size, np.uint16), np.zeros(size, np.uint16)

    def fill(self, read: Callable[[slice], Planes]) -> None:
        """Take the exposures of a lamp, block by block."""
        for rows in blocks(self.shape[0], N_ROWS):
            planes = read(rows)
            fill_strips(
                *planes, rows.start, self.first, self.n_columns, self.light, self.noise
            )

    def strips(self) -> Iterator[Strip]:
        """Yield the slices from left to right."""
        for s, n in enumerate(self.n_columns):
            first = int(self.first[s])
            light, noise = LIGHT[self.light[s, :n]], NOISE[self.noise[s, :n]]
            yield Strip(light, noise, first, self.left[s], self.right[s])
