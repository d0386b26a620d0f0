"""Verdicts on QC numbers and their sums: n_red of n_total."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from qc.limits import LIMITS, Limit, limits_in_force
from qc.trend import Trend

Value = bool | int | float | str
Verdict = Literal["green", "red", "unknown"]


@dataclass(frozen=True, slots=True)
class Score:
    """Verdict on one number: green inside the bounds, red outside or not finite.

    ``unknown``: there is no trend yet to compare with; such a score does not count.
    """

    tag: str
    keyword: str
    value: float
    low: float
    high: float
    verdict: Verdict
    kind: str
    source: str
    version: int

    @property
    def text(self) -> str:
        """Say the verdict in words."""
        if self.verdict == "unknown":
            return f"{self.keyword} = {self.value:g}: no trend yet"
        inside = "within" if self.verdict == "green" else "outside"
        return (
            f"{self.keyword} = {self.value:g} is {inside} {self.low:g} to {self.high:g}"
            f" ({self.kind}; {self.source})"
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of how many scores are red."""

    n_red: int = 0
    n_total: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.n_red + other.n_red, self.n_total + other.n_total)

    def __str__(self) -> str:
        return f"{self.n_red}/{self.n_total}"

    @property
    def verdict(self) -> Verdict:
        """Red when anything is, green when all is, unknown when nothing was judged."""
        if self.n_total == 0:
            return "unknown"
        return "red" if self.n_red else "green"


@dataclass(slots=True)
class Node:
    """A place in the tree instrument, group, report, product, with its tally."""

    name: str
    tally: Tally = Tally()
    children: "dict[str, Node]" = field(default_factory=dict)


def bounds(limit: Limit, trend: Trend | None) -> tuple[float, float] | None:
    """Return the bounds that a limit means now; None for a trend that is not there."""
    if limit.kind == "fixed":
        return limit.low, limit.high
    if trend is None:
        return None
    half = max(
        limit.n_sigma * trend.sigma, limit.floor, limit.floor_rel * abs(trend.median)
    )
    return trend.median - half, trend.median + half


def score(limit: Limit, keyword: str, value: float, trend: Trend | None = None) -> Score:
    """Compare one number with one limit."""
    found = bounds(limit, trend)
    low, high = found or (limit.low, limit.high)
    verdict: Verdict = "unknown"
    if found is not None:
        verdict = "green" if isfinite(value) and low <= value <= high else "red"
    return Score(
        limit.tag,
        keyword,
        value,
        low,
        high,
        verdict,
        limit.kind,
        limit.source,
        limit.version,
    )


def score_product(
    tag: str,
    qc: Mapping[str, Value],
    trends: Mapping[str, Trend],
    on: str,
    limits: Iterable[Limit] = LIMITS,
) -> list[Score]:
    """Return the scores of all QC numbers of a product that have limits.

    Parameters
    ----------
    tag : str
        Category of the product.
    qc : mapping of str to value
        QC keywords, with or without ``ESO``.
    trends : mapping of str to Trend
        Trends by the same keywords.
    on : str
        Date of the product (``2026-09-01``), which selects the limits in force.
    limits : iterable of Limit
        The table.
    """
    rows = [limit for limit in limits if limit.tag == tag]
    return [
        score(limit, keyword, float(value), trends.get(keyword))
        for keyword, value in qc.items()
        if not isinstance(value, str)
        for limit in limits_in_force(tag, keyword, on, rows)
    ]


def tally(scores: Iterable[Score]) -> Tally:
    """Count red scores and all that were judged."""
    judged = [s.verdict for s in scores if s.verdict != "unknown"]
    return Tally(judged.count("red"), len(judged))


def roll_up(scores: Mapping[tuple[str, ...], Iterable[Score]], name: str = "MUSE") -> Node:
    """Sum scores up a tree.

    Parameters
    ----------
    scores : mapping of tuple of str to iterable of Score
        Scores of each product by its place, e.g. (group, report, product).
    name : str
        Name of the root, the instrument.
    """
    root = Node(name)
    for place, members in scores.items():
        count = tally(members)
        node = root
        node.tally += count
        for part in place:
            node = node.children.setdefault(part, Node(part))
            node.tally += count
    return root
