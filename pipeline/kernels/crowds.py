"""Cells whose pixels surely do not stand out from those of several exposures around.

In a crowd the median of what a pixel is compared with surely reaches a bar if fewer than
half of the pixels can lie below it. How many can, the lowest value of each cell tells, for
all cells of a plane with few vector instructions.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

_FEW = 16
"""Cells of a row that cost as much together as one that is looked at alone (measured)."""


@kernel
def describe_crowd(
    start: NDArray[np.int32],
    first_cell: int,
    low: NDArray[np.float32],
    runs: NDArray[np.int32],
    lowest: NDArray[np.float32],
    number: NDArray[np.float32],
    spare: NDArray[np.float32],
) -> None:
    """Fill in what `surely_half_reach` must know of the cells of a plane.

    Parameters
    ----------
    start : int32[n_cells + 1]
        Where the pixels of each cell begin.
    first_cell : int
        Number of the first cell of the plane.
    low, runs : float32[ny, nx], int32[ny, nx]
        Lowest value and most pixels of one exposure, see `pipeline.kernels.cells`.
    lowest, number, spare : float32[ny + 2, nx + 2]
        Receive the lowest value, the number of pixels, and that without ``runs``; the
        border is left as it is.
    """
    ny, nx = low.shape
    for b in range(ny):
        line = start[first_cell + b * nx : first_cell + (b + 1) * nx + 1]
        for a in range(nx):
            lowest[b + 1, a + 1] = low[b, a]
            number[b + 1, a + 1] = line[a + 1] - line[a]
            spare[b + 1, a + 1] = line[a + 1] - line[a] - runs[b, a]


@kernel
def surely_half_reach(
    lowest: NDArray[np.float32],
    number: NDArray[np.float32],
    spare: NDArray[np.float32],
    runs: NDArray[np.int32],
    highest: NDArray[np.float32],
    quietest: NDArray[np.float32],
    limit: float,
    wide: NDArray[np.int32],
    surely: NDArray[np.bool_],
) -> None:
    """Mark the cells of a plane none of whose pixels can stand out from the median.

    Parameters
    ----------
    lowest, number, spare : float32[3, ny + 2, nx + 2]
        Of the plane and those before and after it, in any order, see `describe_crowd`;
        infinite and 0 where there are no cells.
    runs, highest, quietest : int32, float32, float32, each [ny, nx]
        Of the plane: most pixels of one exposure and highest value of each cell, and
        lowest variance around it.
    limit : float
        How far above the median a pixel stands out, in units of the square root of that
        variance.
    wide : int32[n]
        Numbers of the cells within the plane that are asked about, rising.
    surely : bool[ny, nx]
        The result for rows with many of these cells, else False. A pixel leaves out those
        of its own slice, which are of one exposure, but for those in its cell.
    """
    nx = highest.shape[1]
    bar, n_low = np.empty(nx, np.float32), np.empty(nx, np.float32)
    n_used, none = np.empty(nx, np.float32), np.float32(0)
    surely[:] = False
    k = 0
    while k < wide.shape[0]:
        b, begin = wide[k] // nx, k
        while k < wide.shape[0] and wide[k] // nx == b:
            k += 1
        first = wide[begin] % nx
        n = wide[k - 1] % nx + 1 - first
        if (k - begin) * _FEW < n:
            continue
        for a in range(n):
            spread = np.sqrt(max(np.float64(quietest[b, first + a]), 0.0))
            exact = highest[b, first + a] - limit * spread
            bar[a] = exact + 1.2e-7 * abs(exact) + 1e-38  # float32, and not below it
            n_low[a], n_used[a] = none, runs[b, first + a]
        for plane in range(3):
            for row in range(b, b + 3):
                value = lowest[plane, row, first : first + n + 2]
                count = number[plane, row, first : first + n + 2]
                others = spare[plane, row, first : first + n + 2]
                for a in range(n):
                    left = count[a] if value[a] < bar[a] else none
                    middle = count[a + 1] if value[a + 1] < bar[a] else none
                    right = count[a + 2] if value[a + 2] < bar[a] else none
                    n_low[a] += left + middle + right
                    n_used[a] += others[a] + others[a + 1] + others[a + 2]
        for a in range(n):
            surely[b, first + a] = n_used[a] > 2 and n_used[a] > 2 * n_low[a]
