"""Copies of FITS files with other keywords: data are copied, not read.

Checksums stay right: a header is sealed anew with the DATASUM it has.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from pipeline.formats.cards import BLOCK, Keywords, read_cards
from pipeline.formats.scan import Unit, scan
from pipeline.formats.stream import Part

_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|CHECKSUM|DATASUM"
)
_KINDS = {-32: "f4", 32: "i4"}
_CHUNK = 1 << 30

Revise = Callable[[str, Keywords], Keywords | None]
"""Given the EXTNAME of a unit (``""``: the primary) and its keywords without those of
its structure; returns the keywords to write, or None to leave the unit as it is."""


def copy_revised(source: Path, target: Path, revise: Revise) -> None:
    """Copy a file of images, giving its units other keywords.

    Parameters
    ----------
    source, target : Path
        The file, and the new one, which is on disk when this returns.
    revise : callable
        See `Revise`; not asked about tables, which are copied as they are.
    """
    units = scan(source)
    with source.open("rb") as old, target.open("wb") as new:
        start = 0
        for number, unit in enumerate(units):
            block = _header(unit, number, revise)
            if block is None:
                _copy(old.fileno(), new.fileno(), start, _end(unit) - start)
            else:
                _write(new.fileno(), block)
                _copy(old.fileno(), new.fileno(), unit.offset, _end(unit) - unit.offset)
            start = _end(unit)
        os.fsync(new.fileno())


def _header(unit: Unit, number: int, revise: Revise) -> bytes | None:
    """Return the new header of a unit, or None to copy the old one."""
    if number and str(unit.header.get("XTENSION", "")).strip() != "IMAGE":
        return None
    keywords = read_cards(unit.header)
    for keyword in [k for k in keywords if _STRUCTURE.fullmatch(k)]:
        del keywords[keyword]
    revised = revise(unit.name if number else "", keywords)
    if revised is None:
        return None
    kind = _KINDS.get(int(unit.header["BITPIX"]), "f4")
    data_sum = int(unit.header.get("DATASUM", 0))
    return Part(revised, kind, unit.shape).block(number == 0, data_sum, 0)


def _end(unit: Unit) -> int:
    """Return where a unit ends, padding included."""
    return unit.offset + -(-unit.size // BLOCK) * BLOCK


def _write(fd: int, data: bytes) -> None:
    """Write all of some bytes."""
    while data:
        data = data[os.write(fd, data) :]


def _copy(source: int, target: int, start: int, size: int) -> None:
    """Copy bytes inside the kernel, sharing blocks where the file system can."""
    while size > 0:
        done = os.copy_file_range(source, target, min(size, _CHUNK), offset_src=start)
        if done == 0:
            raise OSError("the file ends before its headers promise")
        start, size = start + done, size - done
