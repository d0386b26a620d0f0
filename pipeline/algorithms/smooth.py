"""Smoothing of response curves and lamp-flat spectra."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.spectrum import local_cubic, running_medians, running_moments

Method = Literal["none", "median", "ppoly"]

CUBIC_REACH = 150.0
"""Half width of the window of each cubic [Angstrom] (genuine pipeline)."""

RUNNING_REACH = 15.0
"""Half width of the running median or mean [Angstrom] (genuine pipeline)."""

KAPPA, N_ROUNDS = 3.0, 10
"""Rejection inside a window [rms] and its rounds."""

CUT_ON = {"WFM-NOAO-N": 4775.0, "WFM-AO-N": 4700.0}
"""Where the blue filter of an instrument mode has opened [Angstrom]; bluer parts fall so
steeply that smoothing would harm them (genuine pipeline)."""


class Smoothed(NamedTuple):
    """A smoothed spectrum and its errors, float64[n]."""

    values: NDArray[np.float64]
    errors: NDArray[np.float64]


def smooth_spectrum(
    wavelength: NDArray[np.float64],
    values: NDArray[np.float64],
    errors: NDArray[np.float64],
    method: Method,
    mode: str,
) -> Smoothed:
    """Smooth a spectrum redward of the blue cut-on of an instrument mode.

    Parameters
    ----------
    wavelength : float64[n]
        Rising [Angstrom].
    values, errors : float64[n]
        Spectrum and its errors.
    method
        ``none``; ``median``, a running median; ``ppoly``, a cubic around each point and
        then a running mean.
    mode
        ``ESO INS MODE``.

    Returns
    -------
    Smoothed
        Errors grow by the scatter around the smooth curve.
    """
    if method == "none":
        return Smoothed(values.copy(), errors.copy())
    used = wavelength >= CUT_ON.get(mode, 0.0)
    result = Smoothed(values.copy(), errors.copy())
    x, y, e = wavelength[used], values[used], errors[used]
    if method == "ppoly":
        weight = 1.0 / np.maximum(e, 1e-3 * np.median(e) + 1e-12) ** 2
        y, scatter = local_cubic(x, y, weight, CUBIC_REACH, KAPPA, N_ROUNDS)
        e = np.hypot(e, scatter)
        mean, deviation = running_moments(y, *window_limits(x, RUNNING_REACH))
        result.values[used], result.errors[used] = mean, np.hypot(e, deviation)
    else:
        limits = window_limits(x, RUNNING_REACH)
        middle = running_medians(y, *limits)
        result.values[used] = middle
        ranges = zip(middle, *limits, strict=True)
        spread = [float(np.median(np.abs(y[a:b] - m))) for m, a, b in ranges]
        result.errors[used] = np.maximum(spread, running_medians(e, *limits))
    return result


def window_limits(
    x: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first point within ``reach`` of each point and the one after the last."""
    return np.searchsorted(x, x - reach, "left"), np.searchsorted(x, x + reach, "right")
