"""From the header of a raw file to its record, or to the reason why it has none.

Classification follows the DPR keywords as the MUSE rule file does: the category, the
words of the type, the technique. A file that cannot be used is *quarantined* with the
keyword at fault and the remedy; it is never dropped and never an error of the batch.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from association.datasets import SCIENCE_TAGS
from association.records import RawRecord, Setup

Value = bool | int | float | str
Header = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A raw file that is set aside, and what to do about it."""

    name: str
    path: str
    keyword: str
    reason: str
    remedy: str


TAGS: tuple[tuple[str, frozenset[str], frozenset[str]], ...] = (
    ("BIAS", frozenset({"BIAS"}), frozenset({"CALIB"})),
    ("DARK", frozenset({"DARK"}), frozenset({"CALIB"})),
    ("ILLUM", frozenset({"FLAT", "LAMP", "ILLUM"}), frozenset({"CALIB"})),
    ("FLAT", frozenset({"FLAT", "LAMP"}), frozenset({"CALIB"})),
    ("SKYFLAT", frozenset({"FLAT", "SKY"}), frozenset({"CALIB"})),
    ("MASK", frozenset({"WAVE", "MASK"}), frozenset({"CALIB"})),
    ("MASK_CHECK", frozenset({"FLAT", "LAMP", "MASK"}), frozenset({"CALIB"})),
    ("ARC_LSF", frozenset({"WAVE", "LSF"}), frozenset({"CALIB"})),
    ("ARC", frozenset({"WAVE"}), frozenset({"CALIB"})),
    ("STD", frozenset({"STD"}), frozenset({"CALIB"})),
    ("ASTROMETRY", frozenset({"ASTROMETRY"}), frozenset({"CALIB"})),
    ("SKY", frozenset({"SKY"}), frozenset({"CALIB", "SCIENCE"})),
    ("OBJECT", frozenset({"OBJECT"}), frozenset({"SCIENCE"})),
)
"""Tag, words of DPR.TYPE, allowed DPR.CATG; the words must be exactly these.

No rule file names the type of MASK_CHECK: it is ours."""

_DPR = "ESO DPR CATG", "ESO DPR TYPE", "ESO DPR TECH"
_NEEDED = ("MJD-OBS", "EXPTIME", "ESO INS MODE", "ESO DET READ CURID")
_NEEDED_OF_SCIENCE = ("ESO TPL START", "ESO OBS ID")
"""Without these the data products of two observations would have one name."""

_IN_NAMES = ("ESO TPL START", "ESO INS MODE")
_NAME = re.compile(r"[\w.:+-]*", re.ASCII)
"""What may be part of a file's name: above all no slash."""

LONGEST: Mapping[str, int] = {
    "ESO INS MODE": 32,
    "ESO DET READ CURID": 32,
    "ESO TPL START": 32,
    "ESO OBS PROG ID": 32,
    "ESO TPL ID": 64,
    "ESO INS OPTI1 NAME": 64,
    "ESO INS OPTI2 NAME": 64,
    "ESO OBS TARG NAME": 128,
    "OBJECT": 128,
}
"""Most characters of what a catalogue keeps."""

MJD_RANGE = 40587.0, 88069.0
"""Dates that can be: the years 1970 to 2099 [d]."""

_FIX = "correct the header or ask the observatory for the file again, then ingest it again"


def classify(header: Header) -> tuple[str | None, str]:
    """Return the tag of a raw frame, or None and the reason.

    Examples
    --------
    >>> classify({"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "WAVE", "ESO DPR TECH": "IFU"})
    ('ARC', '')
    """
    if str(header.get("INSTRUME", "MUSE")).strip() != "MUSE":
        return None, f"INSTRUME is {header['INSTRUME']}, not MUSE"
    for keyword in _DPR:
        if keyword not in header:
            return None, f"{keyword} is missing"
    catg, kind, tech = (str(header[keyword]).strip().upper() for keyword in _DPR)
    if tech != "IFU":
        return None, f"ESO DPR TECH is {tech}, only IFU frames are reduced"
    words = frozenset(kind.split(","))
    for tag, wanted, categories in TAGS:
        if words == wanted and catg in categories:
            return tag, ""
    return None, f"no recipe takes frames of ESO DPR CATG {catg} and TYPE {kind}"


def raw_record(
    name: str, path: str, header: Header, chips: Mapping[int, str]
) -> RawRecord | Quarantined:
    """Return the record of a raw file.

    Parameters
    ----------
    name : str
        File name, the identity of the exposure.
    path : str
        Where it is.
    header : mapping
        Primary header, keywords without ``HIERARCH``.
    chips : mapping of int to str
        DET.CHIP.ID of each IFU in the file (from its CHANnn extensions).
    """
    tag, reason = classify(header)
    if tag is None:
        return Quarantined(name, path, "ESO DPR TYPE", reason, _FIX)
    if not chips:
        return Quarantined(name, path, "EXTNAME", "there is no CHANnn extension", _FIX)
    needed = _NEEDED + (_NEEDED_OF_SCIENCE if tag in SCIENCE_TAGS else ())
    for keyword in needed:
        if keyword not in header:
            return Quarantined(name, path, keyword, f"{keyword} is missing", _FIX)
    for keyword, reason in _odd_texts(header):
        return Quarantined(name, path, keyword, reason, _FIX)
    try:
        return _record(name, path, tag, header, chips)
    except (TypeError, ValueError, OverflowError) as error:
        return Quarantined(name, path, "", f"a keyword has no valid value ({error})", _FIX)


def _odd_texts(header: Header) -> Iterator[tuple[str, str]]:
    """Yield keywords whose text cannot be kept or be part of a name, and why."""
    for keyword, most in LONGEST.items():
        value = str(header.get(keyword, "")).strip()
        if len(value) > most:
            yield keyword, f"{keyword} has {len(value)} characters, more than {most}"
        if keyword in _IN_NAMES and not _NAME.fullmatch(value):
            yield keyword, f"{keyword} is {value!r}, which no file name can hold"


def _record(
    name: str, path: str, tag: str, header: Header, chips: Mapping[int, str]
) -> RawRecord:
    """Read the keywords of a complete header."""

    def text(keyword: str) -> str:
        return str(header.get(keyword, "")).strip()

    def number(keyword: str, low: float = -1e15, high: float = 1e15) -> float:
        value = float(header.get(keyword, 0.0))
        if not (isfinite(value) and low <= value <= high):
            raise ValueError(f"{keyword} is {value:g}")
        return value

    def count(keyword: str) -> int:
        return int(number(keyword, 0, 1e6)) if keyword in header else 1

    warmth = "ESO INS TEMP4 VAL"
    return RawRecord(
        name=name,
        path=path,
        tag=tag,
        mjd_obs=number("MJD-OBS", *MJD_RANGE),
        exptime_s=number("EXPTIME", 0.0, 1e6),
        setup=setup_of(header),
        chips=dict(chips),
        temperature=number(warmth) if warmth in header else None,
        tpl_start=text("ESO TPL START"),
        tpl_id=text("ESO TPL ID"),
        tpl_nexp=count("ESO TPL NEXP"),
        tpl_expno=count("ESO TPL EXPNO"),
        obs_id=int(number("ESO OBS ID")),
        prog_id=text("ESO OBS PROG ID"),
        target=text("ESO OBS TARG NAME") or text("OBJECT"),
        ra=number("RA"),
        dec=number("DEC"),
        posang=number("ESO INS DROT POSANG"),
        lamps=lit_lamps(header),
    )


def setup_of(header: Header) -> Setup:
    """Return the instrument setup that a raw or product header describes."""

    def text(keyword: str) -> str:
        return str(header.get(keyword, "")).strip()

    mode = text("ESO INS MODE")
    blue = "Blue" if mode.endswith("-N") else "Clear"
    return Setup(
        mode=mode,
        readout=text("ESO DET READ CURID"),
        opti1=text("ESO INS OPTI1 NAME") or blue,
        opti2=text("ESO INS OPTI2 NAME") or mode.partition("-")[0],
    )


def lit_lamps(header: Header) -> tuple[str, ...]:
    """Return the names of the lamps that were on with an open shutter."""
    lamps = range(1, int(header.get("ESO INS LAMPNUM", 0)) + 1)
    return tuple(
        str(header.get(f"ESO INS LAMP{n} NAME", f"CU-LAMP{n}"))
        for n in lamps
        if header.get(f"ESO INS LAMP{n} ST") and header.get(f"ESO INS SHUT{n} ST")
    )
