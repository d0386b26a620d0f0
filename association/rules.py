"""The table of association rules: edit here, nowhere else.

One row says by which keys a calibration must match, how far in time it may be at each
level, how fast closeness falls with time (``tau``) and temperature (``theta``), and
where these numbers come from. A *level* says how good a match is: 0 within the cadence
of the calibration plan, 1 certifiable, 2 probably acceptable, 3 at risk; beyond the
last window nothing is associated.

Sources: `oca`, the match keys of the MUSE rule file ``muse.oca``; `wkf`, the windows of
the MUSE workflow; `plan`, the calibration plan (daily biases, flats and arcs, weekly
twilights, nightly standards, an ILLUM every hour or two); `manual`, the MUSE pipeline
manual; `ours`, decided in this project: level 2 is three times the workflow's window,
level 3 ends where the instrument is known to have changed too much to be trusted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from association.records import Role

HOUR = 1.0 / 24.0
"""An hour [d]."""

DETECTOR = ("DET.READ.CURID", "DET.CHIP.ID")
MODE = ("INS.MODE",)
OPTICS = ("INS.OPTI1 blue", "INS.OPTI2.NAME")


@dataclass(frozen=True, slots=True)
class Window:
    """One level: the calibration may be ``before`` to ``after`` [d] around the frame.

    Both ends are inclusive. ``keys`` must be equal on both sides. "Previous only" is
    ``after = 0``.
    """

    level: int
    before: float
    after: float
    keys: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    ``role``: the frames it serves, None for all. ``tau`` [d] and ``theta`` [K] scale
    closeness; infinite means that age or temperature do not count, and a calibration
    that counts neither takes no part in a product's score. ``until`` [d, MJD]: frames
    taken later need no such calibration. ``same_geometry``: only the solution that was
    computed with the geometry table in use.
    """

    tag: str
    windows: tuple[Window, ...]
    tau: float = inf
    theta: float = inf
    source: str = "ours"
    role: Role | None = None
    until: float = inf
    same_geometry: bool = False

    @property
    def scored(self) -> bool:
        """Whether distance from this calibration can spoil a product."""
        return self.tau < inf or self.theta < inf

    @property
    def per_ifu(self) -> bool:
        """Whether there is one for each IFU, matched by its chip."""
        return "DET.CHIP.ID" in self.windows[0].keys

    @property
    def reach(self) -> tuple[float, float]:
        """How far before and after a frame this rule looks at all [d]."""
        return max(w.before for w in self.windows), max(w.after for w in self.windows)


def _around(
    days: Iterable[float], keys: tuple[str, ...], relaxed: tuple[str, ...], source: str
) -> tuple[Window, ...]:
    """Return symmetric windows of levels 0, 1, 2 ...; ``keys`` hold at level 0 only."""
    return tuple(
        Window(level, d, d, keys if level == 0 else relaxed, source)
        for level, d in enumerate(days)
    )


def _always(keys: tuple[str, ...], source: str) -> tuple[Window, ...]:
    """Return the single window of a static calibration."""
    return (Window(0, inf, inf, keys, source),)


RULES: tuple[Rule, ...] = (
    Rule(
        "MASTER_BIAS",
        _around(
            (1, 3, 9, 30), DETECTOR, DETECTOR, "keys oca; 1 plan, 3 wkf, 9 and 30 ours"
        ),
        tau=1.0,
        source="tau plan (daily)",
    ),
    Rule(
        "MASTER_DARK",
        _around((5, 30, 90, 180), DETECTOR, DETECTOR, "keys oca; 5 wkf, the rest ours"),
        tau=30.0,
        source="tau plan (monthly)",
    ),
    Rule(
        "MASTER_FLAT",
        _around(
            (1, 3, 9, 30),
            DETECTOR + MODE,
            DETECTOR + MODE,
            "keys oca; 1 plan, 3 wkf, rest ours",
        ),
        tau=1.0,
        theta=2.0,
        source="tau plan (daily); theta ours: traces move 0.1 pix in some 2 K",
    ),
    *(
        Rule(
            tag,
            _around(
                (1, 3, 9, 30),
                DETECTOR + MODE,
                DETECTOR + OPTICS,
                "keys oca; 1 plan, 3 wkf, rest ours",
            ),
            tau=1.0,
            theta=2.0,
            source="tau plan (daily); theta ours",
        )
        for tag in ("TRACE_TABLE", "WAVECAL_TABLE")
    ),
    Rule(
        "TWILIGHT_CUBE",
        _around((7, 30, 90, 180), MODE, OPTICS, "keys oca; 7 plan, 30 wkf, rest ours"),
        tau=7.0,
        theta=2.0,
        source="tau plan (weekly); theta ours",
    ),
    Rule(
        "ILLUM",
        (
            Window(0, HOUR, HOUR, (*MODE, "INS.OPTI2.NAME"), "1 h plan"),
            Window(1, 1.0, 1.0, ("INS.OPTI2.NAME",), "keys oca; 1 d wkf"),
        ),
        tau=HOUR,
        theta=1.0,
        source="tau plan (every 1-2 h); theta ours",
        role="science",
    ),
    Rule(
        "ILLUM",
        (
            Window(0, HOUR, HOUR, (*MODE, "INS.OPTI2.NAME"), "1 h plan"),
            Window(1, 0.5, 0.5, ("INS.OPTI2.NAME",), "keys oca; 0.5 d wkf"),
        ),
        tau=HOUR,
        theta=1.0,
        source="tau plan (every 1-2 h); theta ours",
        role="calibration",
    ),
    Rule(
        "STD_RESPONSE",
        _around(
            (1, 3, 30, inf), MODE, MODE, "keys oca; 1 plan, unlimited wkf, 3 and 30 ours"
        ),
        tau=1.0,
        source="tau plan (nightly)",
    ),
    Rule(
        "STD_TELLURIC",
        _around((1, 3, 9), MODE, MODE, "keys oca; 1 wkf, 3 and 9 ours"),
        tau=1.0,
        source="tau plan (nightly)",
    ),
    Rule("LSF_PROFILE", _always(MODE, "oca; unlimited wkf: used as a static")),
    Rule("GEOMETRY_TABLE", _always((), "oca: no keys, one table for both fields; epochs")),
    Rule(
        "ASTROMETRY_WCS",
        _always(("INS.OPTI2.NAME",), "oca; epochs"),
        same_geometry=True,
    ),
    Rule(
        "VIGNETTING_MASK",
        _always(("INS.OPTI2.NAME",), "oca"),
        until=57823.0,
        source="wkf: frames before MJD 57823 only",
    ),
    *(
        Rule(tag, _always((), "static"))
        for tag in (
            "BADPIX_TABLE",
            "LINE_CATALOG",
            "SKY_LINES",
            "EXTINCT_TABLE",
            "STD_FLUX_TABLE",
            "ASTROMETRY_REFERENCE",
            "FILTER_LIST",
            "TELLURIC_REGIONS",
            "RAMAN_LINES",
        )
    ),
)
"""Every rule; a row with a role goes before one without."""


@dataclass(frozen=True, slots=True)
class Event:
    """An intervention on the instrument that no association may cross.

    It concerns the calibrations ``tags`` (empty: all but statics) of ``ifus`` (empty:
    all). A frame at exactly ``mjd`` [d] is after it.
    """

    mjd: float
    what: str
    source: str
    tags: tuple[str, ...] = ()
    ifus: tuple[int, ...] = ()

    def concerns(self, tag: str, ifu: int | None) -> bool:
        """Tell whether it changed what this calibration describes."""
        return (not self.tags or tag in self.tags) and (
            not self.ifus or ifu is None or ifu in self.ifus
        )


_STATICS = ("GEOMETRY_TABLE", "ASTROMETRY_WCS")
_PER_IFU = ("MASTER_BIAS", "MASTER_DARK", "MASTER_FLAT", "TRACE_TABLE", "WAVECAL_TABLE")

EVENTS: tuple[Event, ...] = (
    Event(57112.0, "detector of IFU 1 exchanged (2015-03-31)", "wkf", _PER_IFU, (1,)),
    Event(56710.0, "end of commissioning 1 (2014-02-22)", "manual, B.2", _STATICS),
    Event(56853.0, "end of commissioning 2a (2014-07-15)", "manual, B.2", _STATICS),
    Event(56992.0, "end of commissioning 2b (2014-12-01)", "manual, B.2", _STATICS),
)
"""Known interventions: each separates the epochs before and after it."""


def rule_for(tag: str, role: Role, rules: Iterable[Rule] = RULES) -> Rule | None:
    """Return the rule by which frames of ``role`` choose the calibration ``tag``."""
    return next((r for r in rules if r.tag == tag and r.role in (None, role)), None)
