"""Least squares of a curve with few parameters, without the start of scipy (0.4 s).

Levenberg (1944, Q. Appl. Math. 2, 164) and Marquardt (1963, J. SIAM 11, 431).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CurveAt = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Values float64[n] and derivatives float64[n, k] of a curve for some parameters."""

N_STEPS = 100
"""Steps at most; a line takes ten."""

AT_REST = 1e-10
"""Change of the sum of squares, relative to it, below which a fit is at rest."""


def fit_curve(
    curve: Callable[[NDArray[np.float64]], CurveAt],
    start: NDArray[np.float64],
    values: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Fit a curve to values of equal weight.

    Parameters
    ----------
    curve
        From parameters float64[k] to values and derivatives.
    start : float64[k]
        First guess.
    values : float64[n]
        What is fitted.

    Returns
    -------
    float64[k] or None
        The parameters; None if the fit did not come to rest.
    """
    best, damping = np.array(start, np.float64), 1e-3
    model, jacobian = curve(best)
    rest = values - model
    total = float(rest @ rest)
    for _ in range(N_STEPS):
        matrix, gradient = jacobian.T @ jacobian, jacobian.T @ rest
        size = np.diag(matrix)
        size = np.where(size > 0, size, 1.0)
        trial = best + np.linalg.solve(matrix + damping * np.diag(size), gradient)
        with np.errstate(all="ignore"):  # a step too far is undone
            model, found = curve(trial)
            left = values - model
            now = float(left @ left)
        if now < total:
            gain = total - now
            best, jacobian, rest, total = trial, found, left, now
            damping = max(0.1 * damping, 1e-12)
            if gain <= AT_REST * total:
                return best
        elif damping > 1e12 or abs(now - total) <= AT_REST * total:  # also for now = nan
            return best if np.isfinite(total) else None
        else:
            damping *= 10.0
    return None
