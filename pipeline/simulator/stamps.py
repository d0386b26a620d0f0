"""Images of sources as the telescope forms them, on a fine grid in the field."""

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from scipy.signal import fftconvolve

Stamp = NDArray[np.float32]

GRID = 0.2
"""Sampling of a stamp [pix of 0.2 arcsec]."""
NODES = (4500.0, 6000.0, 7500.0, 9500.0)
"""Wavelengths at which stamps are made [Angstrom]."""


def star_profile(radius: NDArray[np.float64], fwhm: float) -> NDArray[np.float64]:
    """Return the surface brightness of a star of unit flux; units as of radius^-2.

    The long-exposure image through Kolmogorov turbulence: 86 percent in a Moffat
    profile with beta 7 and 14 percent with beta 2 (Racine 1996, PASP 108, 699).
    """
    total = np.zeros_like(radius)
    for share, beta in ((0.86, 7.0), (0.14, 2.0)):
        alpha = fwhm / (2 * math.sqrt(2 ** (1 / beta) - 1))
        peak = (beta - 1) / (math.pi * alpha**2)
        total += share * peak * (1 + (radius / alpha) ** 2) ** -beta
    return np.asarray(total)


def _grid(reach: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y [pix] of a stamp that reaches so far [pix]."""
    n = round(reach / GRID)
    axis = np.arange(-n, n + 1) * GRID
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return x, y


def _over_pixel(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over one pixel of the field (a box of 5 grid steps)."""
    box = np.ones((5, 5)) / 25
    return np.asarray(fftconvolve(image, box, mode="same"))


@lru_cache(maxsize=16)
def star_stamps(fwhms: tuple[float, ...], reach: float = 36.0) -> Stamp:
    """Return images of a star of unit flux, float32[n, m, m] per pixel of the field.

    ``fwhms``: width [arcsec] at each of `NODES`; ``reach`` [pix].
    """
    x, y = _grid(reach)
    radius = np.hypot(x, y)
    stamps = [_over_pixel(star_profile(radius, fwhm / 0.2)) for fwhm in fwhms]
    return np.array(stamps, np.float32)


@lru_cache(maxsize=64)
def galaxy_stamps(
    fwhms: tuple[float, ...],
    radius: float,
    axis_ratio: float,
    direction: tuple[float, float],
    half: int = 0,
) -> Stamp:
    """Return images of an exponential disc of unit flux, seen through the seeing.

    Parameters
    ----------
    fwhms
        Width of the seeing [arcsec] at each of `NODES`.
    radius
        Scale length of the major axis [arcsec].
    axis_ratio
        Minor over major axis.
    direction
        Unit vector of the major axis in the field.
    half
        1 or -1: only the half of the disc on that side of the minor axis (of unit
        flux too): the approaching and the receding side of a rotating one.
    """
    reach = min(max(10.0, 7 * radius / 0.2), 60.0) + 12.0
    x, y = _grid(reach)
    along = x * direction[0] + y * direction[1]
    across = -x * direction[1] + y * direction[0]
    disc = np.exp(-np.hypot(along, across / axis_ratio) / (radius / 0.2))
    if half:
        disc = disc * (along * half > 0)
    disc /= disc.sum() * GRID**2
    sx, sy = _grid(16.0)
    stamps = []
    for fwhm in fwhms:
        star = _over_pixel(star_profile(np.hypot(sx, sy), fwhm / 0.2))
        star /= star.sum()
        stamps.append(fftconvolve(disc, star, mode="same"))
    return np.array(stamps, np.float32)


@lru_cache(maxsize=2)
def cube_stamps(
    path: Path, north: tuple[float, float]
) -> tuple[Stamp, NDArray[np.float64]]:
    """Return the planes of a real cube and their wavelengths [Angstrom, air].

    ``path``: a cube in 1e-20 erg/s/cm^2/Angstrom per spaxel of 0.2 arcsec, North up,
    East left, wavelengths linear; ``north``: direction of North in the field. The
    planes, float32[n, m, m] with m odd, are turned into the field.
    """
    with fits.open(path, memmap=False) as units:
        unit = units["DATA"]
        data, header = np.nan_to_num(unit.data), unit.header
    step = header.get("CD3_3", header.get("CDELT3"))
    first = header["CRVAL3"] + (1 - header["CRPIX3"]) * step
    nodes = first + step * np.arange(data.shape[0])
    m = max(data.shape[1:]) | 1
    x, y = np.array(north) / np.hypot(*north)
    turn = np.array([[y, x], [-x, y]])
    offset = (np.array(data.shape[1:]) - 1) / 2 - turn @ np.array([(m - 1) / 2] * 2)
    planes = [affine_transform(p, turn, offset, (m, m), order=1) for p in data]
    return np.array(planes, np.float32) * np.float32(1e-20), nodes.astype(float)
