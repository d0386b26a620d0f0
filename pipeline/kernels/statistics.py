"""Sums over pixels that are gathered block by block."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def add_to_statistics(
    data: NDArray[np.float32],
    first: float,
    width: float,
    sums: NDArray[np.float64],
    histogram: NDArray[np.int64],
) -> None:
    """Add pixels to running sums and a histogram.

    Parameters
    ----------
    data : float32[ny, nx]
        Values; all count, flagged or not, except NaN.
    first, width : float
        Lower limit and width of the bins.
    sums : float64[5]
        Number, sum, sum of squares, smallest and largest value, updated in place.
    histogram : int64[n_bins]
        Number of values in each bin, updated in place; the outermost bins take what
        lies beyond.
    """
    last = histogram.shape[0] - 1
    n, total, squares = 0, 0.0, 0.0
    low, high = sums[3], sums[4]
    for y in range(data.shape[0]):
        for x in range(data.shape[1]):
            value = np.float64(data[y, x])  # float() would stay single precision
            if value == value:
                n += 1
                total += value
                squares += value * value
                low, high = min(low, value), max(high, value)
                histogram[int(min(max((value - first) / width, 0.0), last))] += 1
    sums[0] += n
    sums[1] += total
    sums[2] += squares
    sums[3], sums[4] = low, high
