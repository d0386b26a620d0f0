"""Products of several IFUs put into one file.

The primary header keeps what all have in common. What differs, and what belongs to a chip
or tells how it was reduced, QC included, goes into the first extension of the IFU:
``CHANnn.DATA`` of images, ``CHANnn`` of tables and maps, with the name of the table behind
it if it has one of its own (``CHANnn.LSF_PROFILE``).
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.extension import table_extension
from pipeline.formats.headers import in_order
from pipeline.formats.scan import Unit, scan
from pipeline.formats.stream import Part, StreamedFits
from pipeline.formats.tables import open_tables

_PLANES = ("DATA", "DQ", "STAT")
_ROWS = 64
_OF_IMAGE = re.compile(r"BUNIT|WCSAXES|(CTYPE|CRVAL|CRPIX|CUNIT)\d|CD\d_\d")
"""Keywords that belong to the image in the same unit."""
_OF_IFU = re.compile(r"ESO (DET (CHIP|OUT\d*) |QC |DRS )")
"""Keywords that are never common to several IFUs (genuine pipeline)."""


def merge_ifus(paths: Sequence[Path], merged: Path) -> None:
    """Write one file from the product files of several IFUs; these are left alone."""
    files = [scan(path) for path in paths]
    primaries = [read_cards(units[0].header) for units in files]
    common = _common(primaries)
    common["PIPEFILE"] = merged.name
    if "DATAMD5" in primaries[0]:
        common["DATAMD5"] = "0" * 32
    names = [str(primary["EXTNAME"]) for primary in primaries]
    own = [_without(primary, common) for primary in primaries]
    if files[0][0].shape:
        _merge_maps(paths, files, merged, common, own, names)
    elif files[0][1].name == "DATA":
        _merge_images(paths, files, merged, common, own, names)
    else:
        _merge_tables(paths, merged, common, own, names)


def _common(primaries: Sequence[Keywords]) -> Keywords:
    """Return the keywords that are the same in all files."""
    first = primaries[0]
    same = {
        k: v
        for k, v in first.items()
        if not _OF_IFU.match(k) and all(p.get(k) == v for p in primaries)
    }
    return Keywords(same, first.comments)


def _without(keywords: Keywords, common: Keywords) -> Keywords:
    """Return the keywords that differ between the IFUs."""
    kept = {k: v for k, v in keywords.items() if k not in common and k != "EXTNAME"}
    return Keywords(kept, keywords.comments)


def _merge_images(
    paths: Sequence[Path],
    files: Sequence[list[Unit]],
    merged: Path,
    common: Keywords,
    own: Sequence[Keywords],
    names: Sequence[str],
) -> None:
    """Write the planes of all IFUs as ``CHANnn.DATA``, ``.DQ`` and ``.STAT``."""
    parts = [Part(in_order(common))]
    for units, extra, name in zip(files, own, names, strict=True):
        for unit in units[1:]:
            words = read_cards(unit.header)
            for keyword in ("EXTNAME", "SCIDATA", "ERRDATA", "QUALDATA"):
                if keyword in words:
                    words[keyword] = f"{name}.{words[keyword]}"
            if unit.name == "DATA":
                words.update(extra)
                words.comments.update(extra.comments)
            kind = "i4" if unit.header["BITPIX"] == 32 else "f4"
            parts.append(Part(in_order(words), kind, unit.shape))
    file = StreamedFits(merged, parts)
    try:
        number = 0
        for path, units in zip(paths, files, strict=True):
            for unit in units[1:]:
                number += 1
                _copy_rows(path, unit, file, number)
    except BaseException:
        file.abort()
        raise
    file.close()


def _merge_maps(
    paths: Sequence[Path],
    files: Sequence[list[Unit]],
    merged: Path,
    common: Keywords,
    own: Sequence[Keywords],
    names: Sequence[str],
) -> None:
    """Write the images in the primary units of all IFUs as ``CHANnn``."""
    of_image = Keywords({k: v for k, v in common.items() if _OF_IMAGE.fullmatch(k)})
    parts = [Part(in_order(_without(common, of_image)))]
    for units, extra, name in zip(files, own, names, strict=True):
        words = Keywords({**extra, **of_image, "EXTNAME": name}, extra.comments)
        parts.append(Part(in_order(words), "f4", units[0].shape))
    file = StreamedFits(merged, parts)
    try:
        for number, (path, units) in enumerate(zip(paths, files, strict=True), start=1):
            _copy_rows(path, units[0], file, number)
    except BaseException:
        file.abort()
        raise
    file.close()


def _copy_rows(path: Path, unit: Unit, file: StreamedFits, number: int) -> None:
    """Copy one image in blocks of rows."""
    n_rows, width = unit.shape[0], 4 * unit.shape[1]
    fd = os.open(path, os.O_RDONLY)
    try:
        for start in range(0, n_rows, _ROWS):
            n = min(_ROWS, n_rows - start)
            data = os.pread(fd, n * width, unit.offset + start * width)
            file.write(number, start, np.frombuffer(data, ">u4").astype(np.uint32))
    finally:
        os.close(fd)


def _merge_tables(
    paths: Sequence[Path],
    merged: Path,
    common: Keywords,
    own: Sequence[Keywords],
    names: Sequence[str],
) -> None:
    """Write the first table of each IFU as ``CHANnn``."""
    file = StreamedFits(merged, [Part(in_order(common))])
    try:
        for path, extra, name in zip(paths, own, names, strict=True):
            (frame,) = open_tables(path, "").values()
            table = frame.read()
            words = Keywords(table.header)
            words.update({k: v for k, v in extra.items() if k not in words})
            words.comments.update(extra.comments)
            own_name = "" if frame.names[0].startswith("TABLE") else f".{frame.names[0]}"
            file.append(table_extension(name + own_name, table._replace(header=words)))
    except BaseException:
        file.abort()
        raise
    file.close()
