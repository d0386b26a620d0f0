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
from pipeline.algorithms.filters import distance_correlation, spectral_correlation
from pipeline.algorithms.grid import ANGSTROM_PER_PIXEL, Extent, Grid
from pipeline.algorithms.pixels import PLACES
from pipeline.algorithms.slab import Sampled, Step, run_steps
from pipeline.flags import Flag
from pipeline.kernels.planes import nearest_planes, weighted_planes
from pipeline.kernels.project import plane_from_native, project
from pipeline.kernels.reject import flag_outliers
from pipeline.kernels.reject_rows import flag_above_rows
from pipeline.kernels.sorting import (
    add_up,
    cell_numbers,
    count,
    reached_spaxels,
    sort_pixels,
)
from pipeline.kernels.spread import IRAF, MEAN, MEDIAN
from pipeline.kernels.weighting import (
    DRIZZLE,
    LANCZOS,
    LINEAR,
    NEAREST,
    QUADRATIC,
    RENKA,
    distance_weight,
)
from pipeline.spec import Pixels, Planes

Method = Literal["nearest", "linear", "quadratic", "renka", "drizzle", "lanczos"]

METHODS: dict[Method, int] = {
    "nearest": NEAREST,
    "linear": LINEAR,
    "quadratic": QUADRATIC,
    "renka": RENKA,
    "drizzle": DRIZZLE,
    "lanczos": LANCZOS,
}
"""What kernels call the methods."""

STATISTICS = {"iraf": IRAF, "mean": MEAN, "median": MEDIAN}

N_IFUS = 24

_BYTES_PER_VOXEL, _BYTES_PER_PIXEL, _BYTES_PER_SPAXEL = 28, 70, 180
"""Memory of a slab in work, as measured; what a spaxel needs does not grow with height."""

_TALLEST, _LOW = 96, 8
"""Planes of a slab: at most, since taller ones gain nothing, and at least, if there is the
memory, since lower ones read too many pixels twice."""

_MOST_PIXELS = 1_900_000
"""Pixels of a slab with its halo: memory must not grow with the number of exposures."""


@dataclass(frozen=True)
class Resampling:
    """How pixels become voxels.

    Parameters
    ----------
    method
        Of `pipeline.kernels.weighting`.
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
    radius
        Critical radius of ``renka`` [diagonal of a voxel].
    slices
        How slices lie on the grid, one of `pipeline.kernels.reject_rows`, for a rejection
        as in the genuine pipeline; None for the own one.
    """

    method: Method
    pixfrac: tuple[float, float, float]
    reach: int
    statistic: str
    sigma: float
    radius: float = 1.25
    slices: int | None = None


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
            pixels = run_steps(_with_zeros(window), self.steps)
            x, y = apply(turn, *(a.astype(np.float64) for a in self.on_plane(pixels)))
            wavelength = pixels.wavelength.astype(np.float64) * self.stretch
            ranges = ((float(a.min()), float(a.max())) for a in (x, y, wavelength))
            return Extent(*ranges)

        extents = list(self.pixels.windows(extent, PLACES))
        if not extents:
            raise ValueError("a pixel table without segments")
        return reduce(or_, extents)

    def on_plane(self, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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
        z = grid.plane(pixels.wavelength, self.stretch)
        data, stat = pixels.data, pixels.stat
        if self.scale != 1.0:
            data = (data * self.scale).astype(np.float32)
            stat = (stat * self.scale**2).astype(np.float32)
        return _Placed(x, y, z, data, stat, pixels.origin)


def _with_zeros(places: Pixels) -> Pixels:
    """Return pixels whose places alone are known as steps take them: the rest is 0."""
    n = len(places.wavelength)
    return Pixels._make(c if c.size else np.zeros(n, c.dtype) for c in places)


class _Placed(NamedTuple):
    """Pixels on the grid, each array [n]."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]
    data: NDArray[np.float32]
    stat: NDArray[np.float32]
    origin: NDArray[np.uint32]


class SortedPixels(NamedTuple):
    """Pixels of all exposures sorted by cell, see `pipeline.kernels.sorting`."""

    start: NDArray[np.int32]
    place: NDArray[np.float32]
    light: NDArray[np.float32]
    slit: NDArray[np.int32]

    @property
    def judged(
        self,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
        """What the rejection of cosmic rays looks at."""
        return self.start, self.light, self.slit


class Slab(NamedTuple):
    """Some planes of a cube and how many pixels were rejected for them.

    ``n_rejected``: int64[n_exposures, 25], by exposure and IFU; ``coverage``:
    bool[n_exposures, ny, nx], where an exposure has pixels in the slab.
    """

    rows: slice
    planes: Planes
    n_rejected: NDArray[np.int64]
    coverage: NDArray[np.bool_]


def voxel_size(grid: Grid) -> tuple[float, float]:
    """Return the size of a voxel along x and y [detector pixel]."""
    pixel = 0.2 if min(grid.spaxel) > 0.1 else 0.025
    return grid.spaxel[0] / pixel, grid.spaxel[1] / pixel


def slab_height(
    grid: Grid, exposures: Sequence[PlacedExposure], memory: float, n_threads: int
) -> int:
    """Return how many planes fit into ``memory`` [byte] when threads work on slabs."""
    nz, ny, nx = grid.shape
    first, last = grid.wavelength(np.array([-0.5, nz - 0.5]))
    n_pixels = sum(e.pixels.density for e in exposures) * (last - first) / nz
    per_plane = _BYTES_PER_VOXEL * ny * nx + _BYTES_PER_PIXEL * n_pixels
    free = memory / n_threads - _BYTES_PER_SPAXEL * ny * nx
    tallest = min(max(_MOST_PIXELS / max(n_pixels, 1.0) - 4, _LOW), _TALLEST)
    return int(np.clip(free / per_plane - 4, 2, tallest))


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
    reach = settings.reach
    if settings.method == "drizzle":
        height = float(_heights(grid, rows).min())
        reach = max(1, min(reach, ceil(settings.pixfrac[2] / height / 2 + 0.5)))
    first, last = rows.start - reach, rows.stop + reach
    judged = settings.sigma > 0
    if judged:
        first, last = first - 1, last + 1
    _, ny, nx = grid.shape
    cells = (last - first, ny, nx)
    pixels = sort_placed(place_all(exposures, grid, cells[0], first), cells, first)
    rejected = np.zeros(len(pixels.slit), np.uint8)
    counts = np.zeros((len(exposures), N_IFUS + 1), np.int64)
    if judged:
        rejected = _cosmic_rays(pixels, cells, settings)
        ends = pixels.start[
            [(plane - first) * ny * nx for plane in (rows.start, rows.stop)]
        ]
        hit = pixels.slit[ends[0] : ends[1]][rejected[ends[0] : ends[1]] != 0]
        by_ifu = np.bincount(hit >> 6, minlength=len(exposures) << 5)
        counts[:] = by_ifu.reshape(len(exposures), 32)[:, : N_IFUS + 1]
    weights = np.array([e.weight for e in exposures], np.float64)
    data, stat = resampled(pixels, rejected, weights, grid, settings, reach, rows, first)
    coverage = reached_spaxels(pixels.start, pixels.slit, cells, len(exposures))
    dq = ~np.isfinite(data) * np.uint32(Flag.MISSING_DATA)
    return Slab(rows, Planes(data, dq, stat), counts, coverage)


def _cosmic_rays(
    pixels: SortedPixels, cells: tuple[int, int, int], settings: Resampling
) -> NDArray[np.uint8]:
    """Flag the pixels in all planes of cells but the first and the last."""
    judged, statistic = (1, cells[0] - 1), STATISTICS[settings.statistic]
    if settings.slices is None:
        return flag_outliers(*pixels.judged, judged, cells, statistic, settings.sigma)
    return flag_above_rows(
        pixels.start,
        pixels.light,
        judged,
        cells,
        statistic,
        settings.sigma,
        settings.slices,
    )


def _heights(grid: Grid, rows: slice) -> NDArray[np.float64]:
    """Return the size of the voxels of planes along wavelength [detector pixel]."""
    edges = grid.wavelength(np.arange(rows.start, rows.stop + 1) - 0.5)
    return np.asarray(np.diff(edges) / ANGSTROM_PER_PIXEL)


def place_all(
    exposures: Sequence[PlacedExposure], grid: Grid, n_planes: int, first: int
) -> list[_Placed]:
    """Return the pixels of some planes of cells, from plane ``first`` on."""
    edges = grid.wavelength(np.array([first - 0.51, first + n_planes - 0.49]))
    return [e.place(grid, float(edges[0]), float(edges[1])) for e in exposures]


def sort_placed(
    parts: Sequence[_Placed], shape: tuple[int, int, int], first: int
) -> SortedPixels:
    """Return the pixels of all exposures sorted by cell."""
    start = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int32)
    cells = [cell_numbers(*part[:3], shape, first) for part in parts]
    for numbers in cells:
        count(numbers, start)
    add_up(start)
    n = int(start[-1])
    place, light = np.empty((n, 3), np.float32), np.empty((n, 2), np.float32)
    slit = np.empty(n, np.int32)
    following = start[:-1].copy()
    for k, part in enumerate(parts):
        sort_pixels(*part, k, cells[k], following, place, light, slit)
    return SortedPixels(start, place, light, slit)


def correlation_of_planes(grid: Grid, settings: Resampling) -> float:
    """Return by how much the variance of a sum over planes exceeds that of its parts."""
    if settings.method == "nearest":
        return 1.0
    height = float(np.median(_heights(grid, slice(0, grid.shape[0]))))
    if settings.method == "drizzle":
        return spectral_correlation(settings.pixfrac[2] / height)
    (vx, vy), method = voxel_size(grid), METHODS[settings.method]
    radius = _radius(grid, settings)

    def weight(dx: float, dy: float, dz: float) -> float:
        return distance_weight(method, dx * vx, dy * vy, dz * height, radius, 1)

    return distance_correlation(weight)


def _radius(grid: Grid, settings: Resampling) -> float:
    """Return the critical radius of ``renka`` [detector pixel]."""
    voxel = (*voxel_size(grid), grid.step / ANGSTROM_PER_PIXEL)
    return settings.radius * float(np.linalg.norm(voxel))


def resampled(
    pixels: SortedPixels,
    rejected: NDArray[np.uint8],
    weights: NDArray[np.float64],
    grid: Grid,
    settings: Resampling,
    reach: int,
    rows: slice,
    first: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return DATA and STAT of some planes; the cells begin at plane ``first``."""
    start, place, light, slit = pixels
    voxel, height = voxel_size(grid), _heights(grid, rows)
    shape = (rows.stop - rows.start, grid.shape[1], grid.shape[2])
    if settings.method == "nearest":
        return nearest_planes(
            place, light, rejected, start, voxel, height, shape, rows.start, first
        )
    return weighted_planes(
        place,
        light,
        slit,
        rejected,
        start,
        weights,
        METHODS[settings.method],
        reach,
        settings.pixfrac,
        _radius(grid, settings),
        voxel,
        height,
        shape,
        rows.start,
        first,
    )
