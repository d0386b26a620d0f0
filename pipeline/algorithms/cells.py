"""Pixels of all exposures in the cells of some planes of a grid.

Planes are added above those that are there, the lowest ones are left behind: however few
there are at a time, every pixel is read, placed and sorted once.
"""

from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise, starmap
from math import ceil, prod
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.grid import Grid
from pipeline.kernels.sorting import (
    add_up,
    cell_numbers,
    copy_cells,
    count,
    sort_pixels,
)
from pipeline.spec import blocks

_MERGED, _CACHED = 400_000, 50_000
"""Pixels that are merged at a time, and of those planes of which this is done together:
they stay in the caches of the machine and of a core."""

LOWEST_STEP = 4
"""Planes that are merged at a time at least: those next to them are looked at, too."""


class Placeable(Protocol):
    """An exposure whose pixels can be placed on a grid."""

    def place(self, grid: Grid, low: float, high: float) -> "Placed":
        """Return the pixels from ``low`` to ``high`` [Angstrom]."""


class Placed(NamedTuple):
    """Pixels on the grid, each array [n]."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]
    data: NDArray[np.float32]
    stat: NDArray[np.float32]
    origin: NDArray[np.uint32]


class SortedPixels(NamedTuple):
    """Pixels of all exposures sorted by cell, see `pipeline.kernels.sorting`.

    ``first``: plane of the cube at which the cells begin; ``shape``: their planes, rows and
    columns; ``rejected``: uint8[n], 1 for those known to be hit by cosmic rays.
    """

    first: int
    shape: tuple[int, int, int]
    start: NDArray[np.int32]
    place: NDArray[np.float32]
    light: NDArray[np.float32]
    slit: NDArray[np.int32]
    rejected: NDArray[np.uint8]

    @classmethod
    def none(cls, first: int, field: tuple[int, int]) -> Self:
        """Return those of no plane; ``field``: rows and columns."""
        return cls(first, (0, *field), np.zeros(1, np.int32), *_columns(0))

    def cells(self, planes: slice) -> slice:
        """Return the cells of some planes of the cube, and the one behind."""
        size = self.shape[1] * self.shape[2]
        low, high = ((k - self.first) * size for k in (planes.start, planes.stop))
        return slice(low, high + 1)

    def within(self, planes: slice) -> slice:
        """Return the numbers of the pixels in some planes of the cube."""
        start = self.start[self.cells(planes)]
        return slice(int(start[0]), int(start[-1]))

    def of_planes(self, planes: slice) -> Self:
        """Return those in some planes of the cube; nothing but ``start`` is copied."""
        here = self.within(planes)
        return type(self)(
            planes.start,
            (planes.stop - planes.start, *self.shape[1:]),
            self.start[self.cells(planes)] - np.int32(here.start),
            self.place[here],
            self.light[here],
            self.slit[here],
            self.rejected[here],
        )

    def last_planes(self, n: int) -> Self:
        """Return a copy of those of at most so many planes, the last ones."""
        stop = self.first + self.shape[0]
        some = self.of_planes(slice(max(stop - n, self.first), stop))
        return some._replace(
            place=some.place.copy(),
            light=some.light.copy(),
            slit=some.slit.copy(),
            rejected=some.rejected.copy(),
        )


def sorted_in_steps(
    exposures: Sequence[Placeable], grid: Grid, planes: slice, step: int, n_kept: int
) -> Iterator[tuple[slice, SortedPixels]]:
    """Yield planes of cells, from the lowest on, and the sorted pixels in them.

    Parameters
    ----------
    exposures, grid
        What is read and where it is placed.
    planes
        Planes of the cube.
    step
        How many are read at a time; 0 for all.
    n_kept
        How many planes before those yielded the pixels have, too.
    """
    below = SortedPixels.none(planes.start, (grid.shape[1], grid.shape[2]))
    add = _add_one if len(exposures) == 1 else _add_several
    for some in _even_blocks(planes.start, planes.stop, step):
        below = yield from add(exposures, grid, some, below, n_kept)


def _add_one(
    exposures: Sequence[Placeable], grid: Grid, planes: slice, below: SortedPixels, n: int
) -> Generator[tuple[slice, SortedPixels], None, SortedPixels]:
    """Yield planes above those that are there, as `sorted_in_steps` does.

    The pixels of the only exposure are sorted where they stay. ``n``: how many planes
    before those yielded the pixels have, too; as many are returned at the end.
    """
    pixels = _place(exposures[0], 0, grid, planes, below)
    pixels.rejected[len(below.slit) :] = 0
    for new in _even_blocks(planes.start, planes.stop, _size([pixels], planes)):
        yield new, pixels.of_planes(slice(max(new.start - n, pixels.first), new.stop))
    return pixels.last_planes(n)


def _add_several(
    exposures: Sequence[Placeable], grid: Grid, planes: slice, below: SortedPixels, n: int
) -> Generator[tuple[slice, SortedPixels], None, SortedPixels]:
    """Yield planes above those that are there, as `_add_one` does for one exposure."""
    none = SortedPixels.none(planes.start, (grid.shape[1], grid.shape[2]))
    parts = [_place(one, k, grid, planes, none) for k, one in enumerate(exposures)]
    for new in _even_blocks(planes.start, planes.stop, _size(parts, planes)):
        pixels = merge_sorted(parts, new, below)
        yield new, pixels
        below = pixels.last_planes(n)
        del pixels  # before there are others
    return below


def _place(
    exposure: Placeable, number: int, grid: Grid, planes: slice, below: SortedPixels
) -> SortedPixels:
    """Return the sorted pixels of an exposure, see `sort_placed`."""
    edges = grid.wavelength(np.array([planes.start - 0.51, planes.stop - 0.49]))
    return sort_placed(exposure.place(grid, *edges.tolist()), number, planes, below)


def _size(parts: Sequence[SortedPixels], planes: slice) -> int:
    """Return how many planes are made together of those whose pixels are sorted."""
    n_pixels = sum(len(part.slit) for part in parts) / (planes.stop - planes.start)
    return planes_merged(n_pixels)


def planes_merged(n_pixels: float) -> int:
    """Return how many planes are merged at a time, by the pixels of a plane."""
    return max(int(_MERGED / max(n_pixels, 1.0)), LOWEST_STEP)


def _even_blocks(start: int, stop: int, size: int) -> Iterator[slice]:
    """Cut a range into slices of about the same length, at most ``size`` if not 0."""
    n = ceil((stop - start) / size) if size else 1
    bounds = np.linspace(start, stop, n + 1).astype(int).tolist()
    return starmap(slice, pairwise(bounds))


def sort_placed(
    part: Placed, exposure: int, planes: slice, below: SortedPixels
) -> SortedPixels:
    """Return the pixels that are there and those of an exposure in planes above them.

    Parameters
    ----------
    part
        The pixels of the exposure.
    exposure
        Its number.
    planes
        Planes of the cube that are added.
    below
        The pixels that are there; ``rejected`` is known for them alone.
    """
    shape = (planes.stop - planes.start, *below.shape[1:])
    start = np.zeros(len(below.start) + prod(shape), np.int32)
    added = start[len(below.start) - 1 :]
    start[: len(below.start)] = below.start
    cells = cell_numbers(*part[:3], shape, planes.start)
    count(cells, added)
    add_up(added)
    columns = _columns(int(start[-1]), below)
    sort_pixels(*part, exposure, cells, added[:-1].copy(), *columns[:3])
    n_planes = below.shape[0] + shape[0]
    return SortedPixels(below.first, (n_planes, *below.shape[1:]), start, *columns)


def merge_sorted(
    parts: Sequence[SortedPixels], planes: slice, below: SortedPixels
) -> SortedPixels:
    """Return the pixels in planes that are there and in some above them.

    Parameters
    ----------
    parts
        Sorted pixels of each exposure, all in the same planes.
    planes
        Planes of the cube that are added; the parts have them.
    below
        The pixels that are there.
    """
    nz, ny, nx = below.shape
    n_planes, n_below = planes.stop - planes.start, len(below.slit)
    start = np.empty((nz + n_planes) * ny * nx + 1, np.int32)
    start[: len(below.start)] = below.start
    added = start[len(below.start) - 1 :]
    added[:] = n_below
    for part in parts:
        numbers = part.start[part.cells(planes)]
        added += numbers - numbers[0]
    columns = place, light, slit, rejected = _columns(int(start[-1]), below)
    rejected[n_below:] = 0
    following = added[:-1].copy()
    for some in blocks(n_planes, max(_CACHED * n_planes // max(len(slit), 1), 1)):
        there = slice(planes.start + some.start, planes.start + some.stop)
        for part in parts:
            copy_cells(
                part.start[part.cells(there)],
                part.place,
                part.light,
                part.slit,
                following[some.start * ny * nx : some.stop * ny * nx],
                place,
                light,
                slit,
            )
    return SortedPixels(below.first, (nz + n_planes, ny, nx), start, *columns)


def _columns(
    n: int, below: SortedPixels | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8]]:
    """Return places, light, numbers of slices and flags of pixels.

    The first ones are those ``below``, the others are not filled.
    """
    place, light = np.empty((n, 3), np.float32), np.empty((n, 2), np.float32)
    slit, rejected = np.empty(n, np.int32), np.empty(n, np.uint8)
    if below is not None:
        there = slice(len(below.slit))
        place[there], light[there] = below.place, below.light
        slit[there], rejected[there] = below.slit, below.rejected
    return place, light, slit, rejected
