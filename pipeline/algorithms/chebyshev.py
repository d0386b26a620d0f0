"""Chebyshev polynomials over a range, as powers of the place itself."""

import numpy as np
from numpy.typing import NDArray


def chebyshev_powers(limits: tuple[float, float], n: int) -> NDArray[np.float64]:
    """Return the first ``n`` Chebyshev polynomials as polynomials of the place.

    Parameters
    ----------
    limits
        Range that is scaled to -1 ... 1 for them.
    n
        How many.

    Returns
    -------
    NDArray
        float64[n, n], by polynomial the coefficients of rising powers; a series with
        coefficients ``c`` has those of ``c @ powers``.
    """
    low, high = limits
    unit = np.zeros(n)
    unit[:2] = [-(high + low) / (high - low), 2 / (high - low)][:n]
    powers = np.zeros((n, n))
    powers[0, 0] = 1.0
    if n > 1:
        powers[1] = unit
    for k in range(2, n):
        times = unit[0] * powers[k - 1]
        times[1:] += unit[1] * powers[k - 1, :-1]
        powers[k] = 2 * times - powers[k - 2]
    return powers
