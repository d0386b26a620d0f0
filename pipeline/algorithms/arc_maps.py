"""Images for a look at a wavelength solution: arcs in rows of equal wavelength, a map."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_image import N_ROWS, ArcImage
from pipeline.algorithms.wavelength import Surface
from pipeline.instrument import DISPERSION
from pipeline.kernels.arc_rows import resample_slice
from pipeline.spec import Header, Planes, blocks

SLICE_WIDTH = 82
"""Columns of a slice in the resampled image [pix] (genuine pipeline)."""
RADIUS = 1.25
"""Radius of the weights in rows of the image [pix] (genuine pipeline)."""


def resampled(
    image: ArcImage, surfaces: Sequence[Surface]
) -> tuple[NDArray[np.float32], Header]:
    """Return the slices of an image side by side, rows being wavelengths.

    Returns
    -------
    light : float32[n_rows, SLICE_WIDTH * n_slices]
        Counts [count], 0 where there is no pixel.
    header
        The axes.
    """
    low, high = _extremes(image, surfaces)
    n_rows = int(np.ceil((high - low) / DISPERSION)) + 1
    light = np.zeros((n_rows, SLICE_WIDTH * len(surfaces)), np.float32)
    for s, (strip, surface) in enumerate(zip(image.strips(), surfaces, strict=True)):
        there = np.zeros((n_rows, SLICE_WIDTH), np.float32)
        resample_slice(
            strip.light,
            strip.noise,
            strip.first,
            strip.left,
            strip.right,
            surface.coefficients,
            low,
            DISPERSION,
            RADIUS * DISPERSION,
            there,
        )
        light[:, SLICE_WIDTH * s : SLICE_WIDTH * (s + 1)] = there
    return light, {
        "CTYPE1": "PIXEL",
        "CTYPE2": "AWAV",
        "CUNIT1": "pixel",
        "CUNIT2": "Angstrom",
        "CRPIX1": 1.0,
        "CRPIX2": 1.0,
        "CRVAL1": 1.0,
        "CRVAL2": low,
        "CD1_1": 1.0,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": DISPERSION,
    }


def _extremes(image: ArcImage, surfaces: Sequence[Surface]) -> tuple[float, float]:
    """Return the lowest and highest wavelength inside all slices [Angstrom]."""
    ny = image.shape[0]
    ends = [
        surface.at(np.array([left[0], right[0], left[-1], right[-1]]), _corners(ny))
        for surface, left, right in zip(surfaces, image.left, image.right, strict=True)
    ]
    return float(np.min(ends)), float(np.max(ends))


def _corners(ny: int) -> NDArray[np.float64]:
    """Return the rows of the corners of a slice [pix, 1-based]."""
    return np.array([1.0, 1.0, ny, ny])


def wave_map(
    image: ArcImage, surfaces: Sequence[Surface]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield rows of the map of wavelengths [Angstrom], 0 between the slices."""
    ny, nx = image.shape
    columns = np.arange(1.0, nx + 1)
    for rows in blocks(ny, N_ROWS):
        waves = np.zeros((rows.stop - rows.start, nx), np.float32)
        y = np.arange(rows.start + 1.0, rows.stop + 1)[:, None]
        for left, right, surface in zip(image.left, image.right, surfaces, strict=True):
            low, high = left[rows, None], right[rows, None]
            some = slice(max(int(low.min()) - 1, 0), min(int(high.max()) + 1, nx))
            x = columns[some]
            inside = (x >= np.ceil(low)) & (x <= np.floor(high))
            there = surface.at(*np.broadcast_arrays(x, y))
            waves[:, some] = np.where(inside, there, waves[:, some])
        yield rows, waves


def as_planes(data: NDArray[np.float32]) -> Planes:
    """Return an image without errors as what writers take."""
    return Planes(data, np.zeros(data.shape, np.uint32), np.zeros(data.shape, np.float32))
