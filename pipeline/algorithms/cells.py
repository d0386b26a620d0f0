"""Pixels of all exposures in the cells of some planes of a grid.

Planes are added above those that are there, the lowest ones are left behind: however few
there are at a time, every pixel is read, placed and sorted once.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, starmap
from math import ceil, prod
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.grid import Grid
from pipeline.kernels.sorting import (
    add_up,
    cell_numbers,
    count,
    pack,
    put_in_order,
    sort_pixels,
)

_SORTED = 200_000
"""Pixels that are sorted at a time: they stay in the caches of the machine."""

LOWEST_STEP = 4
"""Planes that are sorted at a time at least: those next to them are looked at, too."""

_SPARE = 1.05
"""Room for pixels over what is needed at first."""

Shape = tuple[int, int, int]
"""Planes, rows and columns."""

Columns = tuple[
    NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8]
]
"""Places, light, numbers of slices and flags of pixels, see `SortedPixels`."""


class Placeable(Protocol):
    """An exposure whose pixels can be placed on a grid."""

    def place(self, grid: Grid, low: float, high: float, following: float) -> "Placed":
        """Return the pixels from ``low`` to ``high`` [Angstrom].

        ``following``: from where pixels will be asked for next.
        """


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
    shape: Shape
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

    def last_planes(self, n: int) -> Self:
        """Return those of at most so many planes, the last ones; `start` is a copy."""
        stop = self.first + self.shape[0]
        planes = slice(max(stop - n, self.first), stop)
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


class Room:
    """Arrays of pixels that are filled again and again."""

    def __init__(self) -> None:
        self._records = np.empty((0, 6), np.float32)
        self._columns = _columns(0)

    def records(self, n_known: int, n: int, share: float) -> NDArray[np.float32]:
        """Return room for ``n`` records, of which so many are known.

        ``share``: which part of all that will be asked for these are. Where all of them
        will not have room, there are few to be copied yet.
        """
        if n > share * len(self._records):
            known = self._records[:n_known]
            self._records = np.empty((int(_SPARE * n / share), 6), np.float32)
            self._records[:n_known] = known
        return self._records[:n]

    def columns(self, kept: SortedPixels, n: int) -> Columns:
        """Return columns with room for ``n`` pixels behind others, which are put first.

        What was returned before is overwritten; those that are kept may be part of it.
        """
        n_kept = len(kept.slit)
        if n_kept + n > len(self._columns[0]):
            self._columns = _columns(int(_SPARE * (n_kept + n)))
        place, light, slit, rejected = self._columns
        place[:n_kept], light[:n_kept] = kept.place, kept.light
        slit[:n_kept], rejected[:n_kept] = kept.slit, kept.rejected
        n += n_kept
        return place[:n], light[:n], slit[:n], rejected[:n]


class Gathered(NamedTuple):
    """Pixels of all exposures in some planes as they came, and their order by cell.

    ``first``: plane of the cube at which the cells begin; ``records``: see
    `pipeline.kernels.sorting.pack`; ``start``: int32[n_cells + 1], where the pixels of each
    cell begin in ``order``, which holds their numbers.
    """

    first: int
    records: NDArray[np.float32]
    start: NDArray[np.int32]
    order: NDArray[np.int32]

    @classmethod
    def of(
        cls, parts: Iterable[Placed], n: int, shape: Shape, first: int, room: Room
    ) -> Self:
        """Return the pixels of exposures in planes from the first on.

        Parameters
        ----------
        parts, n
            Pixels of each exposure, and how many exposures there are.
        shape
            How many planes, rows and columns.
        first
            First plane of the cube.
        room
            Takes the pixels.
        """
        start = np.zeros(prod(shape) + 1, np.int32)
        cells: list[NDArray[np.int32]] = []
        records, n_known = room.records(0, 0, 1.0), 0
        for number, part in enumerate(parts):
            cells.append(cell_numbers(*part[:3], shape, first))
            count(cells[-1], start)
            n_pixels = n_known + len(part.x)
            records = room.records(n_known, n_pixels, (number + 1) / n)
            pack(*part, number, records[n_known:])
            n_known = n_pixels
        add_up(start)
        following, order, n_known = start[:-1].copy(), np.empty(start[-1], np.int32), 0
        for one in cells:
            put_in_order(one, n_known, following, order)
            n_known += len(one)
        return cls(first, records, start, order)

    def sorted_behind(self, kept: SortedPixels, planes: slice, room: Room) -> SortedPixels:
        """Return the pixels that are there and those in planes above them.

        Parameters
        ----------
        kept
            The pixels that are there; ``rejected`` is known for them alone.
        planes
            Planes of the cube that are added.
        room
            Takes the pixels.
        """
        nz, ny, nx = kept.shape
        low, high = ((k - self.first) * ny * nx for k in (planes.start, planes.stop))
        numbers, n_kept = self.start[low : high + 1], len(kept.slit)
        order = self.order[numbers[0] : numbers[-1]]
        start = np.concatenate([kept.start[:-1], numbers + (n_kept - numbers[0])])
        columns = place, light, slit, rejected = room.columns(kept, len(order))
        sort_pixels(self.records, order, place[n_kept:], light[n_kept:], slit[n_kept:])
        rejected[n_kept:] = 0
        n_planes = nz + planes.stop - planes.start
        return SortedPixels(kept.first, (n_planes, ny, nx), start, *columns)


def sorted_in_steps(
    exposures: Sequence[Placeable], grid: Grid, planes: slice, step: int, n_kept: int
) -> Iterator[tuple[slice, SortedPixels]]:
    """Yield planes of cells, from the lowest on, and the sorted pixels in them.

    The pixels are there until the next ones are asked for.

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
    field, room, n = (grid.shape[1], grid.shape[2]), Room(), len(exposures)
    pixels = SortedPixels.none(planes.start, field)
    for some in _even_blocks(planes.start, planes.stop, step):
        ends = np.array([some.start - 0.51, some.stop - 0.49, some.stop - 0.51])
        low, high, following = grid.wavelength(ends).tolist()
        edges = (low, high, following if some.stop < planes.stop else np.inf)
        shape = (some.stop - some.start, *field)
        parts = (exposure.place(grid, *edges) for exposure in exposures)
        gathered = Gathered.of(parts, n, shape, some.start, room)
        size = planes_sorted(len(gathered.order) / shape[0])
        for new in _even_blocks(some.start, some.stop, size):
            pixels = gathered.sorted_behind(pixels.last_planes(n_kept), new, room)
            yield new, pixels
        del gathered  # before there are others


def planes_sorted(n_pixels: float) -> int:
    """Return how many planes are sorted at a time, by the pixels of a plane."""
    return max(int(_SORTED / max(n_pixels, 1.0)), LOWEST_STEP)


def _even_blocks(start: int, stop: int, size: int) -> Iterator[slice]:
    """Cut a range into slices of about the same length, at most ``size`` if not 0."""
    n = ceil((stop - start) / size) if size else 1
    bounds = np.linspace(start, stop, n + 1).astype(int).tolist()
    return starmap(slice, pairwise(bounds))


def _columns(n: int) -> Columns:
    """Return room for places, light, numbers of slices and flags of pixels."""
    place, light = np.empty((n, 3), np.float32), np.empty((n, 2), np.float32)
    return place, light, np.empty(n, np.int32), np.empty(n, np.uint8)
