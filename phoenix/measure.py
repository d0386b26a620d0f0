"""Numbers about a cube that no recipe writes and that process checks need.

They are kept as QC1 values with names that begin with ``PHX``, so that they are measured
once and trends can be made of them.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.covariance import noise_factor
from pipeline.algorithms.depth import (
    MeanImage,
    NegativeVoxels,
    der_snr,
    histogram_mode,
    limit_of_noise,
    limiting_magnitude,
    point_source_area,
)
from pipeline.formats.cube import CubeFile, open_cube
from pipeline.spec import CubeFrame, blocks
from qc.process import OH_FREE

BACKGROUND = "PHX BACKGROUND"
NEGATIVE = "PHX NEGATIVE FRACTION"
SNR = "PHX SNR"
EXPECTED = "PHX SNR EXPECTED"
DEPTH = "PHX DEPTH"
EXPECTED_DEPTH = "PHX DEPTH EXPECTED"
N_BRIGHT = 25
"""Spaxels whose mean makes the spectrum for the SNR check: an aperture of 1 arcsec2."""

PLANES = 32
"""Planes that are read together."""


def measure_cube(path: Path) -> dict[str, float]:
    """Measure a final cube.

    Returns
    -------
    dict
        ``PHX BACKGROUND``: mode of the white-light image [1e-20 erg/s/cm2/A];
        ``PHX NEGATIVE FRACTION``: of voxels below -5 sigma; ``PHX SNR``: of the brightest
        spaxels in OH-free windows, by DER_SNR, which does not use STAT; ``PHX SNR
        EXPECTED``: from the variance, which is that of the detected electrons carried
        through the reduction, and the noise factor of the resampling; ``PHX DEPTH``:
        5-sigma AB magnitude limit of a point source, from the scatter of the white-light
        image; ``PHX DEPTH EXPECTED``: from the variance and the noise factors. Those that
        cannot be measured are left out.
    """
    cube = open_cube(path, "DATACUBE_FINAL")
    mean, variance = MeanImage(cube.shape[1:]), MeanImage(cube.shape[1:])
    negative = NegativeVoxels()
    for planes in blocks(cube.shape[0], PLANES):
        data, _, stat = cube.read(planes)
        mean.add(data)
        variance.add(stat)
        negative.add(data, stat)
    image = mean.image()
    measured, expected = _signal_to_noise(cube, image)
    depth, expected_depth = _limits(cube, image, variance.image())
    found = {
        BACKGROUND: _mode(image),
        NEGATIVE: negative.fraction(),
        SNR: measured,
        EXPECTED: expected,
        DEPTH: depth,
        EXPECTED_DEPTH: expected_depth,
    }
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _signal_to_noise(cube: CubeFile, image: NDArray[np.float64]) -> tuple[float, float]:
    """Return measured and expected signal-to-noise ratio, medians over the windows."""
    ranked = np.argsort(np.where(np.isfinite(image), image, -np.inf), axis=None)
    y, x = np.unravel_index(ranked[-N_BRIGHT:], image.shape)
    wavelength = plane_wavelengths(cube)
    shared = noise_factor(cube.header, N_BRIGHT) ** 2
    ratios = []
    for low, high in OH_FREE:
        inside = np.flatnonzero((wavelength >= low) & (wavelength < high))
        if inside.size < N_BRIGHT:
            continue
        data, _, stat = cube.read(slice(int(inside[0]), int(inside[-1]) + 1))
        flux = np.asarray(np.nanmean(data[:, y, x], axis=1, dtype=np.float64))
        mean = np.nanmean(stat[:, y, x], axis=1, dtype=np.float64)
        variance = mean * shared / N_BRIGHT
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios.append((der_snr(flux), float(np.nanmedian(flux / np.sqrt(variance)))))
    if not ratios:
        return float("nan"), float("nan")
    measured, expected = np.median(np.array(ratios), axis=0)
    return float(measured), float(expected)


def _limits(
    cube: CubeFile, image: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[float, float]:
    """Return magnitude limits from the mean image and from the mean of the variances."""
    header, n_planes = cube.header, cube.shape[0]
    known = variance[np.isfinite(variance) & (variance > 0)]
    if "SKY_RES" not in header or not known.size:
        return float("nan"), float("nan")
    width = float(header["SKY_RES"]) / (3600.0 * abs(float(header["CD2_2"])))
    area = point_source_area(width)
    blue, red = plane_wavelengths(cube)[[0, -1]].tolist()
    shared = noise_factor(header, area, n_planes)
    noise = shared * np.sqrt(area * float(np.median(known)) / n_planes)
    return limiting_magnitude(image, width, blue, red), limit_of_noise(noise, blue, red)


def plane_wavelengths(cube: CubeFrame) -> NDArray[np.float64]:
    """Return the wavelength of every plane [Angstrom]."""
    header = cube.header
    start, step = float(header["CRVAL3"]), float(header["CD3_3"])
    planes = np.arange(1, cube.shape[0] + 1, dtype=np.float64)
    return start + (planes - float(header["CRPIX3"])) * step


def _mode(image: NDArray[np.float64]) -> float:
    """Return the mode of the finite pixels of an image."""
    values = image[np.isfinite(image)]
    return histogram_mode(values) if values.size else float("nan")
