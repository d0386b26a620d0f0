"""Extremes of the pixels in each cell of a slab, and of the cells around."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def cell_extremes(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    shape: tuple[int, int, int],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return lowest and highest value and lowest variance of each cell.

    Parameters
    ----------
    start : int32[n_cells + 1]
        Where the pixels of each cell begin.
    light : float32[n, 2]
        Values and their variances, sorted by cell.
    shape : (int, int, int)
        Planes, rows and columns of cells.

    Returns
    -------
    lowest, highest, quietest : float32[nz, ny, nx]
        Infinite, minus infinite and infinite in empty cells.
    """
    n_cells = start.shape[0] - 1
    lowest = np.full(n_cells, np.inf, np.float32)
    highest = np.full(n_cells, -np.inf, np.float32)
    quietest = np.full(n_cells, np.inf, np.float32)
    for cell in range(n_cells):
        for i in range(start[cell], start[cell + 1]):
            lowest[cell] = min(lowest[cell], light[i, 0])
            highest[cell] = max(highest[cell], light[i, 0])
            quietest[cell] = min(quietest[cell], light[i, 1])
    return lowest.reshape(shape), highest.reshape(shape), quietest.reshape(shape)


@kernel
def field_minimum(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the minimum of the 3 x 3 cells around each cell of its plane.

    Parameters
    ----------
    values : float32[nz, ny, nx]
        Not modified.

    Returns
    -------
    minimum : float32[nz, ny, nx]
        Cells beyond the border count as infinite.
    """
    nz, ny, nx = values.shape
    along_x = values.copy()
    for c in range(nz):
        for b in range(ny):
            for a in range(nx - 1):
                along_x[c, b, a] = min(along_x[c, b, a], values[c, b, a + 1])
            for a in range(1, nx):
                along_x[c, b, a] = min(along_x[c, b, a], values[c, b, a - 1])
    minimum = along_x.copy()
    for c in range(nz):
        for b in range(ny):
            for n in (b - 1, b + 1):
                if 0 <= n < ny:
                    for a in range(nx):
                        minimum[c, b, a] = min(minimum[c, b, a], along_x[c, n, a])
    return minimum


@kernel
def plane_minimum(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the minimum of each cell and those in the planes before and after it.

    Parameters
    ----------
    values : float32[nz, ny, nx]
        Not modified.

    Returns
    -------
    minimum : float32[nz, ny, nx]
        Planes beyond the border count as infinite.
    """
    nz, ny, nx = values.shape
    minimum = values.copy()
    for c in range(nz):
        for n in (c - 1, c + 1):
            if 0 <= n < nz:
                for b in range(ny):
                    for a in range(nx):
                        minimum[c, b, a] = min(minimum[c, b, a], values[n, b, a])
    return minimum
