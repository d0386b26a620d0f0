"""Cubic B-splines on equidistant knots."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def spline_weights(u: Floats) -> tuple[Floats, ...]:
    """Return the values of the four cubic B-splines at places in an interval, 0 to 1."""
    v = 1 - u
    return (
        v**3 / 6,
        (4 + u * u * (3 * u - 6)) / 6,
        (4 + v * v * (3 * v - 6)) / 6,
        u**3 / 6,
    )


def spline_matrix(place: Floats, n: int) -> Floats:
    """Return the values of all splines, float64[n_places, n + 3].

    Parameters
    ----------
    place : float64[n_places]
        Where, 0 to ``n``, in units of the distance of the knots.
    n
        Number of intervals.
    """
    i = np.minimum(place.astype(int), n - 1)
    found = np.zeros((len(place), n + 3))
    for a, weight in enumerate(spline_weights(place - i)):
        found[np.arange(len(place)), i + a] = weight
    return found
