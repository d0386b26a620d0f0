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
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.astrometry import Matrix, apply, change_of_tangent
from pipeline.algorithms.cells import (
    LOWEST_STEP,
    Placed,
    SortedPixels,
    planes_sorted,
    sorted_in_steps,
)
from pipeline.algorithms.filters import distance_correlation, spectral_correlation
from pipeline.algorithms.grid import ANGSTROM_PER_PIXEL, Extent, Grid
from pipeline.algorithms.pixels import PLACES
from pipeline.algorithms.slab import Sampled, Step, run_steps
from pipeline.flags import Flag
from pipeline.kernels.planes import add_planes, empty_sheets, nearest_planes
from pipeline.kernels.project import plane_from_native, project
from pipeline.kernels.reject import flag_outliers
from pipeline.kernels.reject_rows import flag_above_rows
from pipeline.kernels.sorting import reached_spaxels
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

_BYTES_PER_VOXEL, _BYTES_PER_SPAXEL = 28, 180
"""Memory of a slab in work, as measured; what a spaxel needs does not grow with height."""

_BYTES_HELD, _BYTES_SORTED, _BYTES_PLACED = 36, 27, 40
"""Memory of a pixel whose cell is known, of one that is sorted, and once more while its
exposure is being placed."""

_TALLEST = 108
"""Planes of a slab at most, since taller ones gain nothing."""

_MOST_BYTES = 74_000_000
"""Memory of the pixels of a slab: it must not grow with the number of exposures."""

_KEPT = 2
"""Planes on either side of those that are made, or sorted, whose pixels are needed, too."""


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

    def place(
        self, grid: Grid, low: float, high: float, following: float = np.inf
    ) -> Placed:
        """Return the pixels from ``low`` to ``high`` [A, after stretching] on a grid.

        ``following``: from where pixels will be asked for next.
        """
        edges = (edge / self.stretch for edge in (low, high, following))
        pixels = self.pixels.read(*edges)
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
        return Placed(x, y, z, data, stat, pixels.origin)


def _with_zeros(places: Pixels) -> Pixels:
    """Return pixels whose places alone are known as steps take them: the rest is 0."""
    n = len(places.wavelength)
    return Pixels._make(c if c.size else np.zeros(n, c.dtype) for c in places)


class Slab(NamedTuple):
    """Some planes of a cube and how many pixels were rejected for them.

    ``n_rejected``: int64[n_exposures, 25], by exposure and IFU; ``coverage``:
    bool[n_exposures, ny, nx], where an exposure has pixels in the slab.
    """

    rows: slice
    planes: Planes
    n_rejected: NDArray[np.int64]
    coverage: NDArray[np.bool_]

    @classmethod
    def empty(cls, rows: slice, field: tuple[int, int], n_exposures: int) -> Self:
        """Return a slab that is still to be filled."""
        shape = (rows.stop - rows.start, *field)
        kinds = (np.float32, np.uint32, np.float32)
        return cls(
            rows,
            Planes._make(np.empty(shape, kind) for kind in kinds),
            np.zeros((n_exposures, N_IFUS + 1), np.int64),
            np.zeros((n_exposures, *field), np.bool_),
        )


def voxel_size(grid: Grid) -> tuple[float, float]:
    """Return the size of a voxel along x and y [detector pixel]."""
    pixel = 0.2 if min(grid.spaxel) > 0.1 else 0.025
    return grid.spaxel[0] / pixel, grid.spaxel[1] / pixel


def slab_size(
    grid: Grid, exposures: Sequence[PlacedExposure], memory: float, n_threads: int
) -> tuple[int, int]:
    """Return the planes of a slab, and those whose pixels are read at a time.

    As many as fit into ``memory`` [byte] when threads work on slabs, within reason.
    """
    nz, ny, nx = grid.shape
    first, last = grid.wavelength(np.array([-0.5, nz - 0.5]))
    n_pixels = [e.pixels.density * (last - first) / nz for e in exposures]
    held, placed = _BYTES_HELD * sum(n_pixels), _BYTES_PLACED * max(n_pixels)
    n_sorted = planes_sorted(sum(n_pixels)) + _KEPT
    sorted_ = _BYTES_SORTED * sum(n_pixels) * n_sorted
    voxels = _BYTES_PER_VOXEL * ny * nx
    free = memory / n_threads - _BYTES_PER_SPAXEL * ny * nx - sorted_
    highest = _TALLEST + 2 * _KEPT
    pixels = held + placed
    most = np.clip((_MOST_BYTES - sorted_) / max(pixels, 1.0), LOWEST_STEP, highest)
    step = int(np.clip(free / (pixels + voxels), 2, most))
    tallest = highest // step * step - 2 * _KEPT  # all steps are whole ones
    height = int(np.clip((free - pixels * step) / voxels, 2, tallest))
    return height, step


def make_slab(
    exposures: Sequence[PlacedExposure],
    grid: Grid,
    settings: Resampling,
    rows: slice,
    step: int = 0,
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
    step
        Planes whose pixels are read at a time; 0 for all.
    """
    judged, field = settings.sigma > 0, grid.shape[1:]
    slab = Slab.empty(rows, field, len(exposures))
    adder = Adder.of(exposures, grid, settings, slab)
    halo = adder.reach + int(judged)
    cells = slice(rows.start - halo, rows.stop + halo)
    for new, pixels in sorted_in_steps(exposures, grid, cells, step, 2 * judged):
        reached_spaxels(pixels.start[pixels.cells(new)], pixels.slit, slab.coverage)
        known = new
        if judged:
            start = max(new.start, pixels.first + 2) - 1
            known = slice(start, max(new.stop - 1, start))
            _reject_cosmic_rays(pixels, known, settings)
            _count_rejected(pixels, known, slab)
        adder.add(pixels, known)
        del pixels  # before there are others
    missing = ~np.isfinite(slab.planes.data)
    np.multiply(missing, np.uint32(Flag.MISSING_DATA), out=slab.planes.dq)
    return slab


def _reject_cosmic_rays(pixels: SortedPixels, planes: slice, settings: Resampling) -> None:
    """Mark the pixels in some planes of the cube that are hit by cosmic rays."""
    judged = planes.start - pixels.first, planes.stop - pixels.first
    statistic, here = STATISTICS[settings.statistic], pixels.within(planes)
    if settings.slices is None:
        found = flag_outliers(
            pixels.start,
            pixels.light,
            pixels.slit,
            judged,
            pixels.shape,
            statistic,
            settings.sigma,
        )
    else:
        found = flag_above_rows(
            pixels.start,
            pixels.light,
            judged,
            pixels.shape,
            statistic,
            settings.sigma,
            settings.slices,
        )
    pixels.rejected[here] = found[here]


def _count_rejected(pixels: SortedPixels, planes: slice, slab: Slab) -> None:
    """Add up the rejected pixels in those of some planes that are of a slab."""
    start, stop = max(planes.start, slab.rows.start), min(planes.stop, slab.rows.stop)
    if stop > start:
        here = pixels.within(slice(start, stop))
        hit = pixels.slit[here][pixels.rejected[here] != 0]
        by_ifu = np.bincount(hit >> 6, minlength=len(slab.n_rejected) << 5)
        slab.n_rejected[:] += by_ifu.reshape(-1, 32)[:, : N_IFUS + 1]


def _heights(grid: Grid, rows: slice) -> NDArray[np.float64]:
    """Return the size of the voxels of planes along wavelength [detector pixel]."""
    edges = grid.wavelength(np.arange(rows.start, rows.stop + 1) - 0.5)
    return np.asarray(np.diff(edges) / ANGSTROM_PER_PIXEL)


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


@dataclass(frozen=True)
class Adder:
    """Adds pixels to the planes of a slab, see `pipeline.kernels.planes`.

    ``reach``: how many planes away a pixel may add to a voxel; ``height``: of the voxels
    of each plane [detector pixel]; ``sheets``: planes under way.
    """

    slab: Slab
    settings: Resampling
    weights: NDArray[np.float64]
    reach: int
    radius: float
    voxel: tuple[float, float]
    height: NDArray[np.float64]
    sheets: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        exposures: Sequence[PlacedExposure],
        grid: Grid,
        settings: Resampling,
        slab: Slab,
    ) -> Self:
        """Return what fills a slab."""
        reach, height = settings.reach, _heights(grid, slab.rows)
        if settings.method == "drizzle":
            drop = settings.pixfrac[2] / float(height.min())
            reach = max(1, min(reach, ceil(drop / 2 + 0.5)))
        weights = np.array([e.weight for e in exposures], np.float64)
        radius, voxel = _radius(grid, settings), voxel_size(grid)
        method, field = METHODS[settings.method], (grid.shape[1], grid.shape[2])
        sheets = empty_sheets(method, reach, settings.pixfrac, voxel, field)
        return cls(slab, settings, weights, reach, radius, voxel, height, sheets)

    def add(self, pixels: SortedPixels, planes: slice) -> None:
        """Add the pixels of some planes of cells, which follow those before."""
        start = pixels.start[pixels.cells(planes)]
        rows, (data, _, stat) = self.slab.rows, self.slab.planes
        if self.settings.method != "nearest":
            add_planes(
                pixels.place,
                pixels.light,
                pixels.slit,
                pixels.rejected,
                start,
                (planes.start, planes.stop),
                self.weights,
                METHODS[self.settings.method],
                self.reach,
                self.settings.pixfrac,
                self.radius,
                self.voxel,
                self.height,
                rows.start,
                self.sheets,
                data,
                stat,
            )
            return
        inside = slice(max(planes.start, rows.start), min(planes.stop, rows.stop))
        if inside.stop > inside.start:
            here = slice(inside.start - rows.start, inside.stop - rows.start)
            nearest_planes(
                pixels.place,
                pixels.light,
                pixels.rejected,
                pixels.start[pixels.cells(inside)],
                inside.start,
                self.voxel,
                self.height[here],
                data[here],
                stat[here],
            )
