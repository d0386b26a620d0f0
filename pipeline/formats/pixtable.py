"""Pixel tables on disk: one image of width 1 per column, or one binary table.

The form is that of the genuine pipeline (MUSE pipeline manual, appendix A). Both forms
are read; `pipeline.formats.pixtable_table` writes the second on request. Rows are read
with ``pread`` in whatever blocks are asked for; nothing stays in memory.
"""

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.pieces import read_words
from pipeline.formats.scan import Unit, scan
from pipeline.spec import BadInput, Pixels, Segment, Table, blocks

COLUMNS = ("xpos", "ypos", "lambda", "data", "dq", "stat", "origin")
TYPES = ("f4", "f4", "f4", "f4", "u4", "f4", "u4")
FLAT_SPECTRUM = "PIXTABLE_FLAT_FIELD"
_BLOCK = 1 << 18
"""Rows whose slices are told apart at once: few enough for the cache."""


@dataclass
class PixelTableFile:
    """A pixel table on disk; implements `pipeline.spec.PixelTable`.

    The rows of a segment stand in the order of the file: by detector row and column when
    a first-stage recipe wrote it; later recipes of the genuine pipeline sort the rows of
    each slice by wavelength.
    """

    path: Path
    tag: str
    units: Mapping[str, Unit] = field(repr=False)
    header: Keywords = field(repr=False)
    ifu: int | None = None
    _segments: list[Segment] = field(default_factory=list, repr=False, compare=False)

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.name

    @cached_property
    def n_rows(self) -> int:
        """Number of pixels."""
        return self._columns["data"].n_rows

    @property
    def segments(self) -> list[Segment]:
        """Consecutive rows of one slice, IFU and exposure; found from ``origin``.

        Kept without the lock of ``cached_property``, which all files would share.
        """
        if not self._segments:
            self._segments = self._find_segments()
        return self._segments

    def _find_segments(self) -> list[Segment]:
        """Read the slices of all rows."""
        starts: list[int] = []
        labels: list[int] = []
        previous = -1
        for rows in blocks(self.n_rows, _BLOCK):
            origin = np.empty(rows.stop - rows.start, np.uint32)
            self._read(("origin",), [rows], [origin])
            label = origin & np.uint32(0x7FF)
            changed = 1 + np.flatnonzero(label[1:] != label[:-1])
            if int(label[0]) != previous:
                changed = np.concatenate([[0], changed])
            starts.extend(int(i) + rows.start for i in changed)
            labels.extend(int(value) for value in label[changed])
            previous = int(label[-1])
        return _split_by_exposure(starts, labels, self._exposures(), self.n_rows)

    def read(self, rows: slice) -> Pixels:
        """Return some rows."""
        start, stop, _ = rows.indices(self.n_rows)
        n = max(stop - start, 0)
        pixels = Pixels._make(np.empty(n, kind) for kind in TYPES)
        self._read(COLUMNS, [slice(start, start + n)], pixels)
        return pixels

    def fill(self, parts: Sequence[slice], out: Pixels) -> None:
        """Read several ranges of rows into columns."""
        self._read(COLUMNS, parts, out)

    @property
    def further(self) -> tuple[str, ...]:
        """Names of further columns, such as ``weight``."""
        return tuple(name for name in self._columns if name not in COLUMNS)

    def read_further(self, rows: slice) -> dict[str, NDArray[np.float32]]:
        """Return some rows of the further columns."""
        start, stop, _ = rows.indices(self.n_rows)
        n = max(stop - start, 0)
        found = {name: np.empty(n, np.float32) for name in self.further}
        self._read(self.further, [slice(start, start + n)], list(found.values()))
        return found

    @property
    def unit(self) -> str:
        """Unit of DATA."""
        if "data" in self.units:
            return str(self.units["data"].header.get("BUNIT", ""))
        table = next(u for u in self.units.values() if "data" in _table_columns(u))
        place = list(_table_columns(table)).index("data")
        return str(table.header.get(f"TUNIT{place + 1}", ""))

    def flat_spectrum(self) -> Table | None:
        """Return the lamp-flat spectrum (lambda, data), if there is one."""
        unit = self.units.get(FLAT_SPECTRUM)
        if unit is None:
            return None
        n_rows = unit.shape[0]
        places = _table_columns(unit)
        with self.path.open("rb") as file:
            columns = {
                name: _fetch(file.fileno(), place, slice(0, n_rows)).astype(np.float64)
                for name, place in places.items()
            }
        units = {
            name: str(unit.header.get(f"TUNIT{i + 1}", "")) for i, name in enumerate(places)
        }
        return Table(columns, units, read_cards(unit.header))

    def _read(
        self, names: Sequence[str], parts: Sequence[slice], out: Sequence[NDArray[Any]]
    ) -> None:
        """Read ranges of rows of columns that have room, in native byte order."""
        wanted = [(n, c) for n, c in zip(names, out, strict=True) if len(c)]
        columns = [(self._columns[n], c) for n, c in wanted]
        fd = os.open(self.path, os.O_RDONLY)
        try:
            words = [(place, column) for place, column in columns if place.is_words]
            read_words(
                fd,
                [place.offset for place, _ in words],
                parts,
                [column.view(np.uint32) for _, column in words],
            )
            for place, column in columns:
                if not place.is_words:
                    _fill_column(fd, place, parts, column)
        finally:
            os.close(fd)

    @cached_property
    def _columns(self) -> dict[str, "_Place"]:
        """Where each column lies in the file."""
        if "data" in self.units:
            places = {
                name: _Place(u.offset, 4, _TYPE[int(u.header["BITPIX"])], u.shape[0])
                for name, u in self.units.items()
                if name in COLUMNS or _is_column(u)
            }
        else:
            tables = [u for u in self.units.values() if "data" in _table_columns(u)]
            places = _table_columns(tables[0]) if tables else {}
        missing = [name for name in COLUMNS if name not in places]
        if missing:
            raise BadInput(
                f"is no pixel table: column {missing[0]!r} is missing",
                file=self.name,
                keyword="EXTNAME",
                remedy=f"give {self.tag} a pixel table, or correct its tag",
            )
        return places

    def _exposures(self) -> list[tuple[int, int]]:
        """Return number and first row of the exposures in a combined table."""
        found = []
        number = 1
        while (keyword := f"ESO DRS MUSE PIXTABLE EXP{number} FIRST") in self.header:
            found.append((number, int(self.header[keyword])))
            number += 1
        return found


def _is_column(unit: Unit) -> bool:
    """Tell whether an image holds a further column, float32[n, 1]."""
    return len(unit.shape) == 2 and unit.shape[1] == 1 and unit.header["BITPIX"] == -32


@dataclass(frozen=True)
class _Place:
    """A column: where it starts [byte], from row to row [byte], its type, its length."""

    offset: int
    stride: int
    stored: np.dtype[Any]
    n_rows: int

    @cached_property
    def native(self) -> np.dtype[Any]:
        """Its type in memory."""
        return self.stored.newbyteorder("=")

    @cached_property
    def is_words(self) -> bool:
        """Whether it is nothing but words of 4 bytes, one after the other."""
        return self.stride == self.stored.itemsize == 4


_TYPE: dict[int, np.dtype[Any]] = {-32: np.dtype(">f4"), 32: np.dtype(">i4")}
_FORM: dict[str, np.dtype[Any]] = {
    "E": np.dtype(">f4"),
    "J": np.dtype(">i4"),
    "D": np.dtype(">f8"),
}


def _table_columns(unit: Unit) -> dict[str, _Place]:
    """Return the columns of a binary table; none for an image."""
    header = unit.header
    if str(header.get("XTENSION", "")).strip() != "BINTABLE":
        return {}
    places, offset = {}, unit.offset
    for i in range(1, int(header["TFIELDS"]) + 1):
        form = str(header[f"TFORM{i}"]).strip().removeprefix("1")
        if form not in _FORM:
            return {}
        place = _Place(offset, int(header["NAXIS1"]), _FORM[form], int(header["NAXIS2"]))
        places[str(header[f"TTYPE{i}"]).strip()] = place
        offset += place.stored.itemsize
    return places


def _fetch(fd: int, place: _Place, rows: slice) -> NDArray[Any]:
    """Read some rows of one column into a native, contiguous array."""
    n = max(rows.stop - rows.start, 0)
    if n == 0:
        return np.empty(0, place.native)
    data = os.pread(fd, n * place.stride, place.offset + rows.start * place.stride)
    values: NDArray[Any] = np.ndarray((n,), place.stored, data, strides=(place.stride,))
    return values.astype(place.native)


def _fill_column(fd: int, place: _Place, parts: Sequence[slice], out: NDArray[Any]) -> None:
    """Read ranges of rows of one column into an array."""
    first = 0
    for rows in parts:
        last = first + rows.stop - rows.start
        values = _fetch(fd, place, rows)
        out[first:last] = values.view(np.uint32) if values.dtype.kind == "i" else values
        first = last


def _split_by_exposure(
    starts: list[int], labels: list[int], exposures: list[tuple[int, int]], n_rows: int
) -> list[Segment]:
    """Return segments from the rows where slice or IFU change."""
    first_rows = [row for _, row in exposures]
    bounds = sorted({*starts, *first_rows})
    segments = []
    for start, stop in zip(bounds, [*bounds[1:], n_rows], strict=True):
        label = labels[bisect_right(starts, start) - 1]
        place = bisect_right(first_rows, start) - 1
        exposure = exposures[place][0] if place >= 0 else 0
        segments.append(Segment(exposure, label >> 6, label & 0x3F, start, stop))
    return segments


def open_pixtable(path: Path, tag: str) -> PixelTableFile:
    """Return a pixel table; nothing but headers is read.

    Raises
    ------
    BadInput
        If the file is damaged or no pixel table.
    """
    path = Path(path)
    units = scan(path)
    header = read_cards(units[0].header)
    channel = str(header.get("EXTNAME", ""))
    ifu = int(channel[4:]) if channel.startswith("CHAN") and channel[4:].isdigit() else None
    table = PixelTableFile(path, tag, {u.name: u for u in units[1:]}, header, ifu)
    if table.n_rows == 0:
        raise BadInput(
            "has no pixels", file=path.name, keyword="NAXIS2", remedy="make it again"
        )
    return table
