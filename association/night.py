"""Nights of the observatory.

A night runs from local noon to local noon, so that the calibrations of the morning
after belong to it. Paranal's nights are counted with UTC-4 all year: twilight never
comes near noon, so daylight saving time does not matter.
"""

from datetime import date, timedelta
from math import floor

NOON = 16.0 / 24.0
"""Local noon as a fraction of a UTC day (UTC-4)."""

_MJD_ZERO = date(1858, 11, 17)


def night_of(mjd: float) -> str:
    """Return the date of the evening of the night that ``mjd`` [d, UTC] belongs to.

    A moment at exactly noon opens the new night.
    """
    return (_MJD_ZERO + timedelta(days=floor(mjd - NOON))).isoformat()


def night_span(night: str) -> tuple[float, float]:
    """Return the first moment and the end [d, MJD UTC] of a night, half open."""
    start = (date.fromisoformat(night) - _MJD_ZERO).days + NOON
    return start, start + 1.0
