"""Copies of FITS files with other keywords, or other values of some images.

Data are copied, not read, and checksums stay right: a header is sealed anew with the
DATASUM it has. Of images with other values, and of the file, sums are made anew.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.formats.cards import BLOCK, Keywords, read_cards
from pipeline.formats.checksum import bytes_sum, fold
from pipeline.formats.scan import Unit, scan
from pipeline.formats.stream import Part

_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|CHECKSUM|DATASUM"
)
_KINDS = {-32: "f4", 32: "i4"}
_CHUNK = 1 << 30
_MD5_CHUNK = 1 << 22

Revise = Callable[[str, Keywords], Keywords | None]
"""Given the EXTNAME of a unit (``""``: the primary) and its keywords without those of
its structure; returns the keywords to write, or None to leave the unit as it is."""


def copy_revised(
    source: Path,
    target: Path,
    revise: Revise,
    values: Mapping[str, NDArray[np.float32]] | None = None,
) -> None:
    """Copy a file of images, giving its units other keywords.

    Parameters
    ----------
    source, target : Path
        The file, and the new one, which is on disk when this returns.
    revise : callable
        See `Revise`; not asked about tables, which are copied as they are.
    values : mapping
        Other values of images of 32-bit floats, by name; DATAMD5 is made anew then.
    """
    units, values = scan(source), values or {}
    with source.open("rb") as old, target.open("wb") as new:
        md5 = _data_md5(old.fileno(), units, values) if values else ""
        start = 0
        for number, unit in enumerate(units):
            data = values.get(unit.name) if number else None
            block = _header(unit, number, revise, data, md5)
            if block is None:
                _copy(old.fileno(), new.fileno(), start, unit.offset - start)
            else:
                _write(new.fileno(), block)
            if data is None:
                _copy(old.fileno(), new.fileno(), unit.offset, _end(unit) - unit.offset)
            else:
                for part in _stored(data):
                    _write(new.fileno(), part)
            start = _end(unit)
        os.fsync(new.fileno())


def _header(
    unit: Unit,
    number: int,
    revise: Revise,
    data: NDArray[np.float32] | None,
    md5: str,
) -> bytes | None:
    """Return the new header of a unit, or None to copy the old one."""
    if number and str(unit.header.get("XTENSION", "")).strip() != "IMAGE":
        return None
    keywords = read_cards(unit.header)
    for keyword in [k for k in keywords if _STRUCTURE.fullmatch(k)]:
        del keywords[keyword]
    if not number and md5 and "DATAMD5" in keywords:
        keywords["DATAMD5"] = md5
    revised = revise(unit.name if number else "", keywords)
    if data is None:
        if revised is None:
            return None
        kind = _KINDS.get(int(unit.header["BITPIX"]), "f4")
        data_sum = int(unit.header.get("DATASUM", 0))
        return Part(revised, kind, unit.shape).block(number == 0, data_sum, 0)
    if data.shape != unit.shape:
        raise ValueError(f"{data.shape} values for {unit.name} of {unit.shape}")
    data_sum = fold(sum(bytes_sum(part) for part in _stored(data)))
    return Part(keywords if revised is None else revised, "f4", data.shape).block(
        False, data_sum, 0
    )


def _stored(data: NDArray[np.float32]) -> Iterator[bytes]:
    """Yield values as a file holds them, plane by plane, then the padding."""
    for plane in data:
        yield np.asarray(plane, ">f4").tobytes()
    yield bytes(-(4 * data.size) % BLOCK)


def _data_md5(fd: int, units: list[Unit], values: Mapping[str, NDArray[np.float32]]) -> str:
    """Return the MD5 of all data units with their padding, some with other values."""
    digest = hashlib.md5(usedforsecurity=False)
    for number, unit in enumerate(units):
        if number and unit.name in values:
            for part in _stored(values[unit.name]):
                digest.update(part)
            continue
        for start in range(unit.offset, _end(unit), _MD5_CHUNK):
            digest.update(os.pread(fd, min(_MD5_CHUNK, _end(unit) - start), start))
    return digest.hexdigest()


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
