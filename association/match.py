"""Choice of the calibrations of a frame: which one wins and why the others do not.

Masters of one tag made by one block (one per IFU) are judged together, so that the
work, and the explanation, grows with the number of nights and not of files.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from association.records import CalibRecord, Role, Setup
from association.rules import EVENTS, Event, Rule, Window
from association.score import closeness

MILLISECOND = 1.2e-8
"""Tolerance at the ends of a window [d]: differences of MJD are not exact."""

Group = tuple[CalibRecord, ...]


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
    frame's [K]; ``fallback``: most other IFUs take a better one; ``reason`` says why.
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
        """IFUs that take another block's master than most of them."""
        return tuple(c.ifu for c in self.chosen if c.fallback and c.ifu is not None)


class Candidates:
    """All calibrations of a service, ordered by tag and time for fast look-up.

    Several records with one name are refused: names are identities.
    """

    def __init__(self, records: Iterable[CalibRecord] = ()) -> None:
        self._groups: dict[str, dict[str, list[CalibRecord]]] = {}
        self._names: set[tuple[str, str]] = set()
        self._sorted: dict[str, tuple[list[float], list[Group]]] = {}
        for record in records:
            self.add(record)

    def add(self, record: CalibRecord) -> None:
        """Take in one more calibration."""
        if (record.tag, record.name) in self._names:
            raise ValueError(f"two {record.tag} have the name {record.name!r}")
        self._names.add((record.tag, record.name))
        self._groups.setdefault(record.tag, {}).setdefault(record.origin, []).append(record)
        self._sorted.pop(record.tag, None)

    def near(
        self, tag: str, mjd: float, reach: tuple[float, float]
    ) -> tuple[Sequence[Group], Sequence[Group]]:
        """Return the groups within ``reach`` [d] of ``mjd``, and the next ones outside."""
        times, groups = self._ordered(tag)
        low = bisect_left(times, mjd - reach[0] - MILLISECOND)
        high = bisect_right(times, mjd + reach[1] + MILLISECOND)
        return groups[low:high], groups[max(low - 1, 0) : low] + groups[high : high + 1]

    def _ordered(self, tag: str) -> tuple[list[float], list[Group]]:
        """Return times and groups of a tag, ascending in time, then name."""
        if tag not in self._sorted:
            groups = [
                tuple(sorted(group, key=lambda r: (r.ifu or 0, r.name)))
                for group in self._groups.get(tag, {}).values()
            ]
            groups.sort(key=lambda g: (g[0].mjd_mid, g[0].name))
            self._sorted[tag] = [g[0].mjd_mid for g in groups], groups
        return self._sorted[tag]


@dataclass(slots=True)
class _Judged:
    """A group of masters against one request: level None when it cannot be used."""

    group: Group
    level: int | None
    dt_d: float
    dtemp_k: float | None
    closeness: float
    reason: str


def match(
    request: Request,
    rule: Rule,
    candidates: Candidates,
    events: Sequence[Event] = EVENTS,
) -> Match:
    """Choose the calibration ``rule.tag`` of a frame, for each of its IFUs.

    The lowest level wins, inside it the largest closeness, then the newest epoch (of
    statics), then the file name. IFUs are decided one by one: where a master is missing,
    rejected or of another chip, that IFU alone takes its next best. Windows are widened
    until every IFU is served: what lies beyond cannot win, and only the next ones on
    either side are named.
    """
    if request.mjd_mid >= rule.until:
        return Match(rule.tag, (), (), (), rule.scored)
    for window in rule.windows:
        reach = window.before, window.after
        inside, outside = candidates.near(rule.tag, request.mjd_mid, reach)
        chosen, rejected = _choose(inside, request, rule, events)
        missing = () if None in chosen else tuple(sorted(set(request.chips) - set(chosen)))
        if not missing and all(c.level <= window.level for c in chosen.values()):
            break
    rejected += [_too_far(group, request, rule, window) for group in outside]
    if missing and not (rule.per_ifu or _per_ifu(inside)):
        missing = (0,)
    return Match(
        rule.tag, _mark_fallbacks(chosen.values()), tuple(rejected), missing, rule.scored
    )


def _choose(
    groups: Sequence[Group], request: Request, rule: Rule, events: Sequence[Event]
) -> tuple[dict[int | None, Choice], list[Rejection]]:
    """Give each IFU the best of some candidates; return what was rejected, too."""
    judged = sorted((_judge(group, request, rule) for group in groups), key=_rank)
    chosen: dict[int | None, Choice] = {}
    rejected: list[Rejection] = []
    for candidate in judged:
        rejected += _settle(candidate, request, rule, events, chosen)
    return chosen, rejected


def _per_ifu(groups: Sequence[Group]) -> bool:
    """Tell whether masters of this kind exist for each IFU."""
    return any(record.ifu is not None for group in groups for record in group)


def _rank(judged: _Judged) -> tuple[float, float, float, str]:
    """Order candidates from the best to the worst."""
    first = judged.group[0]
    level = inf if judged.level is None else judged.level
    return level, -judged.closeness, -(first.valid or (0.0,))[0], first.name


def _judge(group: Group, request: Request, rule: Rule) -> _Judged:
    """Find the level of the masters of one block by time and setup."""
    first = group[0]
    dt_d = first.mjd_mid - request.mjd_mid
    dtemp_k = (
        None
        if first.temperature is None or request.temperature is None
        else first.temperature - request.temperature
    )
    near = closeness(dt_d, dtemp_k, rule)
    mismatch = ""
    for window in rule.windows:
        if not -window.before - MILLISECOND <= dt_d <= window.after + MILLISECOND:
            continue
        mismatch = _mismatch(first.setup, request.setup, window)
        if not mismatch:
            return _Judged(group, window.level, dt_d, dtemp_k, near, "")
    return _Judged(group, None, dt_d, dtemp_k, near, mismatch or _distance(dt_d, rule))


def _distance(dt_d: float, rule: Rule) -> str:
    """Say that a calibration is too far away in time."""
    before, after = rule.reach
    limit, word = (before, "older") if dt_d < 0 else (after, "later")
    return f"{abs(dt_d):.2f} d {word} than the frame, the limit is {limit:g} d"


def _mismatch(calib: Setup, frame: Setup, window: Window) -> str:
    """Say which match key differs, or nothing."""
    for key in window.keys:
        ours, theirs = _value(calib, key), _value(frame, key)
        if ours != theirs:
            return f"{key} is {ours or 'not known'}, the frame has {theirs or 'none'}"
    return ""


def _value(setup: Setup, key: str) -> str:
    """Return the value of a match key; the chip is compared IFU by IFU."""
    match key:
        case "INS.MODE":
            return setup.mode
        case "DET.READ.CURID":
            return setup.readout
        case "INS.OPTI1 blue":
            return "in" if setup.blue else "out"
        case "INS.OPTI2.NAME":
            return setup.opti2
        case "DET.CHIP.ID":
            return ""
        case _:
            raise ValueError(f"no such match key: {key}")


def _settle(
    judged: _Judged,
    request: Request,
    rule: Rule,
    events: Sequence[Event],
    chosen: dict[int | None, Choice],
) -> list[Rejection]:
    """Give this candidate to the IFUs still without one; return why not to the others."""
    refused: dict[str, list[int]] = {}
    for record in judged.group:
        ifus = request.chips if record.ifu is None else (record.ifu,)
        if record.ifu is not None and record.ifu not in request.chips:
            continue
        reason = judged.reason or _unfit(record, request, rule, events)
        winner = chosen.get(record.ifu) or chosen.get(None)
        if reason or winner:
            text = reason or _beaten(judged, winner)
            refused.setdefault(text, []).extend(ifus)
            continue
        assert judged.level is not None
        chosen[record.ifu] = Choice(
            record,
            record.ifu,
            judged.level,
            judged.dt_d,
            judged.dtemp_k,
            judged.closeness,
            _praise(judged, rule),
        )
    return [
        Rejection(
            judged.group[0].origin,
            tuple(ifus),
            judged.dt_d,
            judged.dtemp_k,
            judged.level,
            judged.closeness,
            reason,
        )
        for reason, ifus in refused.items()
    ]


def _unfit(
    record: CalibRecord, request: Request, rule: Rule, events: Sequence[Event]
) -> str:
    """Say what forbids this very master, or nothing."""
    if record.state == "rejected":
        return "rejected in quality control"
    if record.state == "new":
        return "not certified yet"
    if record.ifu is not None and rule.per_ifu:
        chip = request.chips[record.ifu]
        if record.chip != chip:
            return (
                f"DET.CHIP.ID is {record.chip or 'unknown'}, the frame has {chip or 'none'}"
            )
    if record.valid is not None:
        start, end = record.valid
        if not start <= request.mjd_mid < end:
            return f"valid from MJD {start:g} to {end:g}, not at {request.mjd_mid:.5f}"
    elif crossed := _crossed(record, request, events):
        return f"on the other side of an intervention: {crossed.what}"
    if rule.same_geometry and record.geometry != request.geometry:
        made = record.geometry or "an unknown geometry table"
        return f"computed with {made}, in use is {request.geometry or 'none'}"
    return ""


def _crossed(
    record: CalibRecord, request: Request, events: Sequence[Event]
) -> Event | None:
    """Return an intervention between calibration and frame, if there is one."""
    first, last = sorted((record.mjd_mid, request.mjd_mid))
    for event in events:
        if first < event.mjd <= last and event.concerns(record.tag, record.ifu):
            return event
    return None


def _praise(judged: _Judged, rule: Rule) -> str:
    """Say why a candidate won."""
    if not rule.scored:
        return "static, valid for the frame"
    warmth = "" if judged.dtemp_k is None else f", {judged.dtemp_k:+.1f} K"
    return f"closest at level {judged.level}: {judged.dt_d:+.3f} d{warmth}"


def _beaten(judged: _Judged, winner: Choice | None) -> str:
    """Say why the winner is better."""
    assert winner is not None
    if judged.level != winner.level:
        return f"level {judged.level}, {winner.record.origin} has level {winner.level}"
    if judged.closeness != winner.closeness:
        ours, theirs = judged.closeness, winner.closeness
        return f"closeness {ours:.3f}, {winner.record.origin} has {theirs:.3f}"
    return f"as close as {winner.record.origin}, which is newer or comes first by name"


def _too_far(group: Group, request: Request, rule: Rule, window: Window) -> Rejection:
    """Reject the next candidate outside of the windows that were looked at."""
    dt_d = group[0].mjd_mid - request.mjd_mid
    ifus = tuple(r.ifu for r in group if r.ifu is not None)
    reason = _distance(dt_d, rule)
    if -rule.reach[0] <= dt_d <= rule.reach[1]:
        reason = f"{abs(dt_d):.2f} d away, others serve at level {window.level}"
    return Rejection(group[0].origin, ifus, dt_d, None, None, None, reason)


def _mark_fallbacks(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """Mark IFUs whose master comes from another block than most of the others'."""
    ordered = sorted(choices, key=lambda c: c.ifu or 0)
    counts: dict[str, int] = {}
    for choice in ordered:
        counts[choice.record.origin] = counts.get(choice.record.origin, 0) + 1
    usual = max(counts, key=lambda origin: counts[origin], default="")
    return tuple(
        choice if choice.record.origin == usual else replace(choice, fallback=True)
        for choice in ordered
    )
