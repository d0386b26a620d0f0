"""Numbers about a cube that no recipe writes and that process checks need.

They are kept as QC1 values with names that begin with ``PHX``, so that they are measured
once and trends can be made of them.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.depth import MeanImage, NegativeVoxels, der_snr, histogram_mode
from pipeline.formats.cube import CubeFile, open_cube
from pipeline.spec import CubeFrame, blocks
from qc.process import OH_FREE

BACKGROUND = "PHX BACKGROUND"
NEGATIVE = "PHX NEGATIVE FRACTION"
SNR = "PHX SNR"
EXPECTED = "PHX SNR EXPECTED"
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
        through the reduction. Those that cannot be measured are left out.
    """
    cube = open_cube(path, "DATACUBE_FINAL")
    mean = MeanImage(cube.shape[1:])
    negative = NegativeVoxels()
    for planes in blocks(cube.shape[0], PLANES):
        data, _, stat = cube.read(planes)
        mean.add(data)
        negative.add(data, stat)
    image = mean.image()
    measured, expected = _signal_to_noise(cube, image)
    found = {
        BACKGROUND: _mode(image),
        NEGATIVE: negative.fraction(),
        SNR: measured,
        EXPECTED: expected,
    }
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _signal_to_noise(cube: CubeFile, image: NDArray[np.float64]) -> tuple[float, float]:
    """Return measured and expected signal-to-noise ratio, medians over the windows."""
    ranked = np.argsort(np.where(np.isfinite(image), image, -np.inf), axis=None)
    y, x = np.unravel_index(ranked[-N_BRIGHT:], image.shape)
    wavelength = plane_wavelengths(cube)
    ratios = []
    for low, high in OH_FREE:
        inside = np.flatnonzero((wavelength >= low) & (wavelength < high))
        if inside.size < N_BRIGHT:
            continue
        data, _, stat = cube.read(slice(int(inside[0]), int(inside[-1]) + 1))
        flux = np.asarray(np.nanmean(data[:, y, x], axis=1, dtype=np.float64))
        variance = np.nanmean(stat[:, y, x], axis=1, dtype=np.float64) / N_BRIGHT
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios.append((der_snr(flux), float(np.nanmedian(flux / np.sqrt(variance)))))
    if not ratios:
        return float("nan"), float("nan")
    measured, expected = np.median(np.array(ratios), axis=0)
    return float(measured), float(expected)


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
