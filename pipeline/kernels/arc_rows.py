"""Arc spectra of a slice resampled onto rows of equal wavelength, for the eye."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.pixels import polynomial, row_terms

CLOSEST = 1e-6
"""Smallest distance [Angstrom]: the weight is infinite at 0."""


@kernel
def resample_slice(
    light: NDArray[np.float32],
    noise: NDArray[np.float32],
    first: int,
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    lowest: float,
    step: float,
    radius: float,
    image: NDArray[np.float32],
) -> None:
    """Resample a slice onto rows of equal wavelength, between nearest columns.

    Parameters
    ----------
    light, noise : float32[n_columns, ny]
        Counts of the slice, column by column, and their noise [count], infinite where a
        pixel must not be used.
    first : int
        Detector column of the first one [pix, 0-based].
    left, right : float64[ny]
        Edges of the slice [pix, 1-based].
    coefficients : float64[n_x, n_y]
        Wavelengths: powers of the 1-based column and row [Angstrom].
    lowest, step : float
        Wavelength of the first row of the image and distance of its rows [Angstrom].
    radius : float
        Distance at which the weight of a pixel drops to zero [Angstrom] (Renka 1988).
    image : float32[n_rows, width]
        Receives the light [count]; columns run against those of the detector, as in the
        field of view. Places without a pixel keep their value.
    """
    n_rows, width = image.shape
    total, weights = np.empty(n_rows), np.empty(n_rows)
    terms = np.empty(coefficients.shape[0])
    for column in range(width):
        total[:], weights[:] = 0.0, 0.0
        part = (column + 0.5) / width
        for y in range(light.shape[1]):
            x = math.floor(right[y] - part * (right[y] - left[y]) + 0.5)
            c = x - 1 - first
            if c < 0 or c >= light.shape[0] or not math.isfinite(noise[c, y]):
                continue
            row_terms(coefficients, y + 1.0, terms)
            place = (polynomial(terms, x) - lowest) / step
            low = max(math.ceil(place - radius / step), 0)
            high = min(math.floor(place + radius / step), n_rows - 1)
            for row in range(low, high + 1):
                r = max(abs(row - place) * step, CLOSEST)
                weight = (max(radius - r, 0.0) / (radius * r)) ** 2
                total[row] += weight * light[c, y]
                weights[row] += weight
        for row in range(n_rows):
            if weights[row] > 0.0:
                image[row, column] = total[row] / weights[row]
