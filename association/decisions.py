"""What is asked of the matching and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from association.records import CalibRecord, Role, Setup


@dataclass(frozen=True, slots=True)
class Request:
    """What a calibration must fit: the frame, or the mean of a set of frames.

    ``chips`` maps each IFU to be calibrated to its DET.CHIP.ID; ``geometry`` names the
    geometry table in use, once it is known.
    """

    role: Role
    mjd_mid: float
    setup: Setup
    chips: Mapping[int, str] = field(hash=False)
    temperature: float | None = None
    geometry: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A calibration that won, for one IFU or (``ifu`` None) for all.

    ``dt_d`` is its time minus the frame's [d], ``dtemp_k`` its temperature minus the
    frame's [K]; ``fallback``: another IFU takes a better one; ``reason`` says why.
    """

    record: CalibRecord
    ifu: int | None
    level: int
    dt_d: float
    dtemp_k: float | None
    closeness: float
    reason: str
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A calibration (or the masters of a block) that lost, for some IFUs, and why."""

    name: str
    ifus: tuple[int, ...]
    dt_d: float
    dtemp_k: float | None
    level: int | None
    closeness: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Match:
    """The outcome for one tag: ``missing`` are IFUs left without (0: the whole field)."""

    tag: str
    chosen: tuple[Choice, ...]
    rejected: tuple[Rejection, ...]
    missing: tuple[int, ...]
    scored: bool

    @property
    def complete(self) -> bool:
        """Whether every IFU got what it needs."""
        return not self.missing

    @property
    def fallbacks(self) -> tuple[int, ...]:
        """IFUs that take another block's master than the best one."""
        return tuple(c.ifu for c in self.chosen if c.fallback and c.ifu is not None)
