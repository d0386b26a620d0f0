"""Choice of the calibrations of a frame: which one wins and why the others do not.

Masters of one tag made by one block (one per IFU) are judged together, so that the
work, and the explanation, grows with the number of nights and not of files.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf

from association.candidates import MILLISECOND, Candidates, Group, Judged
from association.decisions import Choice, Match, Rejection, Request
from association.reasons import beaten, mismatch_of, praise, too_far, too_far_by, unfit
from association.rules import EVENTS, Event, Rule, Window
from association.score import closeness

__all__ = ["Candidates", "Choice", "Match", "Rejection", "Request", "match"]


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


def _rank(judged: Judged) -> tuple[float, float, float, float, str]:
    """Order candidates from the best to the worst.

    The distance in time decides where the closeness has no digits left, as among
    standards that are years away.
    """
    first = judged.group[0]
    level = inf if judged.level is None else judged.level
    begin = -(first.valid or (0.0,))[0]
    return level, -judged.closeness, begin, round(abs(judged.dt_d), 6), first.name


def _judge(group: Group, request: Request, rule: Rule) -> Judged:
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
        mismatch = mismatch_of(first.setup, request.setup, window)
        if not mismatch:
            return Judged(group, window.level, dt_d, dtemp_k, near, "")
    return Judged(group, None, dt_d, dtemp_k, near, mismatch or too_far_by(dt_d, rule))


def _settle(
    judged: Judged,
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
        reason = judged.reason or unfit(record, request, rule, events)
        winner = chosen.get(record.ifu) or chosen.get(None)
        if reason or winner:
            text = reason or beaten(judged, winner)
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
            praise(judged, rule),
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


def _too_far(group: Group, request: Request, rule: Rule, window: Window) -> Rejection:
    """Reject the next candidate outside of the windows that were looked at."""
    dt_d = group[0].mjd_mid - request.mjd_mid
    ifus = tuple(r.ifu for r in group if r.ifu is not None)
    reason = too_far(dt_d, rule, window)
    return Rejection(group[0].origin, ifus, dt_d, None, None, None, reason)


def _mark_fallbacks(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """Mark IFUs whose master is worse than the best that another IFU has.

    The choices come in the order of their merit.
    """
    ranked = list(choices)
    best = ranked[0].record.origin if ranked else ""
    return tuple(
        choice if choice.record.origin == best else replace(choice, fallback=True)
        for choice in sorted(ranked, key=lambda c: c.ifu or 0)
    )
