"""All calibrations there are, grouped by the block that made them, ordered for look-up."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from association.records import CalibRecord

MILLISECOND = 1.2e-8
"""Tolerance at the ends of a window [d]: differences of MJD are not exact."""

Group = tuple[CalibRecord, ...]


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
class Judged:
    """A group of masters against one request: level None when it cannot be used."""

    group: Group
    level: int | None
    dt_d: float
    dtemp_k: float | None
    closeness: float
    reason: str
