"""What the slow guiding system records beside a science exposure.

Three extensions follow those of the IFUs (MUSE pipeline manual, appendix A): ``SGS_IMG``,
the mean of the images of the field around; ``SGS_CUBE``, one image about every two
minutes; ``SGS_DATA``, one row an image with four numbers and ten for each star.
"""

import math
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.simulator.atmosphere import seeing
from pipeline.simulator.exposure import Exposure

CADENCE = 120.0
"""Time from image to image [s]."""

WIDTH = {"full": 1024, "mini": 64}
"""Rows and columns of an image [pix]."""

N_STARS = 3
SCALE = 0.2
"""[arcsec/pix]"""

_OF_IMAGE = ("TIME", "DX", "DY", "ANGLE")
_OF_STAR = ("X", "Y", "FLUX", "FWHM", "FWHMX", "FWHMY", "PA", "BACKGROUND", "SNR", "USED")

Image = NDArray[np.float32]


def guide_extensions(
    exposure: Exposure, size: Size
) -> list[fits.ImageHDU | fits.BinTableHDU]:
    """Return the extensions SGS_IMG, SGS_CUBE and SGS_DATA of an exposure."""
    rng = np.random.default_rng([exposure.seed, 1024])
    width, n_images = WIDTH[size.name], max(math.ceil(exposure.exptime / CADENCE), 1)
    places = rng.uniform(0.1 * width, 0.9 * width, (N_STARS, 2))
    stars = np.column_stack([places, rng.uniform(500, 5000, N_STARS)])
    drifts = np.cumsum(rng.normal(0, 0.05, (n_images, 2)), axis=0)
    fwhm = float(seeing(exposure, np.array([6500.0]))[0]) / SCALE
    images = [_image(rng, width, stars + np.array([*drift, 0.0]), fwhm) for drift in drifts]
    cube = np.stack(images)
    rows = _rows(stars, drifts, fwhm)
    columns = [fits.Column(n, "D", array=v) for n, v in rows.items()]
    return [
        fits.ImageHDU(cube.mean(axis=0, dtype=np.float64).astype("f4"), name="SGS_IMG"),
        fits.ImageHDU(cube, name="SGS_CUBE"),
        fits.BinTableHDU.from_columns(columns, name="SGS_DATA"),
    ]


def _image(
    rng: np.random.Generator, width: int, stars: NDArray[np.float64], fwhm: float
) -> Image:
    """Return an image of stars (x, y, peak) on a noisy sky, float32[width, width]."""
    image = rng.normal(100.0, 10.0, (width, width))
    place = np.arange(width)
    sigma = fwhm / 2.3548
    for x, y, peak in stars:
        along = np.exp(-0.5 * ((place - x) / sigma) ** 2)
        image += peak * np.exp(-0.5 * ((place[:, None] - y) / sigma) ** 2) * along
    return image.astype(np.float32)


def _rows(
    stars: NDArray[np.float64], drifts: NDArray[np.float64], fwhm: float
) -> dict[str, NDArray[Any]]:
    """Return the columns of SGS_DATA."""
    n_images = len(drifts)
    time = (np.arange(n_images) + 0.5) * CADENCE
    values = (time, drifts[:, 0], drifts[:, 1], np.zeros(n_images))
    columns: dict[str, NDArray[Any]] = dict(zip(_OF_IMAGE, values, strict=True))
    for number, (x, y, peak) in enumerate(stars, 1):
        flux = 2 * np.pi * peak * (fwhm / 2.3548) ** 2
        constants = (flux, fwhm, fwhm, fwhm, 0.0, 100.0, peak / 10.0, 1.0)
        star = [x + drifts[:, 0], y + drifts[:, 1]]
        star += [np.full(n_images, value) for value in constants]
        for name, column in zip(_OF_STAR, star, strict=True):
            columns[f"STAR{number}_{name}"] = column
    return columns
