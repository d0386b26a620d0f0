"""Images of products: DATA, DQ and STAT, one file per IFU or merged into one file.

In a file of one IFU the primary header holds all keywords, with EXTNAME ``CHANnn``; in
a merged file the extensions are ``CHANnn.DATA``, ``.DQ`` and ``.STAT``, and the keywords
of an IFU stand in its ``CHANnn.DATA``.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.headers import plane_keywords
from pipeline.formats.product import product_keywords
from pipeline.formats.scan import Unit, scan
from pipeline.formats.stream import Part, StreamedFits
from pipeline.spec import BadInput, Planes, Value, blocks

_TYPES = {8: "u1", 16: ">i2", 32: ">i4", -32: ">f4", -64: ">f8"}
_CACHED = 1 << 18
"""Bytes that are read and brought into native order while they are in the cache."""
_PLANE = re.compile(r"(?:CHAN(\d\d)\.)?(DATA|DQ|STAT)$")
_CHANNEL = re.compile(r"CHAN(\d\d)$")
_WCS = re.compile(r"WCSAXES|(CTYPE|CRVAL|CRPIX|CUNIT|CDELT|CRDER|CSYER)\d|(CD|PC)\d_\d")


@dataclass
class ImageFile:
    """One image of a product file; implements `pipeline.spec.ImageFrame`."""

    path: Path
    tag: str
    ifu: int | None
    header: Keywords = field(repr=False)
    units: dict[str, Unit] = field(repr=False)

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.name

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ny, nx = self.units["DATA"].shape
        return ny, nx

    def read(self, rows: slice) -> Planes:
        """Return DATA, DQ and STAT of some rows.

        Where the file has no DQ, not-finite data are flagged as missing; where it has
        no STAT, the variance is 0.
        """
        data = self._plane("DATA", rows).astype(np.float32, copy=False)
        if "DQ" in self.units:
            dq = self._plane("DQ", rows).astype(np.int32, copy=False).view(np.uint32)
        else:
            dq = np.where(np.isfinite(data), np.uint32(0), np.uint32(Flag.MISSING_DATA))
        if "STAT" in self.units:
            stat = self._plane("STAT", rows).astype(np.float32, copy=False)
        else:
            stat = np.zeros_like(data)
        return Planes(data, dq, stat)

    def _plane(self, name: str, rows: slice) -> NDArray[Any]:
        """Return some rows of one plane in native byte order."""
        unit = self.units[name]
        start, stop, _ = rows.indices(self.shape[0])
        stop = max(start, stop)
        kind = np.dtype(_TYPES[int(unit.header["BITPIX"])])
        n_columns = self.shape[1]
        n_bytes = n_columns * kind.itemsize
        plane = np.empty((stop - start, n_columns), kind.newbyteorder("="))
        fd = os.open(self.path, os.O_RDONLY)
        try:
            for part in blocks(len(plane), max(_CACHED // n_bytes, 1)):
                position = unit.offset + n_bytes * (start + part.start)
                data = os.pread(fd, n_bytes * (part.stop - part.start), position)
                plane[part] = np.frombuffer(data, kind).reshape(-1, n_columns)
        finally:
            os.close(fd)
        return plane


def open_images(path: Path, tag: str) -> dict[int | None, ImageFile]:
    """Return the images of a product file by IFU (None: of the whole field).

    Raises
    ------
    BadInput
        If the file is damaged or has no image.
    """
    path = Path(path)
    units = scan(path)
    primary = read_cards(units[0].header)
    own = _CHANNEL.match(str(primary.get("EXTNAME", "")))
    found: dict[int | None, dict[str, Unit]] = {}
    if len(units[0].shape) == 2:
        found[None] = {"DATA": units[0]}
    for unit in units[1:]:
        match = _PLANE.match(unit.name)
        if match and len(unit.shape) == 2:
            channel = match[1] or (own[1] if own else None)
            found.setdefault(int(channel) if channel else None, {})[match[2]] = unit
    images = {
        ifu: ImageFile(path, tag, ifu, _merged(primary, planes["DATA"]), planes)
        for ifu, planes in found.items()
        if "DATA" in planes
    }
    if not images:
        raise BadInput(
            "has no image",
            file=path.name,
            keyword="EXTNAME",
            remedy=f"give {tag} a product with an extension DATA or CHANnn.DATA",
        )
    return images


def _merged(primary: Keywords, data: Unit) -> Keywords:
    """Return the keywords of the primary header and, over them, of the DATA extension."""
    own = read_cards(data.header)
    own.pop("EXTNAME", None)
    words = Keywords(primary, own.comments)
    words.update(own)
    return words


class ImageProduct:
    """An image product under way; implements `pipeline.spec.ImageWriter`.

    Keywords of coordinate systems in ``header`` go into the extensions.
    """

    def __init__(
        self,
        path: Path,
        header: Keywords,
        shape: tuple[int, int],
        *,
        unit: str,
        spare: int = 0,
    ) -> None:
        self.path, self.header = path, header
        self.qc: dict[str, Value] = {}
        parts = [Part(product_keywords(header, {}), spare=spare)]
        for plane, kind in (("DATA", "f4"), ("DQ", "i4"), ("STAT", "f4")):
            parts.append(Part(plane_keywords(plane, unit), kind, shape, spare=14))
        self._file = StreamedFits(path, parts)

    def write(self, rows: slice, planes: Planes) -> None:
        """Store DATA, DQ and STAT of some rows."""
        self.write_values(rows, planes.data, planes.stat)
        self.write_flags(rows, planes.dq)

    def write_values(
        self, rows: slice, data: NDArray[np.float32], stat: NDArray[np.float32]
    ) -> None:
        """Store DATA and STAT of some rows."""
        self._file.write(1, rows.start or 0, data)
        self._file.write(3, rows.start or 0, stat)

    def write_flags(self, rows: slice, dq: NDArray[np.uint32]) -> None:
        """Store DQ of some rows."""
        self._file.write(2, rows.start or 0, dq)

    def close(self) -> None:
        """Complete the file."""
        words = product_keywords(self.header, self.qc)
        wcs = {k: words.pop(k) for k in list(words) if _WCS.fullmatch(k)}
        self._file.parts[0].keywords = words
        for part in self._file.parts[1:]:
            part.keywords.update(wcs)
        self._file.close()

    def abort(self) -> None:
        """Give the file up."""
        self._file.abort()
