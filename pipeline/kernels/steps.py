"""Where wavelengths lie among bins and bands of equal width, for some pixels at a time.

`AT_ONCE` pixels are few enough for the fastest cache, and loops without branches over them
become vector instructions: several times as fast as to look for one pixel after the other.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spectrum import AT_ONCE

__all__ = ["AT_ONCE", "find_bands", "find_steps"]


@kernel
def find_steps(
    wavelength: NDArray[np.float32],
    steps: tuple[float, float, int],
    offset: float,
    number: NDArray[np.int32],
) -> None:
    """Find the step of a range of wavelengths that each of some pixels lies in.

    Parameters
    ----------
    wavelength : float32[m]
        Of the pixels, at most `AT_ONCE` [Angstrom].
    steps
        A wavelength in the first step, the width of the steps [Angstrom] and their number.
    offset : float
        Where in the first step that wavelength lies: 0 at its begin, 0.5 in its middle.
    number : int32[AT_ONCE]
        Receives the number of the step; outside of all -1 or how many there are.
    """
    first, width, n = steps
    for i in range(wavelength.shape[0]):
        place = np.floor((np.float64(wavelength[i]) - first) / width + offset)
        place = place if place > -1.0 else np.float64(-1.0)
        place = place if place < n else np.float64(n)
        number[i] = np.int32(place)


@kernel
def find_bands(
    wavelength: NDArray[np.float32],
    bands: tuple[float, float, int],
    band: NDArray[np.int32],
    redward: NDArray[np.float64],
) -> None:
    """Find the bands between whose middles each of some pixels lies.

    Parameters
    ----------
    wavelength : float32[m]
        Of the pixels, at most `AT_ONCE` [Angstrom].
    bands
        Blue edge of the first band, width [Angstrom] and number of bands.
    band, redward : int32[AT_ONCE], float64[AT_ONCE]
        Receive the number of the band whose middle lies before, at most that of the last
        but one, and the part of the way to the next middle, from 0 to 1. Beyond the first
        and the last middle they are those of the middle.
    """
    blue, width, n = bands
    last, reddest = np.int32(max(n - 2, 0)), np.float64(n - 1)
    for i in range(wavelength.shape[0]):
        where = (np.float64(wavelength[i]) - blue) / width - 0.5
        where = where if where > 0.0 else np.float64(0.0)
        where = where if where < reddest else reddest
        b = np.int32(where)
        b = b if b < last else last
        band[i] = b
        redward[i] = where - b
