"""Shifts of pixels in the field of view."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spectrum import AT_ONCE, find_places


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
        What is added [pix], beyond the ends the last value.
    """
    before, rest = np.empty(AT_ONCE, np.int32), np.empty(AT_ONCE)
    last = np.int32(shift_x.shape[0] - 1)
    for start in range(0, x.shape[0], AT_ONCE):
        some = slice(start, min(start + AT_ONCE, x.shape[0]))
        right, up = x[some], y[some]
        find_places(wavelength[some], first, step, shift_x.shape[0], before, rest)
        for i in range(right.shape[0]):
            k, behind = np.uint32(before[i]), np.uint32(min(before[i] + 1, last))
            right[i] += shift_x[k] * (1.0 - rest[i]) + shift_x[behind] * rest[i]
            up[i] += shift_y[k] * (1.0 - rest[i]) + shift_y[behind] * rest[i]
