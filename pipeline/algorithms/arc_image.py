"""Arc exposures of one lamp, combined, and cut into slices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.trace import evaluate
from pipeline.flags import Flag
from pipeline.spec import ImageWriter, Planes, blocks

Floats = NDArray[np.float64]

N_ROWS = 64
"""Rows in hand at a time."""
LOUDEST = 6e4
"""Largest noise that half precision holds [count]; what flat-fielding makes of gaps."""


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


@dataclass(frozen=True)
class LampImage:
    """Combined exposures of one lamp.

    ``light``: float32[ny, nx] [count]; ``noise``: float16[ny, nx], its standard
    deviation (half precision holds it to 0.05 %), infinite where a pixel is flagged;
    ``n_saturated``: saturated pixels.
    """

    light: NDArray[np.float32]
    noise: NDArray[np.float16]
    n_saturated: int

    def strip(self, curves: Floats) -> Strip:
        """Cut out a slice; ``curves``: float64[3, n], its trace polynomials."""
        ny, nx = self.light.shape
        _, left, right = evaluate(curves, np.arange(1.0, ny + 1))
        first = max(int(np.floor(left.min())) - 1, 0)
        last = min(int(np.ceil(right.max())), nx)
        return Strip(
            np.ascontiguousarray(self.light[:, first:last].T),
            np.ascontiguousarray(self.noise[:, first:last].T, dtype=np.float32),
            first,
            left,
            right,
        )


def combine_lamp(
    read: Callable[[slice], Planes],
    shape: tuple[int, int],
    products: Sequence[ImageWriter] = (),
) -> LampImage:
    """Gather the combined exposures of a lamp block by block.

    Parameters
    ----------
    read
        Returns rows of the combined exposures.
    shape
        Rows and columns.
    products
        Where every block is written, too.
    """
    light, noise = np.empty(shape, np.float32), np.empty(shape, np.float16)
    n_saturated = 0
    for rows in blocks(shape[0], N_ROWS):
        planes = read(rows)
        light[rows] = planes.data
        good = (planes.dq == 0) & np.isfinite(planes.data)
        noise[rows] = np.where(good, np.minimum(np.sqrt(planes.stat), LOUDEST), np.inf)
        n_saturated += int(np.count_nonzero(planes.dq & np.uint32(Flag.AD_SATURATED)))
        for product in products:
            product.write(rows, planes)
    return LampImage(light, noise, n_saturated)
