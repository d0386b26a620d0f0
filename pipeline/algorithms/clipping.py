"""Means of a few values, of which some deviate."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAD_TO_SIGMA = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""

N_ROUNDS = 15
"""Rounds of rejection at most (genuine pipeline)."""


def clipped(
    values: Array, *, kappa: float, n_stop: int, robust: bool
) -> tuple[float, float, int]:
    """Return mean and scatter of values without those that deviate from their median.

    Parameters
    ----------
    values : float64[n]
        At least one.
    kappa
        Limit in units of the scatter.
    n_stop
        No more are rejected when fewer than this would be left.
    robust
        The scatter is the median absolute deviation, as a standard deviation; otherwise
        it is the standard deviation.

    Returns
    -------
    mean, scatter, n
        Of those that are left, and their number.
    """
    for _ in range(N_ROUNDS):
        middle = np.median(values)
        scatter = _scatter(values, robust)
        keep = np.abs(values - middle) < kappa * scatter
        if keep.sum() < n_stop or keep.all():
            break
        values = values[keep]
    return float(values.mean()), _scatter(values, robust), values.size


def _scatter(values: Array, robust: bool) -> float:
    """Return the scatter of values."""
    if robust:
        return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))
    return float(values.std())
