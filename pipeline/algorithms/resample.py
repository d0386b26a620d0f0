"""From the pixels of one or more exposures to the planes of a cube, slab by slab.

A slab reads the pixels of its planes and of a halo around them, places them on the grid,
rejects cosmic rays and resamples the rest. Slabs are independent and give the same
voxels wherever the cube is cut, so several are made at once and memory stays bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil
from operator import or_
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.astrometry import Matrix, apply, change_of_tangent
from pipeline.algorithms.grid import ANGSTROM_PER_PIXEL, Extent, Grid
from pipeline.algorithms.slab import Sampled, Step, run_steps
from pipeline.flags import Flag
from pipeline.kernels.project import plane_from_native, project
from pipeline.kernels.reject import IRAF, MEAN, MEDIAN, flag_outliers
from pipeline.kernels.resample import (
    cell_numbers,
    drizzle,
    nearest,
    reached_spaxels,
    sort_by_cell,
    weighted_means,
)
from pipeline.spec import Pixels, Planes

Method = Literal["drizzle", "nearest"]

STATISTICS = {"iraf": IRAF, "mean": MEAN, "median": MEDIAN}

N_IFUS = 24

_BYTES_PER_VOXEL, _BYTES_PER_PIXEL = 80, 120
"""Memory of a slab in work, as measured."""

_TALLEST = 64
"""Planes of a slab at most; taller ones gain nothing."""


@dataclass(frozen=True)
class Resampling:
    """How pixels become voxels.

    Parameters
    ----------
    method
        ``drizzle`` or ``nearest``.
    pixfrac
        Size of a drop along x, y and wavelength [detector pixel]. The pixels of a slice
        share their distance from the planes: a drop of a whole pixel weights two
        neighbours so that their mean wavelength is that of the plane, a smaller one
        does not, and emission lines move.
    reach
        Farthest voxel a pixel may add to, counted from its own.
    statistic, sigma
        Cosmic-ray rejection: ``iraf``, ``mean`` or ``median``; limit in units of the
        spread, none if not positive.
    """

    method: Method
    pixfrac: tuple[float, float, float]
    reach: int
    statistic: str
    sigma: float


@dataclass(frozen=True)
class PlacedExposure:
    """An exposure, what is to be done with its pixels and where they lie on the sky.

    Parameters
    ----------
    pixels
        Its pixel table.
    steps
        Applied to pixels as read.
    matrix : float64[3, 3] or None
        From field coordinates to the tangent plane [arcsec]; None for a table whose
        coordinates are native spherical ones.
    tangent
        RA and DEC of its tangent point [deg].
    stretch
        Factor of the wavelengths, applied last.
    weight, scale
        Weight in the combination and factor of the fluxes.
    """

    pixels: Sampled
    steps: tuple[Step, ...]
    matrix: Matrix | None
    tangent: tuple[float, float]
    stretch: float = 1.0
    weight: float = 1.0
    scale: float = 1.0

    def extent(self, tangent: tuple[float, float]) -> Extent:
        """Return the extent of the pixels in the plane that touches at ``tangent``."""
        turn = change_of_tangent(self.tangent, tangent)

        def extent(window: Pixels) -> Extent:
            pixels = run_steps(window, self.steps)
            x, y = apply(turn, *(a.astype(np.float64) for a in self._on_plane(pixels)))
            wavelength = pixels.wavelength.astype(np.float64) * self.stretch
            ranges = ((float(a.min()), float(a.max())) for a in (x, y, wavelength))
            return Extent(*ranges)

        extents = list(self.pixels.windows(extent))
        if not extents:
            raise ValueError("a pixel table without segments")
        return reduce(or_, extents)

    def _on_plane(self, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return coordinates in the exposure's tangent plane [arcsec]."""
        if self.matrix is None:
            return plane_from_native(pixels.xpos, pixels.ypos)
        return project(pixels.xpos, pixels.ypos, self.matrix)

    def place(self, grid: Grid, low: float, high: float) -> "_Placed":
        """Return the pixels from ``low`` to ``high`` [A, after stretching] on a grid."""
        pixels = self.pixels.read(low / self.stretch, high / self.stretch)
        pixels = run_steps(pixels, self.steps)
        to_grid = grid.from_plane(self.tangent)
        if self.matrix is None:
            x, y = project(*plane_from_native(pixels.xpos, pixels.ypos), to_grid)
        else:
            x, y = project(pixels.xpos, pixels.ypos, to_grid @ self.matrix)
        wavelength = pixels.wavelength.astype(np.float64) * self.stretch
        data, stat = pixels.data, pixels.stat
        if self.scale != 1.0:
            data = (data * self.scale).astype(np.float32)
            stat = (stat * self.scale**2).astype(np.float32)
        slit = (pixels.origin & np.uint32(0x7FF)).astype(np.int32)
        return _Placed(x, y, grid.plane(wavelength), data, stat, slit)


class _Placed(NamedTuple):
    """Pixels on the grid, each array [n]; ``slit`` is ``ifu << 6 | slice``."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]
    data: NDArray[np.float32]
    stat: NDArray[np.float32]
    slit: NDArray[np.int32]


class Slab(NamedTuple):
    """Some planes of a cube and how many pixels were rejected for them.

    ``n_rejected``: int64[n_exposures, 25], by exposure and IFU; ``coverage``:
    bool[n_exposures, ny, nx], where an exposure has pixels in the slab.
    """

    rows: slice
    planes: Planes
    n_rejected: NDArray[np.int64]
    coverage: NDArray[np.bool_]


def drop_size(grid: Grid, settings: Resampling) -> tuple[float, float, float]:
    """Return the size of a drop along x, y and wavelength [voxel]."""
    pixel = (0.2, 0.2) if min(grid.spaxel) > 0.1 else (0.025, 0.025)
    return (
        settings.pixfrac[0] * pixel[0] / grid.spaxel[0],
        settings.pixfrac[1] * pixel[1] / grid.spaxel[1],
        settings.pixfrac[2] * ANGSTROM_PER_PIXEL / grid.step,
    )


def slab_height(
    grid: Grid, exposures: Sequence[PlacedExposure], memory: float, n_threads: int
) -> int:
    """Return how many planes fit into ``memory`` [byte] when threads work on slabs."""
    nz, ny, nx = grid.shape
    n_pixels = sum(exposure.pixels.table.n_rows for exposure in exposures)
    per_plane = _BYTES_PER_VOXEL * ny * nx + _BYTES_PER_PIXEL * n_pixels / nz
    return int(np.clip(memory / n_threads / per_plane - 4, 2, _TALLEST))


def make_slab(
    exposures: Sequence[PlacedExposure], grid: Grid, settings: Resampling, rows: slice
) -> Slab:
    """Return some planes of the cube.

    Parameters
    ----------
    exposures
        What is combined.
    grid
        Grid of the whole cube.
    settings
        How to resample.
    rows
        Planes to make.
    """
    drop = drop_size(grid, settings)
    reach = max(1, min(settings.reach, ceil(drop[2] / 2 + 0.5)))
    first, last = rows.start - reach, rows.stop + reach
    judged = settings.sigma > 0
    if judged:
        first, last = first - 1, last + 1
    edges = grid.wavelength(np.array([first - 0.51, last - 0.49]))
    parts = [e.place(grid, float(edges[0]), float(edges[1])) for e in exposures]
    bounds = np.cumsum([0, *(len(part.x) for part in parts)], dtype=np.int64)
    for k, part in enumerate(parts):
        part.slit[:] += np.int32(k << 11)
    pixels = parts[0]
    if len(parts) > 1:
        pixels = _Placed._make(np.concatenate(c) for c in zip(*parts, strict=True))
    del parts

    _, ny, nx = grid.shape
    cells_shape = (last - first, ny, nx)
    cells = cell_numbers(pixels.x, pixels.y, pixels.z, cells_shape, first)
    rejected = np.zeros(len(cells), np.uint8)
    counts = np.zeros((len(exposures), N_IFUS + 1), np.int64)
    start, order = sort_by_cell(cells, (last - first) * ny * nx)
    if judged:
        rejected = flag_outliers(
            start,
            order,
            pixels.data,
            pixels.stat,
            pixels.slit,
            (1, last - first - 1),
            cells_shape,
            STATISTICS[settings.statistic],
            settings.sigma,
        )
        hit = np.flatnonzero(rejected)
        plane = np.floor(pixels.z[hit] + 0.5)
        hit = hit[(plane >= rows.start) & (plane < rows.stop)]
        by_ifu = np.bincount(pixels.slit[hit] >> 6, minlength=len(exposures) << 5)
        counts[:] = by_ifu.reshape(len(exposures), 32)[:, : N_IFUS + 1]
    rejected[cells < 0] = 1
    shape = (rows.stop - rows.start, ny, nx)
    if settings.method == "nearest":
        data, stat = nearest(*pixels[:5], rejected, start, order, shape, rows.start, first)
    else:
        weights = np.array([e.weight for e in exposures], np.float64)
        sums = drizzle(
            *pixels[:5], rejected, bounds, weights, drop, settings.reach, shape, rows.start
        )
        data, stat = weighted_means(sums)
    coverage = reached_spaxels(cells, bounds, cells_shape)
    dq = ~np.isfinite(data) * np.uint32(Flag.MISSING_DATA)
    return Slab(rows, Planes(data, dq, stat), counts, coverage)
