"""Association blocks: what is planned, from which frames, with which calibrations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from association.decisions import Match
from association.records import CalibRecord, RawRecord
from association.score import AssociationScore, association_score

Value = bool | int | float | str
Kind = Literal["calibration", "science", "deep"]
Completeness = Literal["COMPLETE", "INCOMPLETE"]


@dataclass(frozen=True, slots=True)
class Feed:
    """Products of an earlier step that a step takes.

    All files of product ``tag`` made by ``step`` (of ``block`` when not of the same
    one), listed in the SOF as ``as_tag``.
    """

    step: str
    tag: str
    as_tag: str
    block: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One recipe call of a block.

    ``raw`` are its raw frames (SOF tag: their own), ``feeds`` come from earlier steps,
    ``matches`` are the calibrations, with what was rejected and why; ``params`` differ
    from the recipe's defaults; ``ifus`` are those that can be processed.
    """

    name: str
    recipe: str
    ifus: tuple[int, ...]
    raw: tuple[RawRecord, ...] = ()
    feeds: tuple[Feed, ...] = ()
    matches: tuple[Match, ...] = ()
    params: Mapping[str, Value] = field(default_factory=dict, hash=False)

    @property
    def after(self) -> tuple[str, ...]:
        """Steps of the same block that must have ended before."""
        return tuple(dict.fromkeys(f.step for f in self.feeds if not f.block))

    @property
    def calibrations(self) -> tuple[CalibRecord, ...]:
        """Calibrations of the step, each once, for the IFUs that are processed."""
        records = {
            choice.record.name: choice.record
            for match in self.matches
            for choice in match.chosen
            if choice.ifu is None or choice.ifu in self.ifus
        }
        return tuple(records.values())


@dataclass(frozen=True, slots=True)
class Final:
    """A product of a science block that goes to the archive.

    ``code``: SCBS single, SCBC combined, SCBX sky, SCBD deep; ``object`` OBJ or SKY.
    """

    step: str
    code: Literal["SCBS", "SCBC", "SCBX", "SCBD"]
    object: Literal["OBJ", "SKY"]


@dataclass(frozen=True, slots=True)
class Block:
    """The planned recipe cascade of one calibration set, science dataset or deep group.

    ``missing`` says why it is INCOMPLETE and what must arrive; ``notes`` what is odd
    but harmless; ``promises`` are the masters it will make (VCAL until certified).
    """

    name: str
    kind: Kind
    tag: str
    night: str
    mjd_mid: float
    frames: tuple[RawRecord, ...]
    steps: tuple[Step, ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    promises: tuple[CalibRecord, ...] = ()
    finals: tuple[Final, ...] = ()

    @property
    def completeness(self) -> Completeness:
        """COMPLETE when nothing is missing."""
        return "INCOMPLETE" if self.missing else "COMPLETE"

    @property
    def matches(self) -> tuple[Match, ...]:
        """All matches of its steps."""
        return tuple(match for step in self.steps for match in step.matches)

    @property
    def needs(self) -> tuple[str, ...]:
        """Blocks whose promised products it uses; they must end well before it starts."""
        promised = {
            calib.block
            for step in self.steps
            for calib in step.calibrations
            if calib.state == "promised"
        }
        fed = {feed.block for step in self.steps for feed in step.feeds if feed.block}
        return tuple(sorted((promised | fed) - {self.name}))

    @property
    def score(self) -> AssociationScore | None:
        """Smallest closeness of its calibrations."""
        return association_score(self.matches)


@dataclass(frozen=True, slots=True)
class Unplanned:
    """Frames that no block was made for, and why."""

    name: str
    frames: tuple[RawRecord, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything planned, in an order in which it can be processed."""

    blocks: tuple[Block, ...]
    unplanned: tuple[Unplanned, ...] = ()
