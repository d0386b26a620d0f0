"""Keywords of files: reading them, and what every product says about itself."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pipeline.formats.cards import Keywords, read_cards
from pipeline.formats.scan import scan
from pipeline.spec import Value

_GROUPS = "OBS TPL GEN TEL ADA AOS LGS INS DET OCS PRO QC DRS".split()  # noqa: SIM905

_PLANE = {
    "DATA": ("This extension contains data values", "DATA", None),
    "DQ": ("This extension contains bad pixel status values", "QUALITY", "FLAG32BIT"),
    "STAT": ("This extension contains data variance", "ERROR", "MSE"),
}
_POINTERS = {
    "SCIDATA": ("DATA", "pointer to the data extension"),
    "ERRDATA": ("STAT", "pointer to the variance extension"),
    "QUALDATA": ("DQ", "pointer to the bad pixel mask extension"),
}


def read_header(path: Path, extension: str | int = 0) -> Keywords:
    """Return the keywords of one unit of a file, by number or EXTNAME.

    Raises
    ------
    KeyError
        If there is no such extension.
    """
    for number, unit in enumerate(scan(path)):
        if extension in (number, unit.name):
            return read_cards(unit.header)
    raise KeyError(f"{path.name} has no extension {extension!r}")


def plane_keywords(
    plane: str,
    unit: str,
    *,
    prefix: str = "",
    present: tuple[str, ...] = ("DATA", "DQ", "STAT"),
    wcs: Mapping[str, Value] | None = None,
) -> Keywords:
    """Return the keywords of a DATA, DQ or STAT extension, as ESO's data interface wants.

    Parameters
    ----------
    plane
        ``DATA``, ``DQ`` or ``STAT``.
    unit
        Unit of DATA; that of STAT is made from it.
    prefix
        ``CHANnn.`` in merged files.
    present
        The planes of this file, to which the pointers point.
    wcs
        Keywords of the coordinate system.
    """
    comment, content, detail = _PLANE[plane]
    words = Keywords()

    def put(keyword: str, value: Value, comment: str = "") -> None:
        words[keyword] = value
        words.comments[keyword] = comment

    put("INHERIT", True, "primary header holds for this extension too")
    put("EXTNAME", prefix + plane, comment)
    put("HDUCLASS", "ESO", "class name (ESO format)")
    put("HDUDOC", "DICD", "document with class description")
    put("HDUVERS", "DICD version 6", "version number (according to spec v2.5.1)")
    put("HDUCLAS1", "IMAGE", "Image data format")
    put("HDUCLAS2", content, "what this extension contains")
    if detail:
        put("HDUCLAS3", detail, "how it is contained")
    if plane == "DQ":
        put("QUALMASK", 4294967295, "all non-zero values are bad")
    for keyword, (target, meaning) in _POINTERS.items():
        if target != plane and target in present:
            put(keyword, prefix + target, meaning)
    if plane != "DQ" and unit:
        put("BUNIT", unit if plane == "DATA" else f"({unit})**2", f"unit of {plane}")
    words.update(wcs or {})
    return words


def in_order(keywords: Keywords) -> Keywords:
    """Return keywords in the order of ESO products: plain ones, OBS ... PRO, QC, DRS."""

    def place(keyword: str) -> int:
        words = keyword.split()
        if words[0] != "ESO":
            return 0
        return 1 + _GROUPS.index(words[1] if words[1] in _GROUPS else "DET")

    ordered = sorted(keywords, key=place)
    return Keywords({k: keywords[k] for k in ordered}, keywords.comments)


def data_md5(path: Path) -> str:
    """Return the DATAMD5 of a file: its keyword, else computed from its data units."""
    state = path.stat()
    return _data_md5(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _data_md5(path: Path, _mtime_ns: int, _size: int) -> str:
    """Return the DATAMD5 of a file in one state, once for all products made with it."""
    units = scan(path)
    known = units[0].header.get("DATAMD5")
    if known:
        return str(known)
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        for unit in units:
            file.seek(unit.offset)
            left = -(-unit.size // 2880) * 2880
            while left > 0 and (data := file.read(min(left, 1 << 20))):
                digest.update(data)
                left -= len(data)
    return digest.hexdigest()
