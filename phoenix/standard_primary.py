"""Checks of a cube's primary header: presence, values, relations, provenance, links."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path

from phoenix.standard_file import Hdu, Truncated, Value, read_hdus
from phoenix.standard_rules import (
    MJD_ROUNDING,
    NUMBERS,
    OPTIONAL_NUMBERS,
    TEXTS,
    WHITE,
    Finding,
    Number,
    Text,
)

SECONDS = 86400.0


def check_cube_primary(hdus: Sequence[Hdu], folder: Path) -> Iterator[Finding]:
    """Check the primary header of a cube; ``folder`` holds the files it names."""
    values = hdus[0].values
    for text in TEXTS:
        yield from _check_text(values, text)
    for number in NUMBERS:
        yield from _check_number(values, number)
    for number in OPTIONAL_NUMBERS:
        if number.keyword in values:
            yield from _check_number(values, number)
    yield from _check_frame(values)
    yield from _check_times(values)
    yield from _check_wavelengths(values, hdus)
    yield from _check_provenance(values)
    yield from _check_programmes(values)
    yield from _check_links(values, folder)


def _finding(rule: str, keyword: str, problem: str, remedy: str) -> Finding:
    return Finding(rule, "PRIMARY", keyword, problem, remedy)


def _check_text(values: Mapping[str, Value], rule: Text) -> Iterator[Finding]:
    """Check a mandatory string."""
    value = values.get(rule.keyword)
    if value is None:
        yield _finding("mandatory", rule.keyword, "is missing", rule.remedy)
    elif not isinstance(value, str):
        yield _finding("type", rule.keyword, f"is {value!r}, no string", rule.remedy)
    elif not value.strip() and not rule.may_be_empty:
        yield _finding("mandatory", rule.keyword, "is empty", rule.remedy)
    elif rule.allowed and value.strip() not in rule.allowed:
        yield _finding("value", rule.keyword, f"is {value!r}", rule.remedy)
    elif rule.keyword == "DATE" and not _is_date(value):
        yield _finding("value", "DATE", f"is {value!r}, no date", rule.remedy)


def _is_date(text: str) -> bool:
    """Tell whether a string is a date and time as FITS wants it."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", text.strip()):
        return False
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _check_number(values: Mapping[str, Value], rule: Number) -> Iterator[Finding]:
    """Check a number's presence, type and range."""
    value = values.get(rule.keyword)
    if value is None:
        yield _finding("mandatory", rule.keyword, "is missing", rule.remedy)
        return
    if isinstance(value, bool | str) or (rule.integer and not isinstance(value, int)):
        wanted = "integer" if rule.integer else "number"
        yield _finding("type", rule.keyword, f"is {value!r}, no {wanted}", rule.remedy)
        return
    inside = rule.low < value < rule.high if rule.strict else rule.low <= value <= rule.high
    if not isfinite(value) or not inside:
        problem = f"is {value:g}, allowed is {rule.low:g} to {rule.high:g}"
        yield _finding("value", rule.keyword, problem, rule.remedy)


def _number(values: Mapping[str, Value], keyword: str) -> float | None:
    """Return a number that can be compared, or None."""
    value = values.get(keyword)
    return None if value is None or isinstance(value, bool | str) else float(value)


def _check_frame(values: Mapping[str, Value]) -> Iterator[Finding]:
    """Check the frames of reference in space and time, and what adaptive optics adds."""
    if values.get("RADESYS") == "FK5" and "EQUINOX" not in values:
        yield _finding("mandatory", "EQUINOX", "is missing with FK5", "write 2000.0")
    if str(values.get("TIMESYS", "UTC")).strip() not in ("UTC", "TAI", "TT", "TDB"):
        yield _finding(
            "value", "TIMESYS", f"is {values['TIMESYS']!r}", "leave it out for UTC"
        )
    if str(values.get("ESO INS MODE", "")).startswith("NFM") and "STREHL" not in values:
        remedy = "write the Strehl ratio of the adaptive optics"
        yield _finding("mandatory", "STREHL", "is missing in narrow field mode", remedy)


def _check_times(values: Mapping[str, Value]) -> Iterator[Finding]:
    """Check the relations between exposure times and dates."""
    exptime, texptime = _number(values, "EXPTIME"), _number(values, "TEXPTIME")
    start, end = _number(values, "MJD-OBS"), _number(values, "MJD-END")
    if exptime is not None and texptime is not None and exptime >= texptime + 0.01:
        problem = f"is {exptime:g} s, more than TEXPTIME {texptime:g} s"
        yield _finding("times", "EXPTIME", problem, "write the time per pixel")
    if start is None or end is None:
        return
    if end <= start:
        problem = f"is {end:.8f}, not after MJD-OBS {start:.8f}"
        yield _finding("times", "MJD-END", problem, "write the end of the last exposure")
    elif texptime is not None and texptime / SECONDS > end - start + MJD_ROUNDING:
        problem = f"leaves {SECONDS * (end - start):.1f} s for TEXPTIME {texptime:g} s"
        remedy = "write the end of the last exposure, not MJD-OBS + TEXPTIME"
        yield _finding("times", "MJD-END", problem, remedy)


def _check_wavelengths(
    values: Mapping[str, Value], hdus: Sequence[Hdu]
) -> Iterator[Finding]:
    """Check WAVELMIN and WAVELMAX against each other and the WCS, to half a pixel."""
    blue, red = _number(values, "WAVELMIN"), _number(values, "WAVELMAX")
    if blue is None or red is None:
        return
    if blue >= red:
        problem = f"is {blue:g} nm, not below WAVELMAX {red:g} nm"
        yield _finding("wavelengths", "WAVELMIN", problem, "exchange them")
    cube = next((h for h in hdus if len(h.shape) == 3 and h.is_image), None)
    if cube is None:
        return
    axis = [_number(cube.values, keyword) for keyword in ("CRVAL3", "CRPIX3", "CD3_3")]
    if any(part is None for part in axis):
        return
    crval, crpix, step = (part or 0.0 for part in axis)
    ends = {"WAVELMIN": (blue, 1), "WAVELMAX": (red, cube.shape[2])}
    for keyword, (value, pixel) in ends.items():
        truth = 0.1 * (crval + (pixel - crpix) * step)
        if abs(value - truth) > 0.05 * abs(step):
            problem = f"is {value:g} nm, the WCS says {truth:.3f} nm"
            yield _finding("wavelengths", keyword, problem, "compute it from the WCS [nm]")


def _numbered(values: Mapping[str, Value], stem: str) -> dict[int, Value]:
    """Return the keywords ``stem`` + number, by number."""
    pattern = re.compile(rf"{stem}([1-9]\d*)")
    found = ((pattern.fullmatch(keyword), value) for keyword, value in values.items())
    return dict(sorted((int(m.group(1)), value) for m, value in found if m))


def _check_numbering(
    stem: str, found: Mapping[int, Value], needed: bool
) -> Iterator[Finding]:
    """Check that numbered keywords run from 1 without a gap."""
    if not found and needed:
        yield _finding("mandatory", f"{stem}1", "is missing", f"write {stem}i from 1")
    elif sorted(found) != list(range(1, len(found) + 1)):
        numbers = ", ".join(str(n) for n in found)
        yield _finding(
            "numbering", f"{stem}i", f"has the numbers {numbers}", "leave no gap"
        )


def _check_provenance(values: Mapping[str, Value]) -> Iterator[Finding]:
    """Check PROVi (the raw science files), OBIDi and NCOMBINE."""
    prov, obid = _numbered(values, "PROV"), _numbered(values, "OBID")
    yield from _check_numbering("PROV", prov, needed=True)
    yield from _check_numbering("OBID", obid, needed=True)
    names = [str(name).strip() for name in prov.values()]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield _finding("provenance", "PROVi", f"names {name} twice", "name each file once")
    for number, name in zip(prov, names, strict=True):
        if not name.endswith(".fits"):
            yield _finding(
                "provenance", f"PROV{number}", f"is {name!r}", "name the raw file"
            )
    for number, value in obid.items():
        if isinstance(value, bool) or not isinstance(value, int):
            yield _finding("type", f"OBID{number}", f"is {value!r}", "write an integer")
    ncombine = values.get("NCOMBINE")
    if prov and isinstance(ncombine, int) and ncombine != len(prov):
        problem = f"is {ncombine}, there are {len(prov)} PROVi"
        yield _finding("provenance", "NCOMBINE", problem, "count the raw science files")


def _check_programmes(values: Mapping[str, Value]) -> Iterator[Finding]:
    """Check PROG_ID against PROGIDi."""
    runs = _numbered(values, "PROGID")
    multi = str(values.get("PROG_ID", "")).strip() == "MULTI"
    if multi and len(runs) < 2:
        yield _finding("programmes", "PROGIDi", "are missing with MULTI", "write each run")
    elif runs and not multi:
        yield _finding("programmes", "PROG_ID", "is not MULTI with PROGIDi", "write MULTI")
    yield from _check_numbering("PROGID", runs, needed=False)


def _check_links(values: Mapping[str, Value], folder: Path) -> Iterator[Finding]:
    """Check the ancillary files: there, of the right kind, with the right MD5 sum."""
    names = _numbered(values, "ASSON")
    kinds, sums = _numbered(values, "ASSOC"), _numbered(values, "ASSOM")
    yield from _check_numbering("ASSON", names, needed=True)
    white = False
    for number, value in names.items():
        name = str(value).strip()
        path = folder / name
        if not name or path.name != name or not path.is_file():
            remedy = "put the file beside the cube, under this name"
            yield _finding("links", f"ASSON{number}", f"{name!r} is not there", remedy)
        elif name.endswith((".fits", ".fits.fz")):
            white = white or _category(path) == WHITE
            if number in kinds or number in sums:
                remedy = "a FITS file says its category and sums itself"
                yield _finding("links", f"ASSOC{number}", "is for other formats", remedy)
        else:
            yield from _check_other_format(number, path, kinds, sums)
    if (
        names
        and not white
        and all((folder / str(n).strip()).is_file() for n in names.values())
    ):
        remedy = f"link the image whose PRODCATG is {WHITE}"
        yield _finding("links", "ASSONi", "name no white-light image", remedy)
    for number in sorted((set(kinds) | set(sums)) - set(names)):
        yield _finding("links", f"ASSOC{number}", "has no ASSONi", "name the file")


def _check_other_format(
    number: int, path: Path, kinds: Mapping[int, Value], sums: Mapping[int, Value]
) -> Iterator[Finding]:
    """Check category and MD5 sum of an ancillary file that is not FITS."""
    if number not in kinds:
        remedy = "write ANCILLARY.README or ANCILLARY.PREVIEW"
        yield _finding("links", f"ASSOC{number}", "is missing", remedy)
    if number not in sums:
        yield _finding("links", f"ASSOM{number}", "is missing", "write the file's MD5 sum")
    elif str(sums[number]).strip() != hashlib.md5(path.read_bytes()).hexdigest():
        problem = f"is not the MD5 sum of {path.name}"
        yield _finding("links", f"ASSOM{number}", problem, "compute it again")


def _category(path: Path) -> str:
    """Return the PRODCATG of a FITS file."""
    try:
        return str(read_hdus(path)[0].values.get("PRODCATG", "")).strip()
    except (Truncated, OSError, IndexError):
        return ""
