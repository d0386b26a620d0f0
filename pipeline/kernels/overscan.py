"""Robust level and scatter of a few whole numbers: pixels of the overscan."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

_USUAL = 8.0
"""Median absolute deviations within which pixels tell the scatter."""


@kernel
def level_and_scatter(pixels: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median of pixels and their robust standard deviation around it.

    Parameters
    ----------
    pixels : float64[n]
        Whole numbers [adu].

    Returns
    -------
    level, scatter : float
        Median, and root mean square of the distances from it of up to eight times their
        median (at least half an adu) [adu].
    """
    n = pixels.shape[0]
    low, high = pixels[0], pixels[0]
    for k in range(n):
        low, high = min(low, pixels[k]), max(high, pixels[k])
    counts = np.zeros(int(high - low) + 1, np.int64)
    for k in range(n):
        counts[int(pixels[k] - low)] += 1
    level = low + _median(counts, n)
    halves = np.zeros(int(2 * (high - low)) + 1, np.int64)  # distances in half adu
    for k in range(len(counts)):
        halves[int(2 * abs(low + k - level))] += counts[k]
    limit = _USUAL * max(0.5 * _median(halves, n), 0.5)
    squares, usual = 0.0, 0
    for k in range(len(halves)):
        if 0.5 * k <= limit:
            squares += halves[k] * (0.5 * k) ** 2
            usual += halves[k]
    return level, np.sqrt(squares / usual)


@kernel
def _median(counts: NDArray[np.int64], n: int) -> float:
    """Return the median place of ``n`` counted things."""
    below, k = counts[0], 0
    while below <= (n - 1) // 2:
        k += 1
        below += counts[k]
    first = k
    while below <= n // 2:
        k += 1
        below += counts[k]
    return 0.5 * (first + k)
