"""Robust trends of QC numbers."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

N_MIN = 5
"""Fewest points that make a trend (ours)."""

SPAN = 60.0
"""How far back and ahead points count [d] (ours: two monthly streams)."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Level and scatter of a number: its median and 1.4826 times the MAD."""

    median: float
    sigma: float
    n: int

    def distance(self, value: float) -> float:
        """Return the distance from the median in robust standard deviations."""
        if value == self.median:
            return 0.0
        return abs(value - self.median) / self.sigma if self.sigma > 0 else float("inf")


def robust_trend(values: Iterable[float], n_min: int = N_MIN) -> Trend | None:
    """Return the trend of some values; None with fewer than ``n_min`` finite ones."""
    finite = [float(v) for v in values if isfinite(v)]
    if len(finite) < n_min:
        return None
    middle = median(finite)
    spread = median(abs(v - middle) for v in finite)
    return Trend(middle, MAD_TO_SIGMA * spread, len(finite))


def trend_at(
    points: Sequence[tuple[float, float]],
    mjd: float,
    span_d: float = SPAN,
    n_min: int = N_MIN,
) -> Trend | None:
    """Return the trend around a date.

    Parameters
    ----------
    points : sequence of (float, float)
        Time [d, MJD] and value, ascending in time; without the value to be judged.
    mjd : float
        Date of that value [d].
    span_d : float
        Points within this distance count [d], both ends inclusive.
    n_min : int
        Fewest points that make a trend.
    """
    times = [time for time, _ in points]
    low, high = bisect_left(times, mjd - span_d), bisect_right(times, mjd + span_d)
    return robust_trend((value for _, value in points[low:high]), n_min)
