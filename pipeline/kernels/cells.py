"""What bounds the pixels in each cell of a plane, and in the cells around."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

LOWEST, SECOND, HIGHEST, QUIETEST, NUMBER, SPARE = range(6)
"""What is known of a cell: its lowest, second lowest and highest value and its lowest
variance; how many pixels it has, and how many of them surely are not of one slice,
whichever that is."""

_STRIDE = 11
"""From the mark of a slice in one exposure to that in the next. Exposures are shifted by a
few slices on the sky, and slices next to each other have marks next to each other."""


@kernel
def clear_cells(cells: NDArray[np.float32], marks: NDArray[np.uint32]) -> None:
    """Fill in what is known of cells without pixels, see `describe_cells`."""
    for b in range(marks.shape[0]):
        for a in range(marks.shape[1]):
            cells[LOWEST, b, a], cells[SECOND, b, a] = np.inf, np.inf
            cells[HIGHEST, b, a], cells[QUIETEST, b, a] = -np.inf, np.inf
            cells[NUMBER, b, a], cells[SPARE, b, a] = 0, 0
            marks[b, a] = 0


@kernel
def describe_cells(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    slit: NDArray[np.int32],
    first_cell: int,
    values: NDArray[np.float32],
    cells: NDArray[np.float32],
    marks: NDArray[np.uint32],
) -> None:
    """Find what bounds the pixels in each cell of a plane.

    Parameters
    ----------
    start : int32[n_cells + 1]
        Where the pixels of each cell begin.
    light : float32[n, 2]
        Values and their variances, sorted by cell.
    slit : int32[n]
        ``exposure << 11 | ...``, see `pipeline.kernels.sorting.sort_pixels`.
    first_cell : int
        Number of the first cell of the plane.
    values : float32[n]
        Receives the values of the pixels in the plane: side by side they are read faster.
    cells : float32[6, ny + 2, nx + 2]
        Receives `LOWEST` to `SPARE`; infinite, for the highest value minus infinite, where
        there is none. The border is left as it is, here and below.
    marks : uint32[ny + 2, nx + 2]
        Receives a bit for each slice: cells without a common bit have no common slice.
    """
    ny, nx = marks.shape[0] - 2, marks.shape[1] - 2
    cell = first_cell
    for b in range(1, ny + 1):
        for a in range(1, nx + 1):
            low, high, quiet = np.float32(np.inf), np.float32(-np.inf), np.float32(np.inf)
            second, bits, n_bits = low, 0, 0
            for i in range(start[cell], start[cell + 1]):
                value = light[i, 0]
                values[i] = value
                second = min(second, max(low, value))
                low, high = min(low, value), max(high, value)
                quiet = min(quiet, light[i, 1])
                bit = 1 << (slit[i] + _STRIDE * (slit[i] >> 11) & 31)
                n_bits += int(bits & bit == 0)
                bits |= bit
            cells[LOWEST, b, a], cells[SECOND, b, a] = low, second
            cells[HIGHEST, b, a], cells[QUIETEST, b, a] = high, quiet
            cells[NUMBER, b, a] = start[cell + 1] - start[cell]
            cells[SPARE, b, a] = max(n_bits - 1, 0)
            marks[b, a] = bits
            cell += 1


@kernel
def field_minimum(values: NDArray[np.float32], minimum: NDArray[np.float32]) -> None:
    """Find the minimum of the 3 x 3 cells around each cell of a plane.

    Parameters
    ----------
    values : float32[ny + 2, nx + 2]
        Infinite at the border.
    minimum : float32[ny, nx]
        The result.
    """
    ny, nx = minimum.shape
    for b in range(ny):
        least = minimum[b]
        for a in range(nx):
            least[a] = np.inf
        for row in range(b, b + 3):
            line = values[row]
            for a in range(nx):
                least[a] = min(least[a], min(min(line[a], line[a + 1]), line[a + 2]))
