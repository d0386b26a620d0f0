"""Pixel tables as functions: detector pixels and where they lie.

Coordinates are never stored. `SlicePixels` numbers the pixels of one IFU in the order of
the genuine pixel table (slice by slice, row by row, column by column) and evaluates any
part of it; `DetectorPixels` is a whole pixel table (`pipeline.spec.PixelTable`) in 12
bytes a pixel, the detector image.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.geometry import SliceMap
from pipeline.kernels.pixels import (
    add_rows_to_spectrum,
    count_pixels,
    extreme_positions,
    fill_pixels,
    line_spans,
)
from pipeline.spec import (
    Columns,
    Header,
    ImageFrame,
    Pixels,
    Planes,
    Segment,
    Table,
    Value,
    blocks,
    copy_rows,
)

Correction = Callable[[int, Pixels], None]
"""Changes DATA, STAT or DQ of pixels of one slice (its number from 1) in place."""

_NO_PLANES = Planes(
    np.empty((0, 0), np.float32), np.empty((0, 0), np.uint32), np.empty((0, 0), np.float32)
)

_COLUMN_TYPES = ("f4", "f4", "f4", "f4", "u4", "f4", "u4")

PLACES = ("xpos", "ypos", "wavelength")
"""Columns that tell where pixels lie."""

LIGHT = ("wavelength", "data", "stat")
"""Columns that tell the light of pixels wherever they lie."""

SIGHT = (*PLACES, "data", "dq", "stat")
"""Columns of pixels of which it does not matter by what slices they were seen."""


def with_room(n: int, columns: Sequence[str] = Pixels._fields) -> Pixels:
    """Return columns for some pixels, not filled; those not named are empty."""
    kinds = zip(Pixels._fields, _COLUMN_TYPES, strict=True)
    return Pixels._make(np.empty(n if name in columns else 0, k) for name, k in kinds)


def chosen(pixels: Pixels, inside: NDArray[np.bool_]) -> Pixels:
    """Return the pixels that are inside; empty columns stay empty."""
    return Pixels._make(column[inside[: len(column)]] for column in pixels)


class SlicePixels:
    """The pixels of one IFU between two wavelengths.

    Parameters
    ----------
    slices
        Polynomials of the IFU.
    shift
        Added to the wavelengths [Angstrom].
    low, high
        Wavelengths kept [Angstrom], after the shift, both ends included.
    corrections
        Applied in this order to whatever `take` returns.

    Attributes
    ----------
    shortest, longest : float
        Extreme wavelengths [Angstrom].
    """

    def __init__(
        self,
        slices: SliceMap,
        *,
        shift: float = 0.0,
        low: float = -np.inf,
        high: float = np.inf,
        corrections: Sequence[Correction] = (),
    ) -> None:
        self.slices = slices
        self.corrections = tuple(corrections)
        self._range = (shift, low, high)
        self._marks = slices.labels, slices.offsets
        ny, nx = slices.shape
        self._spans = line_spans(slices.left, slices.right, ny, nx)
        self._starts, self.shortest, self.longest = count_pixels(
            *self._spans, slices.wave, ny, *self._range
        )

    @property
    def n_rows(self) -> int:
        """Number of pixels."""
        return int(self._starts[-1])

    @property
    def segments(self) -> list[Segment]:
        """Consecutive table rows of each slice."""
        bounds = self._starts[:: self.slices.shape[0]]
        return [
            Segment(0, self.slices.ifu, int(number), int(start), int(stop))
            for number, start, stop in zip(
                self.slices.numbers, bounds[:-1], bounds[1:], strict=True
            )
        ]

    @property
    def field(self) -> tuple[float, float, float, float]:
        """Lowest and highest x, then y, of lines with pixels [pix]."""
        s = self.slices
        return extreme_positions(
            self._starts, self._spans, (s.left, s.right), s.place, s.shape[0]
        )

    def table_rows(self, index: int, rows: slice) -> slice:
        """Return the table rows of slice ``index`` (from 0) in some detector rows."""
        ny = self.slices.shape[0]
        return slice(
            int(self._starts[index * ny + rows.start]),
            int(self._starts[index * ny + rows.stop]),
        )

    def take(self, index: int, rows: slice, planes: Planes) -> Pixels:
        """Return slice ``index`` (from 0) in some detector rows.

        ``planes`` holds exactly those rows, [n_rows, nx] each.
        """
        ny = self.slices.shape[0]
        start, stop = index * ny + rows.start, index * ny + rows.stop
        pixels = self._fill(start, stop, planes, rows.start)
        for correct in self.corrections:
            correct(int(self.slices.numbers[index]), pixels)
        return pixels

    def spread(self, rows: slice, planes: Planes) -> Iterator[tuple[slice, Pixels]]:
        """Yield the pixels of all slices in some detector rows with their table rows."""
        for index in range(len(self.slices.numbers)):
            where = self.table_rows(index, rows)
            if where.stop > where.start:
                yield where, self.take(index, rows, planes)

    def _fill(self, start: int, stop: int, planes: Planes, top: int) -> Pixels:
        """Evaluate the lines ``start:stop`` of one slice."""
        n = int(self._starts[stop] - self._starts[start])
        pixels = with_room(n)
        s, ny = self.slices, self.slices.shape[0]
        fill_pixels(
            (start, stop),
            ny,
            self._starts,
            self._spans,
            (s.left, s.right),
            s.wave,
            s.place,
            self._marks,
            self._range,
            (planes.data, planes.dq, planes.stat),
            top,
            tuple(pixels),
        )
        return pixels

    def scan(self, image: ImageFrame, size: int = 64) -> Iterator[tuple[int, Pixels]]:
        """Yield slice index and pixels, block by block of the detector.

        Only detector rows that hold pixels of the table are read.
        """
        n_slices = len(self.slices.numbers)
        for rows in blocks(self.slices.shape[0], size):
            there = [self.table_rows(index, rows) for index in range(n_slices)]
            if not any(where.stop > where.start for where in there):
                continue
            planes = image.read(rows)
            for index, where in enumerate(there):
                if where.stop > where.start:
                    yield index, self.take(index, rows, planes)

    def add_to_spectrum(
        self,
        rows: slice,
        planes: Planes,
        start: float,
        step: float,
        sums: NDArray[np.float64],
    ) -> None:
        """Share the good pixels of some detector rows between the points of a spectrum.

        Shift, limits and corrections have no part in it; see
        `pipeline.kernels.pixels.add_rows_to_spectrum`.
        """
        add_rows_to_spectrum(
            (rows.start, rows.stop),
            self.slices.shape[0],
            self._spans,
            self.slices.wave,
            planes.data,
            planes.dq,
            start,
            step,
            sums,
        )

    def _lines(self, rows: slice) -> tuple[int, int]:
        """Return the first line that holds some table rows and the one after the last."""
        first = int(np.searchsorted(self._starts, rows.start, "right")) - 1
        return first, int(np.searchsorted(self._starts, rows.stop, "left"))

    def read(self, rows: slice, planes: Planes) -> Pixels:
        """Return some table rows; ``planes`` is the whole detector image."""
        return self._read(rows, planes, self.corrections)

    def places(self, rows: slice) -> Pixels:
        """Return some table rows of which only coordinates and origin are set."""
        return self._read(rows, _NO_PLANES, ())

    def _read(
        self, rows: slice, planes: Planes, corrections: Sequence[Correction]
    ) -> Pixels:
        """Evaluate the lines of some table rows and keep what belongs to them."""
        ny = self.slices.shape[0]
        start, stop = self._lines(rows)
        result = with_room(rows.stop - rows.start)
        while start < stop:
            end = min(stop, (start // ny + 1) * ny)
            first = int(self._starts[start])
            keep = slice(max(rows.start - first, 0), rows.stop - first)
            there = max(first - rows.start, 0)
            pixels = self._fill(start, end, planes, 0)
            for correct in corrections:
                correct(int(self.slices.numbers[start // ny]), pixels)
            for target, column in zip(result, pixels, strict=True):
                part = column[keep]
                target[there : there + len(part)] = part
            start = end
        return result


@dataclass
class DetectorPixels:
    """A pixel table that is a reduced detector image and the polynomials of its IFU.

    ``image`` is an OBJECT_RED or the like, on disk or in memory; it is read whole at the
    first use.
    """

    pixels: SlicePixels
    image: ImageFrame
    header: Header
    tag: str = "PIXTABLE_OBJECT"
    flat: Table | None = None
    name: str = ""
    _planes: Planes | None = field(default=None, repr=False)

    @property
    def ifu(self) -> int | None:
        """Number of the IFU."""
        return self.pixels.slices.ifu

    @property
    def n_rows(self) -> int:
        """Number of pixels."""
        return self.pixels.n_rows

    @property
    def segments(self) -> Sequence[Segment]:
        """Consecutive rows of each slice."""
        return self.pixels.segments

    def read(self, rows: slice) -> Pixels:
        """Return some rows."""
        if self._planes is None:
            self._planes = self.image.read(slice(0, self.image.shape[0]))
        start, stop, _ = rows.indices(self.n_rows)
        return self.pixels.read(slice(start, stop), self._planes)

    def read_further(self, rows: slice) -> Columns:  # noqa: ARG002
        """Return nothing: the pixels of a detector have no further columns."""
        return {}

    def fill(self, parts: Sequence[slice], out: Pixels) -> None:
        """Read several ranges of rows into columns."""
        copy_rows(self.read, parts, out)

    def flat_spectrum(self) -> Table | None:
        """Return the lamp-flat spectrum, if there is one."""
        return self.flat


def origin_keywords(slices: SliceMap) -> dict[str, Value]:
    """Return the keywords that decode the columns in ``origin``."""
    prefix = f"ESO DRS MUSE PIXTABLE EXP0 IFU{slices.ifu:02d}"
    return {
        f"{prefix} SLICE{number:02d} XOFFSET": int(offset)
        for number, offset in zip(slices.numbers, slices.offsets, strict=True)
    }
