"""Files of table extensions: TRACE_TABLE, WAVECAL_TABLE, LINE_CATALOG ...

The tables of one IFU stand in a file whose primary header has EXTNAME ``CHANnn``, or as
extension ``CHANnn`` (``CHANnn.LSF_PROFILE``, ``CHANnn.SLICE_PARAM``) of a merged file;
those of no IFU keep their own names.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.columns import read_array, read_columns
from pipeline.formats.extension import Extension, long_table, table_extension
from pipeline.formats.product import product_keywords
from pipeline.formats.scan import Unit, scan
from pipeline.formats.stream import Part, StreamedFits
from pipeline.spec import BadInput, Table, Value

if TYPE_CHECKING:
    from astropy.io import fits

_CHANNEL = re.compile(r"CHAN(\d\d)(\.LSF_PROFILE|\.SLICE_PARAM)?$")


@dataclass
class TableFile:
    """The tables of a file; implements `pipeline.spec.TableFrame`.

    An image extension (LSF_PROFILE) reads as a table of one column, ``image``.
    """

    path: Path
    tag: str
    ifu: int | None
    header: Keywords = field(repr=False)
    units: dict[str, tuple[int, Unit]] = field(repr=False)

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the extensions."""
        return tuple(self.units)

    def read(self, name: str | None = None) -> Table:
        """Return the extension ``name``, or the first one of this frame's IFU."""
        if name is None:
            name = self.names[0] if self.names else ""
        if name not in self.units:
            raise BadInput(
                f"has no extension {name!r}, only {', '.join(self.names) or 'none'}",
                file=self.name,
                keyword="EXTNAME",
                remedy=f"give another {self.tag}",
            )
        return self._read[name]

    @cached_property
    def _read(self) -> Mapping[str, Table]:
        """All tables, read at the first call."""
        tables = {name: self._plain(unit) for name, (_, unit) in self.units.items()}
        found = {name: table for name, table in tables.items() if table is not None}
        if len(found) < len(tables):
            from astropy.io import fits

            with fits.open(self.path, memmap=False) as units:
                for name in tables.keys() - found.keys():
                    found[name] = _table(units[self.units[name][0]])
        return found

    def _plain(self, unit: Unit) -> Table | None:
        """Return a table whose columns are simply stored, None for others."""
        columns = read_columns(self.path, unit)
        if columns is None:
            return self._array(unit)
        names = [str(unit.header.get(f"TUNIT{i}", "")) for i in range(1, len(columns) + 1)]
        units = dict(zip(columns, names, strict=True))
        return Table(columns, units, read_cards(unit.header))

    def _array(self, unit: Unit) -> Table | None:
        """Return an array that is simply stored as a table, None for others."""
        values = read_array(self.path, unit)
        if values is None:
            return None
        header = read_cards(unit.header)
        return Table({"image": values}, {"image": str(header.get("BUNIT", ""))}, header)


def _table(unit: "fits.BinTableHDU | fits.ImageHDU") -> Table:
    """Return an extension in native byte order, strings without trailing blanks."""
    from astropy.io import fits

    header = read_cards(unit.header)
    if not isinstance(unit, fits.BinTableHDU):
        image = np.asarray(unit.data)
        return Table(
            {"image": _native(image)}, {"image": str(header.get("BUNIT", ""))}, header
        )
    columns, units = {}, {}
    for column in unit.columns:
        values = np.asarray(unit.data[column.name])
        columns[column.name] = (
            np.char.rstrip(values.astype(str))
            if values.dtype.kind == "S"
            else _native(values)
        )
        units[column.name] = str(column.unit or "")
    return Table(columns, units, header)


def _native(values: np.ndarray) -> np.ndarray:
    """Return a contiguous copy in native byte order."""
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))


def open_tables(path: Path, tag: str) -> dict[int | None, TableFile]:
    """Return the tables of a file by IFU (None: for all IFUs).

    A file without any extension (ASTROMETRY_WCS) gives a frame with a header alone.
    """
    path = Path(path)
    units = scan(path)
    primary = read_cards(units[0].header)
    own = _CHANNEL.match(str(primary.get("EXTNAME", "")))
    found: dict[int | None, dict[str, tuple[int, Unit]]] = {}
    for number, unit in enumerate(units[1:], 1):
        channel = own or _CHANNEL.match(unit.name)
        ifu = int(channel[1]) if channel else None
        found.setdefault(ifu, {})[unit.name or f"TABLE{number}"] = (number, unit)
    if not found:
        found[int(own[1]) if own else None] = {}
    return {ifu: _frame(path, tag, ifu, primary, tables) for ifu, tables in found.items()}


def _frame(
    path: Path,
    tag: str,
    ifu: int | None,
    primary: Keywords,
    tables: dict[str, tuple[int, Unit]],
) -> TableFile:
    """Return the frame of one IFU with the keywords of the file and of its table."""
    header = Keywords(primary)
    if ifu is not None and tables:
        own = read_cards(next(iter(tables.values()))[1].header)
        own.pop("EXTNAME", None)
        header.update(own)
        header.comments.update(own.comments)
    return TableFile(path, tag, ifu, header, tables)


class TableProduct:
    """A table product under way; implements `pipeline.spec.TableWriter`."""

    def __init__(self, path: Path, header: Keywords) -> None:
        self.path, self.header = path, header
        self.qc: dict[str, Value] = {}
        self._tables: dict[str, Callable[[], Extension]] = {}

    def write(self, name: str, table: Table) -> None:
        """Append the table as extension ``name`` (``""``: without a name)."""
        self._add(name, partial(table_extension, name, table))

    def write_parts(self, name: str, n_rows: int, parts: Iterable[Table]) -> None:
        """Append a table of so many rows; its parts are made when the file is written."""
        self._add(name, partial(long_table, name, n_rows, parts))

    def _add(self, name: str, table: Callable[[], Extension]) -> None:
        """Note what to write."""
        if name in self._tables:
            raise ValueError(f"{self.path.name}: extension {name!r} is written twice")
        self._tables[name] = table

    def close(self) -> None:
        """Write the file."""
        file = StreamedFits(self.path, [Part(product_keywords(self.header, self.qc))])
        try:
            for table in self._tables.values():
                file.append(table())
            file.close()
        except BaseException:
            file.abort()
            raise

    def abort(self) -> None:
        """Give the file up."""
        self.path.unlink(missing_ok=True)
