"""Sources and sky lines of ours under the numbers that the genuine pipeline gave them.

Both number what they found in their own order, and one may find more. Those at the same
place get the same number; what only ours has follows after all of theirs.
"""

import re
from collections.abc import Mapping
from math import dist
from typing import NamedTuple

from benchmarks.qc_reasons import Value

_MEMBER = re.compile(r"(?P<head>.*\b(?:POS|FWHM|LINE|WLEN))(?P<number>\d+)(?P<tail> .+|)")


class _Kind(NamedTuple):
    """Where something is: the keywords that tell, and how far apart it may be."""

    axes: tuple[str, ...]
    reach: float

    def places(self, words: Mapping[str, Value]) -> dict[int, tuple[float, ...]]:
        """Return the place of each by number."""
        found: dict[int, dict[str, float]] = {}
        for keyword, value in words.items():
            for axis in self.axes:
                match = re.fullmatch(r".*\b" + axis.replace("#", r"(\d+)"), keyword)
                if match and isinstance(value, int | float):
                    found.setdefault(int(match[1]), {})[axis] = float(value)
        return {
            n: tuple(place[axis] for axis in self.axes)
            for n, place in found.items()
            if len(place) == len(self.axes)
        }


_KINDS = (
    _Kind(("POS# X", "POS# Y"), 3.0),
    _Kind(("LINE# AWAV",), 1.0),
    _Kind(("IFU1 WLEN#",), 1.0),
)
"""Sources [pix], whose places are rounded; sky lines and arc lines of spots [Angstrom]."""


def renumbered(ours: Mapping[str, Value], genuine: Mapping[str, Value]) -> dict[str, Value]:
    """Return our keywords of a product with the numbers of the genuine one."""
    numbers: dict[int, int] = {}
    for kind in _KINDS:
        mine, theirs = kind.places(ours), kind.places(genuine)
        if mine and theirs:
            numbers = _matched(mine, theirs, kind.reach)
    found = {}
    for keyword, value in ours.items():
        match = _MEMBER.fullmatch(keyword)
        if match and int(match["number"]) in numbers:
            number = numbers[int(match["number"])]
            keyword = f"{match['head']}{number}{match['tail']}"
        found[keyword] = value
    return found


def _matched(
    mine: Mapping[int, tuple[float, ...]],
    theirs: Mapping[int, tuple[float, ...]],
    reach: float,
) -> dict[int, int]:
    """Return the new number of each of mine: nearest pairs first, within ``reach``."""
    pairs = sorted((dist(a, b), i, j) for i, a in mine.items() for j, b in theirs.items())
    numbers: dict[int, int] = {}
    for away, i, j in pairs:
        if away <= reach and i not in numbers and j not in numbers.values():
            numbers[i] = j
    free = max(theirs) + 1
    for i in mine:
        if i not in numbers:
            numbers[i], free = free, free + 1
    return numbers
