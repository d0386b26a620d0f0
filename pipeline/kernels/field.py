"""Shifts of pixels in the field of view."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spectrum import place_between


@kernel
def shift_by_spectrum(
    wavelength: NDArray[np.float32],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    first: float,
    step: float,
    shift_x: NDArray[np.float64],
    shift_y: NDArray[np.float64],
) -> None:
    """Move pixels in place by a shift that depends on wavelength.

    Parameters
    ----------
    wavelength : float32[n]
        Of the pixels [Angstrom].
    x, y : float32[n]
        Positions [pix], changed.
    first, step
        Wavelength of the first shift and the step between shifts [Angstrom].
    shift_x, shift_y : float64[n_shifts]
        What is added [pix], beyond the ends the last value; two or more.
    """
    for i in range(x.shape[0]):
        k, rest = place_between(wavelength[i], first, step, shift_x.shape[0])
        x[i] += shift_x[k] * (1.0 - rest) + shift_x[k + 1] * rest
        y[i] += shift_y[k] * (1.0 - rest) + shift_y[k + 1] * rest
