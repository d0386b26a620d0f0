"""What the association knows about a file: a few numbers of its header.

Records are immutable and hold no path to the database; the service makes them from
headers (`association.classify`) or from its catalogue rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from association.night import night_of

SECONDS = 86400.0
"""Seconds in a day."""

State = Literal["certified", "promised", "new", "rejected"]
Role = Literal["calibration", "science"]


@dataclass(frozen=True, slots=True)
class Setup:
    """How the instrument stood: the keys by which calibrations are matched.

    ``mode``: INS.MODE (``WFM-NOAO-N``); ``readout``: DET.READ.CURID; ``opti1``:
    INS.OPTI1.NAME, the blue filter; ``opti2``: INS.OPTI2.NAME, the field (WFM or NFM).
    """

    mode: str = ""
    readout: str = ""
    opti1: str = ""
    opti2: str = ""

    @property
    def blue(self) -> bool:
        """Whether the blue blocking filter is in (the nominal wavelength range)."""
        return self.opti1.startswith("Blue")


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One raw exposure.

    ``chips`` maps an IFU to its DET.CHIP.ID and names the IFUs in the file; times are
    [d] MJD (UTC) and [s]; ``temperature`` is INS.TEMP4.VAL [degC] or None; ``ra``,
    ``dec`` and ``posang`` are in degrees; ``lamps`` the arc lamps that were lit.
    """

    name: str
    path: str
    tag: str
    mjd_obs: float
    exptime_s: float
    setup: Setup
    chips: Mapping[int, str] = field(hash=False)
    temperature: float | None = None
    tpl_start: str = ""
    tpl_id: str = ""
    tpl_nexp: int = 1
    tpl_expno: int = 1
    obs_id: int = 0
    prog_id: str = ""
    target: str = ""
    ra: float = 0.0
    dec: float = 0.0
    posang: float = 0.0
    lamps: tuple[str, ...] = ()

    @property
    def ifus(self) -> tuple[int, ...]:
        """IFUs that the file holds, ascending."""
        return tuple(sorted(self.chips))

    @property
    def mjd_mid(self) -> float:
        """Middle of the exposure [d], the time by which it is matched."""
        return self.mjd_obs + self.exptime_s / SECONDS / 2

    @property
    def night(self) -> str:
        """Night of the exposure, by the date of its evening (``2026-09-01``)."""
        return night_of(self.mjd_obs)


@dataclass(frozen=True, slots=True)
class CalibRecord:
    """One calibration that a recipe may be given: a master, a static table or an ILLUM.

    ``ifu`` is None for those that serve all IFUs; ``chip`` is the DET.CHIP.ID behind a
    per-IFU master. ``state``: ``promised`` is a virtual master (VCAL) that a planned
    block will make; only ``certified`` and ``promised`` ones are ever used. ``block``
    names the association block that makes it. ``valid`` are the first and the end [d]
    of a static's epoch, half open; None when windows in time decide. ``geometry`` names
    the geometry table an astrometric solution was computed with.
    """

    name: str
    path: str
    tag: str
    mjd_mid: float
    setup: Setup
    ifu: int | None = None
    chip: str = ""
    temperature: float | None = None
    state: State = "certified"
    block: str = ""
    valid: tuple[float, float] | None = None
    geometry: str = ""

    @property
    def origin(self) -> str:
        """What it shares with the same master of other IFUs: its block, or its name."""
        return self.block or self.name


EVER = (-inf, inf)
"""Validity of a static that serves any date."""


def illum_calibration(raw: RawRecord) -> CalibRecord:
    """Return a raw ILLUM as the calibration it is (it is used without a recipe)."""
    return CalibRecord(
        name=raw.name,
        path=raw.path,
        tag=raw.tag,
        mjd_mid=raw.mjd_mid,
        setup=raw.setup,
        temperature=raw.temperature,
    )
