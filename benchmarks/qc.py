"""QC keywords of both pipelines on the same frames: ``python -m benchmarks.qc wavecal``.

Reads what ``benchmarks.recipes`` left in its folder, ``ours/<call>`` and
``genuine/<call>``. Keywords that differ by a running number (slice, quadrant, lamp) share a
row: how many there are, how many are missing on either side, how many differ by more than
the limit, the median of ours over genuine and the worst pair. A mean that is zero but for
noise differs without meaning.
"""

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits

Value = bool | int | float | str
Keywords = dict[str, Value]

CALLS = ("bias", "dark", "flat", "wavecal", "lsf", "twilight")
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
        mine, theirs = ours.get(product, {}), genuine.get(product, {})
        for keyword in dict.fromkeys([*theirs, *mine]):
            yield Pair(product, keyword, mine.get(keyword), theirs.get(keyword))


def lines(found: list[Pair], limit: float, every: bool) -> Iterator[str]:
    """Yield a row for each family of keywords that differs, or for every family."""
    families: dict[tuple[str, str], list[Pair]] = {}
    for pair in found:
        families.setdefault(pair.family, []).append(pair)
    for (product, keyword), members in families.items():
        both = [pair for pair in members if not pair.is_missing]
        off = [pair for pair in both if pair.difference > limit]
        lacking = [
            sum(p.ours is None for p in members),
            sum(p.genuine is None for p in members),
        ]
        if not (every or off or any(lacking)):
            continue
        cells = f"{len(members):5d} {lacking[0]:5d} {lacking[1]:8d} {len(off):5d}"
        worst = max(both, key=lambda pair: pair.difference, default=None)
        yield f"{product:24s} {keyword:34s}{cells} {_median(both):>8s}  {_shown(worst)}"


def _median(both: list[Pair]) -> str:
    """Return the median of ours over genuine, where numbers allow it."""
    ratios = [
        float(pair.ours) / float(pair.genuine)
        for pair in both
        if isinstance(pair.ours, int | float)
        and isinstance(pair.genuine, int | float)
        and pair.genuine
    ]
    return f"{np.median(ratios):.3f}" if ratios else ""


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
        f"{'off':>5s} {'median':>8s}  worst: ours | genuine"
    )
    for call in options.calls:
        sides = [keywords(options.folder / s / call) for s in ("ours", "genuine")]
        if not all(sides):
            print(f"{call}: no products of both sides")
            continue
        found = list(pairs(sides[0], sides[1]))
        print("\n".join(lines(found, options.limit, options.all)))
        agree = sum(not p.is_missing and p.difference <= options.limit for p in found)
        print(f"{call}: {agree} of {len(found)} keywords agree within {options.limit:.0%}")


if __name__ == "__main__":
    main()
