"""The table of quality limits: edit here, nowhere else.

A limit is fixed, or relative to the trend of the same number in earlier products. Each
is dated and versioned: a new limit is a new row with a later date and a higher version,
so that old verdicts can be repeated. Sources: `manual`, the MUSE pipeline manual;
`flag`, the MUSE score flag; `header`, values in real raw headers; `ours`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Literal

Kind = Literal["fixed", "trend"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds for one QC keyword of one product.

    ``keyword`` is written without ``ESO``; ``#`` stands for a number. A fixed limit has
    bounds ``low`` and ``high``, both inclusive. One of kind ``trend`` allows ``n_sigma``
    robust standard deviations around the trend's median, but never less than ``floor``
    (in the unit of the number) or ``floor_rel`` times the median.
    """

    tag: str
    keyword: str
    source: str
    kind: Kind = "fixed"
    low: float = -inf
    high: float = inf
    n_sigma: float = 5.0
    floor: float = 0.0
    floor_rel: float = 0.0
    since: str = "2014-01-01"
    version: int = 1

    def concerns(self, keyword: str) -> bool:
        """Tell whether this row is about ``keyword`` (with or without ``ESO``)."""
        return _pattern(self.keyword).fullmatch(keyword.removeprefix("ESO ")) is not None


@lru_cache(maxsize=1024)
def _pattern(keyword: str) -> re.Pattern[str]:
    """Return the expression for a keyword with running numbers."""
    return re.compile(re.escape(keyword).replace(r"\#", r"\d+"))


SATURATED = 299.0
"""Most saturated pixels that are still good (MUSE score flag, bit 6: fewer than 300)."""

LIMITS: tuple[Limit, ...] = (
    Limit(
        "MASTER_BIAS",
        "QC BIAS MASTER# RON",
        "ours: 2.5-2.9 electrons in real headers, half to twice that",
        low=1.2,
        high=5.8,
    ),
    Limit(
        "MASTER_BIAS",
        "QC BIAS LEVEL# MEDIAN",
        "ours: the level moves by some adu between nights",
        kind="trend",
        floor=10.0,
    ),
    Limit(
        "MASTER_BIAS",
        "QC BIAS MASTER NSATURATED",
        "flag 6",
        high=SATURATED,
    ),
    Limit(
        "MASTER_DARK",
        "QC DARK MASTER DC",
        "ours",
        kind="trend",
        floor=0.5,
    ),
    Limit("MASTER_DARK", "QC DARK MASTER NSATURATED", "flag 6", high=SATURATED),
    Limit("MASTER_FLAT", "QC FLAT MASTER NSATURATED", "flag 6", high=SATURATED),
    Limit(
        "MASTER_FLAT",
        "QC FLAT MASTER INTFLUX",
        "ours: the lamp is stable to some per cent",
        kind="trend",
        floor_rel=0.05,
    ),
    Limit(
        "TRACE_TABLE",
        "QC TRACE WIDTHS MEDIAN",
        "ours: slices do not change their width",
        kind="trend",
        floor=0.2,
    ),
    Limit(
        "TRACE_TABLE",
        "QC TRACE WIDTHS STDEV",
        "ours: 0.25 pix in a good trace, edges lost give several",
        high=1.5,
    ),
    Limit(
        "WAVECAL_TABLE",
        "QC WAVECAL SLICE# FIT RMS",
        "manual 7.2: 0.030 Angstrom is a good fit; twice that",
        high=0.06,
    ),
    Limit(
        "WAVECAL_TABLE",
        "QC WAVECAL SLICE# LINES NID",
        "ours: a lost lamp takes a quarter of the lines or more",
        kind="trend",
        floor_rel=0.2,
    ),
    Limit(
        "WAVECAL_TABLE",
        "QC WAVECAL SLICE# RESOL",
        "ours: the focus of a spectrograph",
        kind="trend",
        floor_rel=0.05,
    ),
    Limit(
        "DATACUBE_SKYFLAT",
        "QC TWILIGHT# INPUT# NSATURATED",
        "flag 6",
        high=SATURATED,
    ),
    Limit(
        "STD_RESPONSE",
        "QC STANDARD THRU#",
        "ours: 0.05 to 0.4 with four mirrors, and the telescope gains nothing",
        low=0.01,
        high=0.6,
    ),
    Limit(
        "STD_RESPONSE",
        "QC STANDARD THRU#",
        "ours: clear nights agree to a tenth",
        kind="trend",
        floor_rel=0.1,
    ),
    Limit("DATACUBE_STD", "QC STANDARD NDET", "flag 7", low=1.0),
    Limit(
        "ASTROMETRY_WCS", "QC ASTRO NSTARS", "ours: two more than the fit needs", low=6.0
    ),
    *(
        Limit(
            "ASTROMETRY_WCS",
            f"QC ASTRO SCALE {axis}",
            "ours: one percent around the nominal 0.2 arcsec of the wide field",
            low=0.198,
            high=0.202,
        )
        for axis in "XY"
    ),
    *(
        Limit(
            "ASTROMETRY_WCS",
            f"QC ASTRO MEDRES {axis}",
            "ours: a quarter of a pixel; wrong stars leave more",
            high=0.05,
        )
        for axis in "XY"
    ),
    Limit("OFFSET_LIST", "QC EXPALIGN NOMATCH", "flag 10", high=0.0),
    *(
        Limit(tag, "QC SCIBASIC LAMBDA SHIFT", "flag 9", low=-0.5, high=0.5)
        for tag in ("PIXTABLE_OBJECT", "PIXTABLE_SKY", "PIXTABLE_STD")
    ),
    *(
        Limit(tag, "QC SCIBASIC NSATURATED", "flag 6", high=SATURATED)
        for tag in ("PIXTABLE_OBJECT", "PIXTABLE_SKY", "PIXTABLE_STD")
    ),
)
"""Every limit there has ever been."""


def limits_in_force(
    tag: str, keyword: str, on: str, limits: Iterable[Limit] = LIMITS
) -> Sequence[Limit]:
    """Return the limits for a number on a date (``2026-09-01``): one of each kind.

    Of several rows for the same keyword and kind the highest version counts that is
    not dated later.
    """
    newest: dict[tuple[str, Kind], Limit] = {}
    for limit in limits:
        if limit.tag != tag or limit.since > on or not limit.concerns(keyword):
            continue
        key = (limit.keyword, limit.kind)
        if key not in newest or limit.version > newest[key].version:
            newest[key] = limit
    return tuple(newest.values())
