"""What a page shows of a cube, gathered slab by slab so that large cubes stay on disk."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoenix.measure import plane_wavelengths
from pipeline.algorithms.covariance import spectrum_factors
from pipeline.spec import CubeFrame, blocks

CLEAN_WINDOWS = ((5300.0, 5400.0), (6050.0, 6150.0), (6690.0, 6790.0), (8110.0, 8210.0))
"""Windows without strong sky lines or telluric absorption [Angstrom]; the first inside
the cube serves the signal-to-noise figure. From the shipped table of sky lines."""

APERTURE = 3.0
"""Radius of the aperture around the brightest source [spaxel]."""


@dataclass(frozen=True)
class CubeSummary:
    """A cube in a few arrays.

    ``white``: mean over wavelength, float32[y, x], NaN outside the field;
    ``wavelength`` [Angstrom]; ``source`` and ``source_sigma``: spectrum summed in an
    aperture around the brightest source and its standard error, from STAT and the noise
    factor of the aperture; ``blank``:
    median spectrum of the fainter half of the field; all float64[wavelength] in the
    unit of the cube. ``signal``, ``noise``, ``expected``: of each spaxel in a clean
    window: mean, scatter between neighbouring voxels, and what STAT says.
    """

    white: NDArray[np.float32]
    wavelength: NDArray[np.float64]
    source: NDArray[np.float64]
    source_sigma: NDArray[np.float64]
    blank: NDArray[np.float64]
    centre: tuple[int, int]
    window: tuple[float, float]
    signal: NDArray[np.float64]
    noise: NDArray[np.float64]
    expected: NDArray[np.float64]


def white_light(cube: CubeFrame, size: int = 64) -> NDArray[np.float32]:
    """Return the mean over wavelength, float32[y, x]; NaN where no voxel is valid."""
    total = np.zeros(cube.shape[1:])
    number = np.zeros(cube.shape[1:], np.int64)
    for planes in blocks(cube.shape[0], size):
        data = cube.read(planes).data
        good = np.isfinite(data)
        total += np.where(good, data, 0).sum(axis=0, dtype=np.float64)
        number += good.sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)


def _brightest(white: NDArray[np.float32]) -> tuple[int, int]:
    """Return row and column of the peak of the image smoothed over 3 x 3 spaxels."""
    padded = np.pad(np.nan_to_num(white, nan=0.0), 1, mode="edge")
    ny, nx = white.shape
    smooth = sum(padded[j : j + ny, i : i + nx] for j in range(3) for i in range(3))
    smooth = np.where(np.isfinite(white), smooth, -np.inf)
    y, x = np.unravel_index(int(np.argmax(smooth)), white.shape)
    return int(y), int(x)


def _clean_window(wavelength: NDArray[np.float64]) -> tuple[float, float]:
    """Return the first clean window that the cube covers, or its middle 100 Angstrom."""
    for low, high in CLEAN_WINDOWS:
        if wavelength[0] <= low and high <= wavelength[-1]:
            return low, high
    middle = float(wavelength[len(wavelength) // 2])
    return middle - 50.0, middle + 50.0


def summarise(cube: CubeFrame, size: int = 64) -> CubeSummary:
    """Return the summary of a cube, read twice in slabs of ``size`` planes."""
    white = white_light(cube, size)
    wavelength = plane_wavelengths(cube)
    y0, x0 = _brightest(white)
    rows, columns = np.indices(white.shape)
    aperture = (rows - y0) ** 2 + (columns - x0) ** 2 <= APERTURE**2
    inside = np.isfinite(white)
    faint = inside & (white <= np.median(white[inside])) if inside.any() else inside
    low, high = _clean_window(wavelength)
    n_spaxels = int(np.count_nonzero(aperture & inside))
    shared = spectrum_factors(cube.header, n_spaxels, wavelength)

    source, variance, blank = (np.full(len(wavelength), np.nan) for _ in range(3))
    window_data, window_stat = [], []
    for planes in blocks(cube.shape[0], size):
        slab = cube.read(planes)
        data, stat = slab.data, slab.stat
        source[planes] = np.nansum(data[:, aperture], axis=1, dtype=np.float64)
        variance[planes] = np.nansum(stat[:, aperture], axis=1, dtype=np.float64)
        blank[planes] = _finite_median(data[:, faint])
        chosen = (wavelength[planes] >= low) & (wavelength[planes] < high)
        window_data.append(data[chosen])
        window_stat.append(stat[chosen])
    signal, noise, expected = _signal_and_noise(
        np.concatenate(window_data), np.concatenate(window_stat)
    )
    return CubeSummary(
        white,
        wavelength,
        source,
        shared * np.sqrt(variance),
        blank,
        (y0, x0),
        (low, high),
        signal,
        noise,
        expected,
    )


def _finite_median(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the median of each row over its finite values; NaN where there is none."""
    result = np.full(len(values), np.nan)
    for k, row in enumerate(values):
        finite = row[np.isfinite(row)]
        if finite.size:
            result[k] = np.median(finite)
    return result


def _signal_and_noise(
    data: NDArray[np.float32], stat: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean, DER_SNR noise and expected noise of the complete spaxels.

    The noise is that of Stoehr et al. 2008 (ASP 394, 505): 1.482602 / sqrt(6) times the
    median of ``|2 f(i) - f(i-2) - f(i+2)|``, which does not use STAT.
    """
    complete = np.isfinite(data).all(axis=0) & np.isfinite(stat).all(axis=0)
    if len(data) < 5 or not complete.any():
        empty = np.empty(0)
        return empty, empty, empty
    f = data[:, complete].astype(np.float64)
    noise = 0.6052697 * np.median(np.abs(2 * f[2:-2] - f[:-4] - f[4:]), axis=0)
    return f.mean(axis=0), noise, np.sqrt(stat[:, complete].mean(axis=0, dtype=np.float64))
