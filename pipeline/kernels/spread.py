"""Centre and spread of a few values."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

IRAF, MEAN, MEDIAN = 0, 1, 2
"""Statistics: mean and its error from the variances, mean and standard deviation,
median and median absolute deviation."""


@kernel
def median(values: NDArray[np.floating], n: int) -> float:
    """Return the median of ``values[:n]``, whose order is changed."""
    upper = _select(values, n, n // 2)
    if n % 2 == 1:
        return upper
    lower = values[0]
    for k in range(1, n // 2):
        lower = max(lower, values[k])
    return 0.5 * (float(lower) + upper)


@kernel
def _select(values: NDArray[np.floating], n: int, rank: int) -> float:
    """Return the value of a rank and put the smaller ones before it (Hoare 1961)."""
    low, high = 0, n - 1
    while low < high:
        pivot = values[rank]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < rank:
            low = i
        if rank < i:
            high = j
    return float(values[rank])


@kernel
def level_and_spread(
    values: NDArray[np.float32], variances: NDArray[np.float32], n: int, statistic: int
) -> tuple[float, float]:
    """Return the centre of ``values[:n]`` and the spread that a limit is made of."""
    if statistic == MEDIAN:
        level = median(values, n)
        for k in range(n):
            values[k] = abs(values[k] - level)
        return level, median(values, n)
    level = 0.0
    variance = 0.0
    for k in range(n):
        level += values[k]
        variance += variances[k]
    level /= n
    if statistic == IRAF:
        return level, np.sqrt(variance) / n
    squares = 0.0
    for k in range(n):
        squares += (values[k] - level) ** 2
    return level, np.sqrt(squares / (n - 1))
