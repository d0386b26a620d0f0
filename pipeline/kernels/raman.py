"""Light that the air scatters from the laser guide stars: lines, uneven over the field."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spectrum import at_wavelength


@kernel
def line_light(
    wavelength: NDArray[np.float32],
    origin: NDArray[np.uint32],
    first: float,
    step: float,
    spectra: NDArray[np.float64],
    row_of: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Return the line spectrum of its slice at each pixel, float64[n].

    Parameters
    ----------
    wavelength, origin : [n]
        Pixels.
    first, step
        First wavelength of the spectra and step [Angstrom]; 0 outside of them.
    spectra : float64[n_spectra, n_samples]
    row_of : int32[2048]
        Spectrum for the lower 11 bits of ``origin``; negative for none.
    """
    light = np.zeros(wavelength.shape[0])
    last = first + step * (spectra.shape[1] - 1)
    for i in range(wavelength.shape[0]):
        row = row_of[origin[i] & np.uint32(0x7FF)]
        if row >= 0 and wavelength[i] >= first and wavelength[i] <= last:
            light[i] = at_wavelength(wavelength[i], first, step, spectra[row])
    return light


@kernel
def subtract_uneven(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    data: NDArray[np.float32],
    light: NDArray[np.float64],
    shape: NDArray[np.float64],
) -> None:
    """Subtract light times a polynomial over the field from pixels, in place.

    Parameters
    ----------
    x, y, data : float32[n]
        Pixels; places in the field [pix].
    light : float64[n]
        In the middle of the field.
    shape : float64[5]
        Factors of x^2, x y, y^2, x, y; the polynomial is 1 at x = y = 0.
    """
    for i in range(data.shape[0]):
        if light[i] != 0.0:
            a, b = np.float64(x[i]), np.float64(y[i])
            place = 1.0 + a * (shape[0] * a + shape[1] * b + shape[3])
            place += b * (shape[2] * b + shape[4])
            data[i] -= light[i] * place
