"""Pixel tables written block by block, in any order (see `pipeline.formats.pixtable`)."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np

from pipeline.formats.cards import Keywords
from pipeline.formats.extension import table_extension
from pipeline.formats.pixtable import COLUMNS, FLAT_SPECTRUM, TYPES
from pipeline.formats.pixtable_table import as_binary_table, wanted_as_table
from pipeline.formats.product import product_keywords
from pipeline.formats.stream import Part, StreamedFits
from pipeline.kernels.extremes import extremes
from pipeline.spec import Columns, Pixels, Table, Value

_LIMITS = "ESO DRS MUSE PIXTABLE LIMITS"
_POSITION_UNIT = {"projected": "rad", "positioned": "deg"}


class PixelTableProduct:
    """A pixel table under way; implements `pipeline.spec.PixelWriter`.

    The extremes of the coordinates are gathered while rows are written and put into the
    header by `close`.

    Parameters
    ----------
    path
        The file to write; `close` completes it, `abort` removes it.
    header
        Keywords of the primary header; may be filled until the end.
    n_rows
        Number of pixels.
    unit
        Unit of DATA.
    spare
        Cards to keep free for keywords to come.
    extra
        Names of further columns, float32.
    """

    def __init__(
        self,
        path: Path,
        header: Keywords,
        n_rows: int,
        *,
        unit: str,
        spare: int = 0,
        extra: Sequence[str] = (),
    ) -> None:
        self.path, self.header = path, header
        self.qc: dict[str, Value] = {}
        self._unit = unit
        self._limits = Limits()
        kinds = ["i4" if kind == "u4" else kind for kind in TYPES]
        parts = [Part(product_keywords(header, {}), spare=spare + 10)]
        parts += [
            Part(Keywords({"EXTNAME": name}), kind, (n_rows, 1), spare=1)
            for name, kind in zip(COLUMNS, kinds, strict=True)
        ]
        parts += [Part(Keywords({"EXTNAME": name}), "f4", (n_rows, 1)) for name in extra]
        self._extra = {name: len(COLUMNS) + k for k, name in enumerate(extra, 1)}
        self._file = StreamedFits(path, parts)

    def write(self, rows: slice, pixels: Pixels) -> None:
        """Store some rows."""
        lengths = {len(column) for column in pixels}
        if lengths != {rows.stop - rows.start}:
            raise ValueError(f"columns of {sorted(lengths)} rows for {rows}")
        for name, column, kind in zip(COLUMNS, pixels, TYPES, strict=True):
            if column.dtype != np.dtype(kind):
                raise TypeError(f"{name}: {column.dtype} written, not {kind}")
        self._file.write_columns(1, rows.start, pixels)
        self._limits.include(pixels)

    def write_extra(self, rows: slice, columns: Columns) -> None:
        """Store some rows of the further columns."""
        for name, values in columns.items():
            if values.shape != (rows.stop - rows.start,) or values.dtype != np.float32:
                raise TypeError(f"{name}: {values.dtype}{values.shape} for {rows}")
            self._file.write(self._extra[name], rows.start, values)

    def write_flat_spectrum(self, table: Table) -> None:
        """Append the lamp-flat spectrum."""
        doubles = {k: v.astype(np.float64) for k, v in table.columns.items()}
        plain = Table(doubles, table.units)
        self._file.append(table_extension(FLAT_SPECTRUM, plain))

    def close(self) -> None:
        """Complete headers and checksums; everything is on the disk afterwards."""
        self.header.update(self._limits.keywords(self.header))
        position = self._position_unit()
        stat = f"{self._unit}**2" if self._unit.isalpha() else f"({self._unit})**2"
        units = (position, position, "Angstrom", self._unit, "", stat, "")
        for part, unit in zip(self._file.parts[1:8], units, strict=True):
            if unit:
                part.keywords["BUNIT"] = unit
        self._file.parts[0].keywords = product_keywords(self.header, self.qc)
        self._file.close()
        if wanted_as_table():
            as_binary_table(self.path)

    def abort(self) -> None:
        """Give up and remove the file."""
        self._file.abort()

    def _position_unit(self) -> str:
        """Return the unit of the positions, which the header tells."""
        wcs = str(self.header.get("ESO DRS MUSE PIXTABLE WCS", ""))
        return _POSITION_UNIT.get(wcs.split(" ")[0], "pix")


class Limits:
    """Extremes of coordinates and slices, gathered from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._low = np.full(5, np.inf)
        self._high = np.full(5, -np.inf)

    def include(self, pixels: Pixels) -> None:
        """Take in some rows."""
        if len(pixels.origin) == 0:
            return
        places = pixels.xpos, pixels.ypos, pixels.wavelength
        low, high = extremes(
            tuple(map(np.ascontiguousarray, places)), np.ascontiguousarray(pixels.origin)
        )
        with self._lock:
            self._low = np.minimum(self._low, low)
            self._high = np.maximum(self._high, high)

    def keywords(self, header: Keywords) -> dict[str, Value]:
        """Return the LIMITS keywords; positions are absolute in a positioned table."""
        positioned = str(header.get("ESO DRS MUSE PIXTABLE WCS", "")).startswith("pos")
        zero = [float(header[f"CRVAL{i}"]) if positioned else 0.0 for i in (1, 2)]
        found: dict[str, Value] = {}
        for i, axis in enumerate(("X", "Y", "LAMBDA", "IFU", "SLICE")):
            for end, values in (("LOW", self._low), ("HIGH", self._high)):
                value = values[i] + (zero[i] if i < 2 else 0.0)
                if axis in ("IFU", "SLICE"):
                    found[f"{_LIMITS} {axis} {end}"] = int(value)
                else:  # as many digits as the columns have
                    found[f"{_LIMITS} {axis} {end}"] = cast("float", np.float32(value))
        return found
