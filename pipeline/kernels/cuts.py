"""Groups of detector rows averaged into cuts, deviant pixels left out."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spread import median

SUSPICIOUS = 3.0
"""Deviation from the mean that a column shows if up to three pixels in 32 are defective,
and one in twelve does without any [standard deviations]."""
DEFECTIVE = 5.0
"""Deviation from the median of a defective pixel [robust standard deviations]."""


@kernel
def average_rows(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    cuts: NDArray[np.float32],
) -> None:
    """Average groups of rows.

    Parameters
    ----------
    data : float32[ny, nx]
        Light [count]; flagged pixels and those that are not finite are left out.
    dq : uint32[ny, nx]
        Flags.
    starts, stops : int64[n_cuts]
        First row of each group, and the row after its last.
    cuts : float32[n_cuts, nx]
        Result: mean of the good pixels [count]; NaN where there is none. In columns
        where any pixel is suspicious those that are defective are left out.
    """
    nx = data.shape[1]
    n, total, squares = np.empty(nx), np.empty(nx), np.empty(nx)
    low, high = np.empty(nx, np.float32), np.empty(nx, np.float32)
    for cut in range(cuts.shape[0]):
        n[:], total[:], squares[:], low[:], high[:] = 0.0, 0.0, 0.0, np.inf, -np.inf
        for y in range(starts[cut], stops[cut]):
            row, flags = data[y], dq[y]
            for x in range(nx):
                value = row[x]
                good = flags[x] == 0 and abs(value) < np.inf
                wide = np.float64(value) if good else 0.0
                n[x] += 1.0 if good else 0.0
                total[x] += wide
                squares[x] += wide * wide
                low[x] = value if good and value < low[x] else low[x]
                high[x] = value if good and value > high[x] else high[x]
        for x in range(nx):
            if n[x] == 0.0:
                cuts[cut, x] = np.nan
                continue
            mean = total[x] / n[x]
            scatter = np.sqrt(max(squares[x] / n[x] - mean * mean, 0.0))
            cuts[cut, x] = mean
            if max(high[x] - mean, mean - low[x]) > SUSPICIOUS * scatter:
                cuts[cut, x] = _clipped_mean(data, dq, starts[cut], stops[cut], x)


@kernel
def _clipped_mean(
    data: NDArray[np.float32], dq: NDArray[np.uint32], start: int, stop: int, x: int
) -> float:
    """Return the mean of the good pixels of a column that are near their median."""
    values, distances = np.empty(stop - start), np.empty(stop - start)
    n = 0
    for y in range(start, stop):
        if dq[y, x] == 0 and abs(data[y, x]) < np.inf:
            values[n] = data[y, x]
            distances[n] = values[n]
            n += 1
    middle = median(distances, n)
    for i in range(n):
        distances[i] = abs(values[i] - middle)
    limit = DEFECTIVE * 1.4826 * median(distances, n)
    total, n_kept = 0.0, 0
    for i in range(n):
        if abs(values[i] - middle) <= limit:
            total += values[i]
            n_kept += 1
    return total / n_kept
