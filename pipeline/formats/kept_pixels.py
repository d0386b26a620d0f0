"""Pixel tables that go from one recipe to the next in the same process, without a file.

Their coordinates are functions; DATA, DQ and STAT wait in a nameless temporary file, 12
bytes a pixel in place of 28, in native order and without checksums. Further columns, such
as weights, wait behind them.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import BLOCK, Keywords, read_cards
from pipeline.formats.parse import parse_header
from pipeline.formats.pixtable_writer import Limits
from pipeline.formats.product import product_keywords
from pipeline.formats.stream import Part
from pipeline.formats.wordfile import write_all
from pipeline.spec import Columns, PixelPlaces, Pixels, Segment, Table, Value, copy_rows

Kind = type[np.float32] | type[np.uint32]
"""Types of columns."""

_VALUES: tuple[tuple[str, Kind], ...] = (
    ("data", np.float32),
    ("dq", np.uint32),
    ("stat", np.float32),
)


@dataclass
class KeptTable:
    """A pixel table without a file; implements `pipeline.spec.PixelTable`.

    ``fd``: of the temporary file with its values; ``further``: names of further columns.
    """

    name: str
    tag: str
    ifu: int | None
    n_rows: int
    header: Keywords = field(repr=False)
    places: PixelPlaces = field(repr=False)
    fd: int = field(repr=False)
    flat: Table | None = field(default=None, repr=False)
    further: Sequence[str] = ()

    @cached_property
    def segments(self) -> list[Segment]:
        """Consecutive rows of each slice that has pixels."""
        return [s for s in self.places.segments if s.stop > s.start]

    def read(self, rows: slice) -> Pixels:
        """Return some rows."""
        start, stop, _ = rows.indices(self.n_rows)
        rows = slice(start, max(start, stop))
        found = {
            name: self._column(i, kind, rows) for i, (name, kind) in enumerate(_VALUES)
        }
        return self.places.places(rows)._replace(**found)

    def read_further(self, rows: slice) -> Columns:
        """Return some rows of the further columns."""
        start, stop, _ = rows.indices(self.n_rows)
        rows = slice(start, max(start, stop))
        return {
            name: self._column(i, np.float32, rows)
            for i, name in enumerate(self.further, len(_VALUES))
        }

    def _column(self, i: int, kind: Kind, rows: slice) -> NDArray[Any]:
        """Return some rows of the column that stands at place ``i`` in the file."""
        values = np.empty(rows.stop - rows.start, kind)
        position = 4 * (i * self.n_rows + rows.start)
        if os.preadv(self.fd, [values.data], position) < values.nbytes:
            raise EOFError(f"{rows} of {self.name} were not written")
        return values

    def fill(self, parts: Sequence[slice], out: Pixels) -> None:
        """Read several ranges of rows into columns."""
        copy_rows(self.read, parts, out)

    def flat_spectrum(self) -> Table | None:
        """Return the lamp-flat spectrum, if there is one."""
        return self.flat


class KeptPixels:
    """A pixel table under way that will not become a file; a `pipeline.spec.PixelWriter`.

    Parameters
    ----------
    path
        The file that it would be.
    header
        Its keywords; may be filled until the end.
    n_rows
        Number of pixels.
    places
        Where they lie.
    fd
        An empty file, open for reading and writing, and left open.
    further
        Names of further columns, float32.
    """

    def __init__(
        self,
        path: Path,
        header: Keywords,
        n_rows: int,
        places: PixelPlaces,
        fd: int,
        further: Sequence[str] = (),
    ) -> None:
        self.path, self.header = path, header
        self.qc: dict[str, Value] = {}
        self._n_rows, self._places, self._fd = n_rows, places, fd
        self._further = tuple(further)
        self._limits = Limits()
        self._flat: Table | None = None

    def write(self, rows: slice, pixels: Pixels) -> None:
        """Store some rows."""
        self._write(rows, {name: getattr(pixels, name) for name, _ in _VALUES}, _VALUES)
        self._limits.include(pixels)

    def write_extra(self, rows: slice, columns: Columns) -> None:
        """Store some rows of the further columns."""
        kinds: list[tuple[str, Kind]] = [(name, np.float32) for name in self._further]
        self._write(rows, columns, kinds, len(_VALUES))

    def _write(
        self,
        rows: slice,
        columns: Mapping[str, NDArray[Any]],
        kinds: Sequence[tuple[str, Kind]],
        first: int = 0,
    ) -> None:
        """Store some rows of columns whose places in the file begin at ``first``."""
        for i, (name, kind) in enumerate(kinds, first):
            values = columns[name]
            if values.dtype != kind or len(values) != rows.stop - rows.start:
                raise TypeError(f"{name}: {values.dtype}[{len(values)}] for {rows}")
            write_all(self._fd, values, 4 * (i * self._n_rows + rows.start))

    def write_flat_spectrum(self, table: Table) -> None:
        """Append the lamp-flat spectrum."""
        doubles = {k: v.astype(np.float64) for k, v in table.columns.items()}
        self._flat = Table(doubles, table.units)

    def close(self) -> None:
        """Complete the keywords."""
        self.header.update(self._limits.keywords(self.header))

    def abort(self) -> None:
        """Give the table up; its file belongs to who opened it."""

    def table(self, tag: str, ifu: int | None) -> KeptTable:
        """Return the table as the next recipe reads it.

        The keywords are those that a file would give, with as many digits.
        """
        block = Part(product_keywords(self.header, self.qc)).block(True, 0, BLOCK)
        words = read_cards(parse_header(block.decode("ascii")))
        return KeptTable(
            self.path.name, tag, ifu, self._n_rows, words, self._places, self._fd,
            self._flat, self._further,
        )  # fmt: skip
