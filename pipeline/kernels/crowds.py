"""Cells whose pixels surely do not stand out from the median of what is around.

The median of what a pixel is compared with surely reaches a bar if fewer than half of the
pixels can lie below it. How many can, the two lowest values of each cell tell, for many
cells of a plane with few vector instructions.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.cells import HIGHEST, LOWEST, NUMBER, SECOND, SPARE

_FEW = 16
"""Cells of a row that cost as much together as one that is looked at alone (measured)."""


@kernel
def unsure_cells(
    cells: NDArray[np.float32],
    marks: NDArray[np.uint32],
    c: int,
    quietest: NDArray[np.float32],
    limit: float,
    wide: NDArray[np.int32],
) -> int:
    """Pick cells of a plane whose pixels may stand out from the median.

    Parameters
    ----------
    cells, marks : float32[3, 6, ny + 2, nx + 2], uint32[3, ny + 2, nx + 2]
        Of planes ``c - 1`` to ``c + 1``, each at its number modulo 3, see
        `pipeline.kernels.cells.describe_cells`.
    c : int
        Number of the plane.
    quietest : float32[ny, nx]
        Lowest variance around each cell of the plane.
    limit : float
        How far above the median a pixel stands out, in units of the square root of that
        variance.
    wide : int32[n]
        Numbers of the cells within the plane that are asked about, rising.

    Returns
    -------
    n_unsure : int
        How many are picked: the first ones in ``wide`` now.
    """
    nx = quietest.shape[1]
    bar, balance = np.empty(nx, np.float32), np.empty(nx, np.float32)
    k, n_unsure = 0, 0
    while k < wide.shape[0]:
        begin, b, first = k, wide[k] // nx, wide[k] % nx
        last = first
        while k < wide.shape[0] and wide[k] <= b * nx + min(last + _FEW, nx - 1):
            last = wide[k] - b * nx
            k += 1
        n = last + 1 - first
        for a in range(n):
            spread = np.sqrt(max(np.float64(quietest[b, first + a]), 0.0))
            exact = cells[c % 3, HIGHEST, b + 1, first + a + 1] - limit * spread
            bar[a] = exact + 1.2e-7 * abs(exact) + 1e-38  # float32, and not below it
        _balances(cells, marks, c % 3, b, first, bar, balance[:n])
        for m in range(begin, k):
            wide[n_unsure] = wide[m]
            n_unsure += int(balance[wide[m] - b * nx - first] <= 0)
    return n_unsure


@kernel
def _balances(
    cells: NDArray[np.float32],
    marks: NDArray[np.uint32],
    here: int,
    b: int,
    first: int,
    bar: NDArray[np.float32],
    balance: NDArray[np.float32],
) -> None:
    """Find how many pixels are surely used, less twice those that may lie below a bar.

    Used for cells ``first``, ... of row ``b``: all pixels around but for those of the own
    slice, which only the own cell surely keeps. ``bar`` and ``balance``, float32[n]: of
    each cell; ``here``: where its plane is.
    """
    n = balance.shape[0]
    own = marks[here, b + 1, first + 1 : first + n + 1]
    number = cells[here, NUMBER, b + 1, first + 1 : first + n + 1]
    spare = cells[here, SPARE, b + 1, first + 1 : first + n + 1]
    for a in range(n):
        balance[a] = number[a] - spare[a]
    for plane in range(3):
        for row in range(b, b + 3):
            low = cells[plane, LOWEST, row, first : first + n + 2]
            second = cells[plane, SECOND, row, first : first + n + 2]
            number = cells[plane, NUMBER, row, first : first + n + 2]
            spare = cells[plane, SPARE, row, first : first + n + 2]
            bits = marks[plane, row, first : first + n + 2]
            for a in range(n):
                m, r = a + 1, a + 2
                left = _net(
                    low[a], second[a], number[a], spare[a], bits[a] & own[a], bar[a]
                )
                middle = _net(
                    low[m], second[m], number[m], spare[m], bits[m] & own[a], bar[a]
                )
                right = _net(
                    low[r], second[r], number[r], spare[r], bits[r] & own[a], bar[a]
                )
                balance[a] += left + middle + right


@kernel
def _net(
    lowest: np.float32,
    second: np.float32,
    number: np.float32,
    spare: np.float32,
    shared: int,
    bar: np.float32,
) -> np.float32:
    """Return the pixels of a cell that are surely used, less twice those below a bar."""
    n_low = number if second < bar else np.float32(1)
    n_used = spare if shared else number
    return n_used - (n_low + n_low if lowest < bar else np.float32(0))
