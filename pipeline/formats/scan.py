"""Where the headers and data of a FITS file lie, found without reading the data."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.formats.cards import BLOCK, Keywords
from pipeline.formats.parse import parse_header
from pipeline.spec import BadInput


@dataclass(frozen=True)
class Unit:
    """One header-data unit: its header and where its data lie [byte]."""

    header: Keywords
    offset: int
    size: int

    @property
    def name(self) -> str:
        """The EXTNAME, as written."""
        return str(self.header.get("EXTNAME", "")).strip()

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, slowest first."""
        n_axes = int(self.header["NAXIS"])
        return tuple(int(self.header[f"NAXIS{i}"]) for i in range(n_axes, 0, -1))


def scan(path: Path) -> list[Unit]:
    """Return all header-data units of a file.

    Raises
    ------
    BadInput
        If the file is missing, is no FITS file, or ends before its headers promise.
    """
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            return _units(file.fileno(), length, path.name)
    except OSError as error:
        raise BadInput(
            f"cannot be read ({error.strerror})",
            file=path.name,
            remedy=f"check that {path} exists and may be read",
        ) from error


def _units(fd: int, length: int, name: str) -> list[Unit]:
    """Walk from header to header."""
    units: list[Unit] = []
    position = 0
    while position < length:
        text, position = _header_text(fd, position, name, first=not units)
        if not text:
            break
        header = parse_header(text)
        size = _data_size(header)
        unit = Unit(header, position, size)
        if position + size > length:
            where = unit.name or f"extension {len(units)}"
            raise BadInput(
                f"is truncated: {where} needs {position + size} bytes of {length}",
                file=name,
                keyword=where,
                remedy="fetch the file again; it cannot be repaired",
            )
        units.append(unit)
        position += -(-size // BLOCK) * BLOCK
    return units


def _header_text(fd: int, position: int, name: str, first: bool) -> tuple[str, int]:
    """Read one header; return its text and where its data start."""
    text = b""
    start = b"SIMPLE  =" if first else b"XTENSION="
    while True:
        block = os.pread(fd, BLOCK, position)
        if not text and not block.startswith(start):
            if not first:
                return "", position
            raise BadInput(
                "is no FITS file", file=name, remedy="remove it or fetch it again"
            )
        if len(block) < BLOCK:
            raise BadInput(
                "is truncated within a header",
                file=name,
                keyword="END",
                remedy="fetch the file again; it cannot be repaired",
            )
        text += block
        position += BLOCK
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK, 80)):
            return text.decode("ascii", "replace"), position


def _data_size(header: Keywords) -> int:
    """Return the number of bytes of data behind a header, without padding."""
    n_axes = int(header.get("NAXIS", 0))
    if n_axes == 0:
        return 0
    n = 1
    for i in range(1, n_axes + 1):
        n *= int(header.get(f"NAXIS{i}", 0))
    groups = int(header.get("GCOUNT", 1))
    heap = int(header.get("PCOUNT", 0))
    return abs(int(header.get("BITPIX", 8))) // 8 * groups * (heap + n)
