"""How close a calibration is, in time and temperature, as one number from 0 to 1."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, hypot, inf

from association.decisions import Match
from association.rules import Rule


def closeness(dt_d: float, dtemp_k: float | None, rule: Rule) -> float:
    """Return exp(-d), d = sqrt((dt/tau)^2 + (dT/theta)^2).

    Parameters
    ----------
    dt_d : float
        Time between the middles of the exposures [d].
    dtemp_k : float or None
        Difference in INS.TEMP4.VAL [K]; None (not known on one side) counts as one
        ``theta``, so that a calibration with a known, similar temperature wins.
    rule : Rule
        Gives ``tau`` [d] and ``theta`` [K]; an infinite one switches its term off.
    """
    time = dt_d / rule.tau if rule.tau < inf else 0.0
    warmth = 0.0
    if rule.theta < inf:
        warmth = 1.0 if dtemp_k is None else dtemp_k / rule.theta
    return exp(-hypot(time, warmth))


@dataclass(frozen=True, slots=True)
class AssociationScore:
    """The smallest closeness among a product's calibrations, and whose it is."""

    closeness: float
    level: int
    tag: str
    name: str


def association_score(matches: Iterable[Match]) -> AssociationScore | None:
    """Return the score of a product made with these calibrations.

    The calibration of the smallest closeness sets it; ``level`` is the worst of all.
    Statics, whose age does not matter, take no part; None when nothing else was used.
    """
    choices = [
        (choice.closeness, choice.record.name, choice.level, match.tag)
        for match in matches
        if match.scored
        for choice in match.chosen
    ]
    if not choices:
        return None
    smallest, name, _, tag = min(choices)
    return AssociationScore(smallest, max(level for _, _, level, _ in choices), tag, name)
