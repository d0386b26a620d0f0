"""Tables of the standard: what must be there, what must not, and which values are right."""

import re
from dataclasses import dataclass
from math import inf

CUBE = "SCIENCE.CUBE.IFS"
WHITE = "ANCILLARY.IMAGE.WHITELIGHT"
EXPOSURES = "ANCILLARY.EXPMAP"
"""Exposure time of every spaxel [s] (ESO Phase 3, overview of data product types)."""

DATA_UNIT = "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)"
STAT_UNIT = "10**(-40)erg**2.s**(-2).cm**(-4).angstrom**(-2)"

MJD_ROUNDING = 1e-7
"""Rounding of MJD in headers, 8 digits after the point, in sums of two [d]."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of the standard."""

    rule: str
    hdu: str
    keyword: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        where = " ".join(part for part in (self.hdu, self.keyword) if part)
        return f"[{self.rule}] {where} {self.problem}. Remedy: {self.remedy}".strip()


@dataclass(frozen=True, slots=True)
class Text:
    """A mandatory string: one of ``allowed`` when there are any."""

    keyword: str
    remedy: str
    allowed: tuple[str, ...] = ()
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A mandatory number between ``low`` and ``high``; ``strict``: ends excluded."""

    keyword: str
    remedy: str
    low: float = -inf
    high: float = inf
    strict: bool = False
    integer: bool = False


TEXTS: tuple[Text, ...] = (
    Text("ORIGIN", "copy it from the raw file (ESO-PARANAL)", ("ESO-PARANAL", "ESO")),
    Text("TELESCOP", "copy it from the raw file", ("ESO-VLT-U4",)),
    Text("INSTRUME", "copy it from the raw file", ("MUSE",)),
    Text("OBJECT", "write the target's name"),
    Text("RADESYS", "write FK5 or ICRS", ("FK5", "ICRS")),
    Text("OBSTECH", "write IFU", ("IFU",)),
    Text("FLUXCAL", "write ABSOLUTE, or UNCALIBRATED", ("ABSOLUTE", "UNCALIBRATED")),
    Text("PROCSOFT", "write program and version"),
    Text("REFERENC", "write the publication, or an empty string", may_be_empty=True),
    Text(
        "SPECSYS",
        "write the spectral reference frame",
        ("BARYCENT", "HELIOCEN", "TOPOCENT", "GEOCENTR"),
    ),
    Text("DATE", "write the date of creation (YYYY-MM-DDThh:mm:ss)"),
    Text("PROG_ID", "write the run's ID, or MULTI and PROGIDi"),
)

NUMBERS: tuple[Number, ...] = (
    Number("RA", "write the field centre [deg]", 0.0, 360.0, strict=True),
    Number("DEC", "write the field centre [deg]", -90.0, 90.0, strict=True),
    Number("EXPTIME", "write the time per pixel [s]", 0.0),
    Number("TEXPTIME", "write the sum of all exposure times [s]", 0.0),
    Number("MJD-OBS", "write the start of the first exposure [d]", 40587.0),
    Number("MJD-END", "write the end of the last exposure [d]", 40587.0),
    Number("WAVELMIN", "write the blue end [nm], not [Angstrom]", 300.0, 1100.0),
    Number("WAVELMAX", "write the red end [nm], not [Angstrom]", 300.0, 1100.0),
    Number("ABMAGLIM", "write the 5-sigma limit [mag]", 5.0, 40.0),
    Number("PIXNOISE", "write it in erg/s/cm2/A (about 1e-20)", 1e-24, 1e-14),
    Number("SPEC_RES", "write the resolving power in the middle", 100.0, 1e5),
    Number("SKY_RES", "write the image quality [arcsec]", 0.0, 10.0, strict=True),
    Number("NCOMBINE", "write the number of raw exposures", 1, integer=True),
)

OPTIONAL_NUMBERS: tuple[Number, ...] = (
    Number("SKY_RERR", "write the error of SKY_RES [arcsec]", -1.0, 10.0, strict=True),
    Number("STREHL", "write the Strehl ratio (0 to 1)", 0.0, 1.0, strict=True),
    Number("EQUINOX", "write 2000.0", 2000.0, 2000.0),
)

_ARCHIVE = "leave it out: the archive writes its own"
FORBIDDEN: dict[str, str] = {
    "SPEC_BIN": "leave it out: the WCS says it",
    "RA_ERR": "leave it out: use CSYERi and CRDERi",
    "DEC_ERR": "leave it out: use CSYERi and CRDERi",
    "CONTINUE": "shorten the value to 68 characters",
    "LONGSTRN": "leave it out: long strings are not allowed",
    "PROV0": "number PROVi from 1",
    "OBID0": "number OBIDi from 1",
    "ARCFILE": _ARCHIVE,
    "ORIGFILE": _ARCHIVE,
    "P3ORIG": _ARCHIVE,
}
FORBIDDEN_PATTERN = re.compile(r"CDELT\d+|PC\d+_\d+")
