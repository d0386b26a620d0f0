"""Why a calibration is taken or not, in words for the pages and ``ab explain``."""

from collections.abc import Sequence

from association.candidates import Judged
from association.decisions import Choice, Request
from association.records import CalibRecord, Setup
from association.rules import Event, Rule, Window


def too_far_by(dt_d: float, rule: Rule) -> str:
    """Say that a calibration is too far away in time."""
    before, after = rule.reach
    limit, word = (before, "older") if dt_d < 0 else (after, "later")
    return f"{abs(dt_d):.2f} d {word} than the frame, the limit is {limit:g} d"


def too_far(dt_d: float, rule: Rule, window: Window) -> str:
    """Say that a calibration lies beyond ``window``, where all IFUs are served."""
    if -rule.reach[0] <= dt_d <= rule.reach[1]:
        return f"{abs(dt_d):.2f} d away, others serve at level {window.level}"
    return too_far_by(dt_d, rule)


def mismatch_of(calib: Setup, frame: Setup, window: Window) -> str:
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


def unfit(
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


def praise(judged: Judged, rule: Rule) -> str:
    """Say why a candidate won."""
    if not rule.scored:
        return "static, valid for the frame"
    warmth = "" if judged.dtemp_k is None else f", {judged.dtemp_k:+.1f} K"
    return f"closest at level {judged.level}: {judged.dt_d:+.3f} d{warmth}"


def beaten(judged: Judged, winner: Choice | None) -> str:
    """Say why the winner is better."""
    assert winner is not None
    if judged.level != winner.level:
        return f"level {judged.level}, {winner.record.origin} has level {winner.level}"
    if judged.closeness != winner.closeness:
        ours, theirs = judged.closeness, winner.closeness
        return f"closeness {ours:.3f}, {winner.record.origin} has {theirs:.3f}"
    return f"as close as {winner.record.origin}, which is newer or comes first by name"
