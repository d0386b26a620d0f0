"""Extremes of the pixels in each cell of a plane, and of the cells around."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def cell_extremes(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    first_cell: int,
    lowest: NDArray[np.float32],
    highest: NDArray[np.float32],
    quietest: NDArray[np.float32],
) -> None:
    """Find lowest and highest value and lowest variance of each cell of a plane.

    Parameters
    ----------
    start : int32[n_cells + 1]
        Where the pixels of each cell begin.
    light : float32[n, 2]
        Values and their variances, sorted by cell.
    first_cell : int
        Number of the first cell of the plane.
    lowest, highest, quietest : float32[ny, nx]
        The results; infinite, minus infinite and infinite in empty cells.
    """
    ny, nx = lowest.shape
    cell = first_cell
    for b in range(ny):
        for a in range(nx):
            low, high, quiet = np.float32(np.inf), np.float32(-np.inf), np.float32(np.inf)
            for i in range(start[cell], start[cell + 1]):
                low = min(low, light[i, 0])
                high = max(high, light[i, 0])
                quiet = min(quiet, light[i, 1])
            lowest[b, a], highest[b, a], quietest[b, a] = low, high, quiet
            cell += 1


@kernel
def field_minimum(values: NDArray[np.float32], minimum: NDArray[np.float32]) -> None:
    """Find the minimum of the 3 x 3 cells around each cell of a plane.

    Parameters
    ----------
    values : float32[ny, nx]
        Changed: receives the minimum along x alone.
    minimum : float32[ny, nx]
        The result; cells beyond the border count as infinite.
    """
    ny, nx = values.shape
    for b in range(ny):
        line, along_x = values[b], minimum[b]
        for a in range(nx):
            along_x[a] = line[a]
        for a in range(nx - 1):
            along_x[a] = min(along_x[a], line[a + 1])
        for a in range(1, nx):
            along_x[a] = min(along_x[a], line[a - 1])
        for a in range(nx):
            line[a] = along_x[a]
    for b in range(ny):
        for n in (b - 1, b + 1):
            if 0 <= n < ny:
                for a in range(nx):
                    minimum[b, a] = min(minimum[b, a], values[n, a])


@kernel
def longest_runs(
    start: NDArray[np.int32],
    slit: NDArray[np.int32],
    first_cell: int,
    runs: NDArray[np.int32],
) -> None:
    """Find how many pixels an exposure has at most in each cell of a plane.

    Parameters
    ----------
    start : int32[n_cells + 1]
        Where the pixels of each cell begin; those of an exposure follow each other.
    slit : int32[n]
        ``exposure << 11 | ...``, see `pipeline.kernels.sorting.sort_pixels`.
    first_cell : int
        Number of the first cell of the plane.
    runs : int32[ny, nx]
        The result.
    """
    ny, nx = runs.shape
    cell = first_cell
    for b in range(ny):
        for a in range(nx):
            first, stop = start[cell], start[cell + 1]
            longest, length, last = min(stop - first, 1), 0, -1
            for i in range(first, stop if stop > first + 1 else first):
                exposure = slit[i] >> 11
                length = length + 1 if exposure == last else 1
                last = exposure
                longest = max(longest, length)
            runs[b, a] = longest
            cell += 1
