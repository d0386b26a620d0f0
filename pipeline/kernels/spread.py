"""Centre and spread of a few values."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

IRAF, MEAN, MEDIAN = 0, 1, 2
"""Statistics: mean and its error from the variances, mean and standard deviation,
median and median absolute deviation."""


_FEW = 16
"""Values that are put in order sooner than those around their middle are counted."""


@kernel
def median(values: NDArray[np.floating], n: int) -> float:
    """Return the median of ``values[:n]``, whose order is changed."""
    return _middle(values, n, n // 2, n % 2 == 1)


@kernel
def median_of_many(values: NDArray[np.float32], n: int, work: NDArray[np.float32]) -> float:
    """Return the median of ``values[:n]``, found by counting where most of them lie.

    Counts need no decisions, which take most of the time of putting values in order.
    ``work`` has as many elements.
    """
    low, high = values[0], values[0]
    for k in range(1, n):
        low, high = min(low, values[k]), max(high, values[k])
    lower, upper, limit = (n - 1) // 2, n // 2, np.float32(np.inf)
    n_below, n_until = 0, n
    while n_until - n_below > _FEW:
        split = np.float32(0.5 * (low + high))
        if not low < split < limit:
            break
        n_left = 0
        for k in range(n):
            n_left += int(values[k] < split)
        if n_left <= lower:
            low, n_below = split, n_left
        elif n_left > upper:
            high, limit, n_until = split, split, n_left
        else:
            return _around(values, n, split)
    m = 0
    for k in range(n):
        work[m] = values[k]
        m += int(low <= values[k] and (n_until == n or values[k] < limit))
    return _middle(work, m, upper - n_below, n % 2 == 1)


@kernel
def _around(values: NDArray[np.float32], n: int, split: np.float32) -> float:
    """Return the mean of the values next to one that is between them."""
    below, above = np.float32(-np.inf), np.float32(np.inf)
    for k in range(n):
        if values[k] < split:
            below = max(below, values[k])
        else:
            above = min(above, values[k])
    return 0.5 * (float(below) + float(above))


@kernel
def _middle(values: NDArray[np.floating], n: int, rank: int, alone: bool) -> float:
    """Return the value of a rank, or the mean of it and the one before."""
    upper = _select(values, n, rank)
    if alone:
        return upper
    lower = values[0]
    for k in range(1, rank):
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
