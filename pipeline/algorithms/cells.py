"""Pixels of all exposures in the cells of some planes of a grid.

Planes are added above those that are there, the lowest ones are left behind: however few
there are at a time, every pixel is read, placed and sorted once.
"""

from collections.abc import Iterator, Sequence
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

LOWEST_STEP = 8
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

    @property
    def judged(
        self,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]:
        """What the rejection of cosmic rays looks at."""
        return self.start, self.light, self.slit

    def cells(self, planes: slice) -> slice:
        """Return the cells of some planes of the cube, and the one behind."""
        size = self.shape[1] * self.shape[2]
        low, high = ((k - self.first) * size for k in (planes.start, planes.stop))
        return slice(low, high + 1)

    def within(self, planes: slice) -> slice:
        """Return the numbers of the pixels in some planes of the cube."""
        start = self.start[self.cells(planes)]
        return slice(int(start[0]), int(start[-1]))

    def last_planes(self, n: int) -> Self:
        """Return a copy of those of at most so many planes, the last ones."""
        nz, ny, nx = self.shape
        n = min(n, nz)
        start = self.start[(nz - n) * ny * nx :]
        low = int(start[0])
        return type(self)(
            self.first + nz - n,
            (n, ny, nx),
            start - low,
            self.place[low:].copy(),
            self.light[low:].copy(),
            self.slit[low:].copy(),
            self.rejected[low:].copy(),
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
    field = grid.shape[1], grid.shape[2]
    pixels = SortedPixels.none(planes.start, field)
    for some in _even_blocks(planes.start, planes.stop, step):
        edges = grid.wavelength(np.array([some.start - 0.51, some.stop - 0.49])).tolist()
        parts = [
            sort_placed(exposure.place(grid, *edges), number, some, field)
            for number, exposure in enumerate(exposures)
        ]
        n_pixels = sum(len(part.slit) for part in parts) / (some.stop - some.start)
        size = max(int(_MERGED / max(n_pixels, 1.0)), LOWEST_STEP)
        for new in _even_blocks(some.start, some.stop, size):
            below = pixels.last_planes(n_kept)
            del pixels  # before there are others
            pixels = merge_sorted(parts, new, below)
            yield new, pixels
        del parts


def _even_blocks(start: int, stop: int, size: int) -> Iterator[slice]:
    """Cut a range into slices of about the same length, at most ``size`` if not 0."""
    n = ceil((stop - start) / size) if size else 1
    bounds = np.linspace(start, stop, n + 1).astype(int).tolist()
    return starmap(slice, pairwise(bounds))


def sort_placed(
    part: Placed, exposure: int, planes: slice, field: tuple[int, int]
) -> SortedPixels:
    """Return the pixels of an exposure in some planes of the cube, sorted by cell.

    ``exposure``: its number; ``field``: rows and columns of the cells.
    """
    shape = (planes.stop - planes.start, *field)
    start = np.zeros(prod(shape) + 1, np.int32)
    cells = cell_numbers(*part[:3], shape, planes.start)
    count(cells, start)
    add_up(start)
    columns = _columns(int(start[-1]))
    sort_pixels(*part, exposure, cells, start[:-1].copy(), *columns[:3])
    return SortedPixels(planes.start, shape, start, *columns)


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
    columns = place, light, slit, rejected = _columns(int(start[-1]))
    place[:n_below], light[:n_below] = below.place, below.light
    slit[:n_below], rejected[:n_below] = below.slit, below.rejected
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
    n: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8]]:
    """Return places, light, numbers of slices and flags of pixels, not filled."""
    place, light = np.empty((n, 3), np.float32), np.empty((n, 2), np.float32)
    return place, light, np.empty(n, np.int32), np.empty(n, np.uint8)
