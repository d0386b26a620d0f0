"""Pixels of a range of wavelengths, read from a pixel table in few pieces.

Along the rows of a segment the wavelength rises, but for the tilt of a slice within one
detector row. A coarse sample of windows of rows therefore tells where a range lies; what
is read is checked at both ends, so that no pixel can be missed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.pixels import PLACES, chosen, with_room
from pipeline.kernels.gather import (
    first_from,
    gather_good,
    rows_at,
    wavelengths_at_ends,
)
from pipeline.spec import Pixels, PixelTable, Segment, blocks

Result = TypeVar("Result")

Step = Callable[[Pixels], Pixels]
"""One step of a reduction; it may change the arrays it is given."""

Rows = NDArray[np.int64]

_WINDOW = 128
"""Rows of a window: more than one detector row of a slice."""

_LINE = 96
"""More table rows than one detector row of a slice has, 82 at most (`slice_width_max` of
`pipeline.instrument`): wavelengths rise from one such stretch of rows to the next."""

_N_WINDOWS = 24
"""Windows of a segment."""

_TOGETHER = 24
"""Segments whose windows are read at once: few enough for the cache. One after the other
they take 1.6 times as long, and longer while another thread has use for the interpreter."""


@dataclass(frozen=True)
class _Samples:
    """Wavelengths at some rows of a segment: lowest and highest of each window."""

    segment: Segment
    rows: Sequence[int]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class _Guide:
    """The samples of some segments: where to look for wavelengths in all of them at once.

    Parameters
    ----------
    start, stop : int64[n_segments]
        First row of each segment, and the one behind its last.
    rows, low, high : float64[n_segments, n_windows]
        The samples; the last one again where a segment has fewer.
    """

    start: Rows
    stop: Rows
    rows: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, samples: Sequence[_Samples]) -> Self:
        """Return the guide to segments with these samples."""
        n = max(len(s.rows) for s in samples)
        columns = (
            np.array([[*c, *[c[-1]] * (n - len(c))] for c in table], np.float64)
            for table in zip(*((s.rows, s.low, s.high) for s in samples), strict=True)
        )
        bounds = np.array([(s.segment.start, s.segment.stop) for s in samples], np.int64)
        return cls(*bounds.T, *columns)

    def first_rows(self, low: float) -> Rows:
        """Return rows of each segment before which all wavelengths should be lower.

        Two lines are outside of what is wanted: one to be looked at, one since a window
        begins anywhere in a line.
        """
        below = rows_at(low, self.high, self.rows).astype(np.int64) + _WINDOW
        return np.asarray(np.maximum(below - 2 * _LINE, self.start))

    def last_rows(self, high: float, start: Rows) -> Rows:
        """Return rows, not before some, from which on no wavelength should be lower.

        Two lines are outside of what is wanted here, too.
        """
        above = rows_at(high, self.low, self.rows).astype(np.int64)
        return np.asarray(np.maximum(np.minimum(above + 2 * _LINE, self.stop), start))


@dataclass(frozen=True)
class Sampled:
    """A pixel table that can be read by wavelength.

    Parameters
    ----------
    table
        The pixels.
    low, high
        Wavelengths to which it is cut [Angstrom].
    """

    table: PixelTable
    low: float = 0.0
    high: float = np.inf
    _known: list[_Samples] = field(default_factory=list, repr=False, compare=False)
    _begins: dict[float, Rows] = field(default_factory=dict, repr=False, compare=False)

    @property
    def samples(self) -> Sequence[_Samples]:
        """Samples of all segments, taken once."""
        if not self._known:
            groups = (self._sample(("wavelength",), some)[0] for some in self._groups())
            self._known[:] = chain.from_iterable(groups)
        return self._known

    @property
    def density(self) -> float:
        """Pixels per unit of wavelength [1/Angstrom]."""
        lowest = min(samples.low[0] for samples in self.samples)
        highest = max(samples.high[-1] for samples in self.samples)
        return self.table.n_rows / max(highest - lowest, 1.0)

    def windows(
        self, use: Callable[[Pixels], Result], columns: Sequence[str] = Pixels._fields
    ) -> Iterator[Result]:
        """Yield what ``use`` makes of sampled windows of some segments at a time.

        It gets their pixels within the limits of wavelength, where there are any. Both
        ends of a segment, or of what the limits leave of it, are among them. Columns but
        for these, which include the wavelength, are empty.
        """
        known = []
        for segments in self._groups():
            samples, pixels = self._sample(columns, segments)
            known += samples
            whole = [slice(s.start, s.stop) for s in segments]
            guide = _Guide.of(samples)
            start = guide.first_rows(self.low)
            left = _parts(start, guide.last_rows(self.high, start))
            if left != whole:
                pairs = zip(left, whole, strict=True)
                spread = (
                    _spread(own) if own == all_ else _within(own) for own, all_ in pairs
                )
                pixels = self._read(list(chain.from_iterable(spread)), columns)
            inside = (pixels.wavelength >= self.low) & (pixels.wavelength <= self.high)
            if inside.any():
                yield use(chosen(pixels, inside))
        self._known[:] = known

    def _groups(self) -> Iterator[Sequence[Segment]]:
        """Yield the segments whose windows are read at once."""
        segments = self.table.segments
        yield from (segments[some] for some in blocks(len(segments), _TOGETHER))

    def extremes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lowest and the highest x and y of the windows, float64[2] each."""
        ends = np.array(list(self.windows(_ends, PLACES)), np.float64).reshape(-1, 2, 2)
        return ends[:, 0].min(axis=0, initial=np.inf), ends[:, 1].max(
            axis=0, initial=-np.inf
        )

    def _sample(
        self, columns: Sequence[str], segments: Sequence[Segment]
    ) -> tuple[list[_Samples], Pixels]:
        """Read windows of rows of segments, some columns of them."""
        windows = [_spread(slice(s.start, s.stop)) for s in segments]
        parts = list(chain.from_iterable(windows))
        pixels = self._read(parts, columns)
        first = np.cumsum([0, *(part.stop - part.start for part in parts[:-1])])
        low = np.minimum.reduceat(pixels.wavelength, first)
        high = np.maximum.reduceat(pixels.wavelength, first)
        samples, stop = [], 0
        for segment, own in zip(segments, windows, strict=True):
            start, stop = stop, stop + len(own)
            ends = (low[start:stop], high[start:stop])
            rising = (np.maximum.accumulate(values).tolist() for values in ends)
            samples.append(_Samples(segment, [part.start for part in own], *rising))
        return samples, pixels

    def _read(
        self, parts: Sequence[slice], columns: Sequence[str] = Pixels._fields
    ) -> Pixels:
        """Return several ranges of rows, one after the other; other columns are empty."""
        pixels = with_room(sum(part.stop - part.start for part in parts), columns)
        self.table.fill(parts, pixels)
        return pixels

    def read(self, low: float, high: float, following: float = np.inf) -> Pixels:
        """Return all pixels from ``low`` to ``high`` (exclusive) [Angstrom].

        Flagged pixels and those without finite data are left out. Where a range begins
        that is to be read next, ``following``, is remembered if it is not above ``high``.
        """
        low, high = float(np.float32(low)), float(np.float32(high))
        following = float(np.float32(following))
        limits = (low, high, float(np.float32(self.low)), float(np.float32(self.high)))
        known = self._begins.pop(low, None)
        start = self._guide.first_rows(low) if known is None else known
        rows = start, self._guide.last_rows(high, start)
        while True:
            pixels = self._read(_parts(*rows))
            bounds = np.concatenate([[0], np.cumsum(rows[1] - rows[0])])
            highest, lowest = wavelengths_at_ends(pixels.wavelength, bounds, _LINE)
            before = (highest >= low) & (known is None)
            enough = self._widened(*rows, before, lowest < high)
            if np.array_equal(enough, rows):
                break
            rows = enough
        if following <= high:
            at = first_from(pixels.wavelength, bounds, following, _LINE)
            self._begins[following] = rows[0] + at
        n = gather_good(tuple(pixels), limits, tuple(pixels), 0)
        return pixels.rows(slice(n))

    @cached_property
    def _guide(self) -> _Guide:
        """Where to look for wavelengths."""
        return _Guide.of(self.samples)

    def _widened(
        self, start: Rows, stop: Rows, before: NDArray[np.bool_], behind: NDArray[np.bool_]
    ) -> tuple[Rows, Rows]:
        """Return rows of all segments, more where a range may go on beyond them."""
        more = 4 * _WINDOW
        return (
            np.maximum(start - more * before, self._guide.start),
            np.minimum(stop + more * behind, self._guide.stop),
        )


def _ends(window: Pixels) -> list[list[np.float32]]:
    """Return the lowest and the highest coordinates, each x and y."""
    x, y = window.xpos, window.ypos
    return [[x.min(), y.min()], [x.max(), y.max()]]


def _parts(start: Rows, stop: Rows) -> list[slice]:
    """Return ranges of rows."""
    return [slice(*ends) for ends in zip(start.tolist(), stop.tolist(), strict=True)]


def _spread(rows: slice) -> list[slice]:
    """Return windows evenly spread over some rows."""
    last = max(rows.start, rows.stop - _WINDOW)
    first = np.linspace(rows.start, last, _N_WINDOWS).astype(np.int64).tolist()
    return [slice(row, min(row + _WINDOW, rows.stop)) for row in dict.fromkeys(first)]


def _within(rows: slice) -> list[slice]:
    """Return windows spread over the rows that the limits leave, and much of the ends.

    The rows are a guess: the limits lie a few windows inside it.
    """
    width = min(8 * _WINDOW, rows.stop - rows.start)
    ends = [slice(end, end + width) for end in (rows.start, rows.stop - width)]
    return [*_spread(rows), *ends]


def run_steps(pixels: Pixels, steps: Sequence[Step]) -> Pixels:
    """Apply steps in their order."""
    for step in steps:
        pixels = step(pixels)
    return pixels
