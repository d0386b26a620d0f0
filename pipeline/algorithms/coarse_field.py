"""The field in few, broad planes: where stars are found, and where they drift."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.grid import Grid
from pipeline.algorithms.resample import Resampling, make_slab
from pipeline.spec import Planes

Floats = NDArray[np.float64]

STEP = 50.0
"""Sampling in wavelength [Angstrom] (genuine pipeline)."""

RESAMPLING = Resampling("drizzle", (1.0, 1.0, 1.0), 1, "median", 25.0)
"""Large drops that leave no gaps; rejection that spares stars (genuine pipeline)."""


def coarse_grid(field: FieldExposure) -> Grid:
    """Return the grid of an exposure with broad planes."""
    grid = field.grid
    low, high = field.extent.wavelength
    n_planes = int(np.ceil((high - low) / STEP)) + 1
    return replace(grid, shape=(n_planes, *grid.shape[1:]), step=STEP)


def image_around(field: FieldExposure, plane: int) -> tuple[Floats, Floats]:
    """Return the median of a broad plane and its neighbours, and its variance."""
    grid = coarse_grid(field)
    rows = slice(max(plane - 1, 0), min(plane + 2, grid.shape[0]))
    return median_image(make_slab([field.placed], grid, RESAMPLING, rows).planes)


def median_image(planes: Planes) -> tuple[Floats, Floats]:
    """Return the median of planes and its variance, float64[ny, nx].

    The median of n normal deviates is 1.57 times as variable as their mean, of three
    1.35 times.
    """
    data = np.where(planes.dq == 0, planes.data, np.nan).astype(np.float64)
    stat = np.where(planes.dq == 0, planes.stat, np.nan).astype(np.float64)
    seen = np.isfinite(data).sum(axis=0)
    ordered = np.sort(data, axis=0)  # missing ones last
    low = np.take_along_axis(ordered, np.maximum(seen - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(ordered, (seen // 2)[None] % len(data), axis=0)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.nansum(stat, axis=0) / np.square(seen, dtype=np.float64)
    variance = np.where(seen > 2, 1.35 * variance, variance)
    return np.where(seen > 0, 0.5 * (low + high), np.nan), variance
