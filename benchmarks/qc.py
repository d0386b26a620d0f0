"""QC keywords of both pipelines on the same frames: ``python -m benchmarks.qc wavecal``.

Reads what ``benchmarks.recipes`` left in its folder, ``ours/<call>`` and
``genuine/<call>``. Keywords that differ by a running number (slice, quadrant, lamp) share a
row: how many there are, how many are missing on either side, how many differ by more than
the limit, how many of these `benchmarks.qc_reasons` does not explain, the median of ours
over genuine, the worst pair and the reason. The last line counts what is not explained.
"""

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from benchmarks.chain import BESIDE, CHAIN
from benchmarks.qc_numbered import renumbered
from benchmarks.qc_reasons import REASONS, Reason, Value

Keywords = dict[str, Value]

CALLS = tuple(call.label.replace(" ", "_") for call in (*CHAIN, *BESIDE))
LIMIT = 0.05
"""Relative difference from which a pair is printed."""
PREFIX = "ESO QC "


class Pair(NamedTuple):
    """One keyword of one product on both sides; None where it is missing."""

    product: str
    keyword: str
    ours: Value | None
    genuine: Value | None

    @property
    def family(self) -> tuple[str, str]:
        """Product and keyword with ``#`` for running numbers."""
        return re.sub(r"\d+", "#", self.product), re.sub(r"\d+", "#", self.keyword)

    @property
    def is_missing(self) -> bool:
        """Whether one side lacks it."""
        return self.ours is None or self.genuine is None

    @property
    def difference(self) -> float:
        """Relative difference; 1 where one side is 0 or another text."""
        if self.ours == self.genuine:
            return 0.0
        if not (
            isinstance(self.ours, int | float) and isinstance(self.genuine, int | float)
        ):
            return 1.0
        return abs(self.ours - self.genuine) / max(abs(self.genuine), abs(self.ours))


def keywords(folder: Path) -> dict[str, Keywords]:
    """Return the QC keywords of all products in a folder, by file name."""
    found: dict[str, Keywords] = {}
    for path in sorted(folder.glob("*.fits")):
        with fits.open(path) as hdus:
            cards = [card for hdu in hdus for card in hdu.header.cards]
        found[path.name] = {
            card.keyword.removeprefix(PREFIX): card.value
            for card in cards
            if card.keyword.startswith(PREFIX)
        }
    return found


def pairs(ours: Mapping[str, Keywords], genuine: Mapping[str, Keywords]) -> Iterator[Pair]:
    """Yield every keyword of every product that one of the sides wrote."""
    for product in sorted({*ours, *genuine}):
        theirs = genuine.get(product, {})
        mine = renumbered(ours.get(product, {}), theirs)
        for keyword in dict.fromkeys([*theirs, *mine]):
            yield Pair(product, keyword, mine.get(keyword), theirs.get(keyword))


class Family(NamedTuple):
    """Keywords of a call that differ by a running number only."""

    product: str
    keyword: str
    members: list[Pair]
    reason: Reason | None

    @property
    def both(self) -> list[Pair]:
        """The pairs of which neither side is missing."""
        return [pair for pair in self.members if not pair.is_missing]

    def differing(self, limit: float) -> list[Pair]:
        """Return the pairs that are missing on a side or differ by more than ``limit``."""
        return [p for p in self.members if p.is_missing or p.difference > limit]

    def unexplained(self, limit: float) -> list[Pair]:
        """Return those of them that differ in another way than their reason says."""
        differing = self.differing(limit)
        if self.reason is None or not self.reason.expects(ratios(self.both)):
            return differing
        return [p for p in differing if not self.reason.explains(p.ours, p.genuine)]


def families(call: str, found: Iterable[Pair]) -> list[Family]:
    """Return the pairs of a call by family."""
    reasons = {r.keyword: r for r in REASONS if call.startswith(r.call)}
    members: dict[tuple[str, str], list[Pair]] = {}
    for pair in found:
        members.setdefault(pair.family, []).append(pair)
    return [Family(*name, some, reasons.get(name[1])) for name, some in members.items()]


def line(family: Family, limit: float) -> str:
    """Return the row of a family."""
    both, unexplained = family.both, family.unexplained(limit)
    lacking = [
        sum(p.ours is None for p in family.members),
        sum(p.genuine is None for p in family.members),
    ]
    off = sum(pair.difference > limit for pair in both)
    cells = f"{len(family.members):5d} {lacking[0]:5d} {lacking[1]:8d} {off:5d}"
    worst = max(unexplained or both, key=lambda pair: pair.difference, default=None)
    row = f"{family.product:24s} {family.keyword:34s}{cells} {len(unexplained):11d} "
    reason = f"; {family.reason.row}" if family.reason and not unexplained else ""
    return f"{row}{_median(both):>8s}  {_shown(worst)}{reason}"


def ratios(both: Iterable[Pair]) -> list[float]:
    """Return ours over genuine, where numbers allow it."""
    return [
        float(pair.ours) / float(pair.genuine)
        for pair in both
        if isinstance(pair.ours, int | float)
        and isinstance(pair.genuine, int | float)
        and pair.genuine
    ]


def _median(both: list[Pair]) -> str:
    """Return the median ratio."""
    found = ratios(both)
    return f"{np.median(found):.3f}" if found else ""


def _shown(pair: Pair | None) -> str:
    """Return a pair of values with its numbers."""
    if pair is None:
        return ""
    values = [
        f"{value:.6g}" if isinstance(value, float) else str(value)
        for value in (pair.ours, pair.genuine)
    ]
    return f"{' | '.join(values)}  ({pair.product}: {pair.keyword})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="*", default=CALLS, help="labels of calls")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--limit", type=float, default=LIMIT, help="relative difference")
    parser.add_argument("--all", action="store_true", help="also what agrees")
    options = parser.parse_args()
    print(
        f"{'product':24s} {'keyword':34s}{'n':>5s} {'-ours':>5s} {'-genuine':>8s} "
        f"{'off':>5s} {'unexplained':>11s} {'median':>8s}  worst: ours | genuine; reason"
    )
    totals = [_compare(call, options) for call in options.calls]
    print(f"unexplained: {sum(totals)}")
    raise SystemExit(1 if any(totals) else 0)


def _compare(call: str, options: argparse.Namespace) -> int:
    """Print the table of a call and return how many of its keywords are unexplained."""
    sides = [keywords(options.folder / s / call) for s in ("ours", "genuine")]
    if not all(sides):
        print(f"{call}: no products of both sides")
        return 0
    found = families(call, pairs(sides[0], sides[1]))
    for family in found:
        if options.all or family.differing(options.limit):
            print(line(family, options.limit))
    n = sum(len(family.members) for family in found)
    n_off = sum(len(family.differing(options.limit)) for family in found)
    n_unexplained = sum(len(family.unexplained(options.limit)) for family in found)
    print(
        f"{call}: {n} keywords, {n - n_off} agree within {options.limit:.0%}, "
        f"{n_off - n_unexplained} explained, {n_unexplained} unexplained"
    )
    return n_unexplained


if __name__ == "__main__":
    main()
