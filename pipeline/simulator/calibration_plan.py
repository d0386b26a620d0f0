"""The calibration plan: which frames a night gets, and when.

Times are UTC; at Paranal the evening twilight of September is at 22:40, the night lasts
from 0 to 9 h and the calibrations of the day after are taken from 10:30 on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from pipeline.simulator import mask
from pipeline.simulator.exposure import (
    Conditions,
    Exposure,
    Kind,
    ObservingBlock,
    Pointing,
    Template,
)
from pipeline.simulator.fields import standard_field
from pipeline.simulator.headers import TEMPLATES
from pipeline.simulator.lamps import ARC_EXPTIME, FLAT_EXPTIME
from pipeline.simulator.optics import Drift
from pipeline.simulator.scene import standard_position

READOUT = 75.421
"""Time from the end of an exposure to the start of the next [s]."""


class Seeds:
    """Hands out one seed per exposure, the same in every run."""

    def __init__(self, first: int) -> None:
        self.first = self.last = first

    def __call__(self) -> int:
        """Return the next seed."""
        self.last += 1
        return self.last


@dataclass(frozen=True)
class Night:
    """The night that begins on the evening of ``day``, and its state.

    ``temperature``: INS TEMP4 VAL at midnight [C]; it falls by 0.15 K an hour.
    """

    day: date
    conditions: Conditions
    temperature: float
    drift: Drift

    def at(self, hours: float) -> datetime:
        """Return a time, in hours after the midnight (UTC) in this night."""
        midnight = datetime.combine(self.day + timedelta(days=1), time(0), UTC)
        return midnight + timedelta(hours=hours)

    def state(self, start: datetime) -> dict[str, Any]:
        """Return what the weather does to the instrument at some time."""
        hours = (start - self.at(0)) / timedelta(hours=1)
        drift = Drift(
            self.drift.x * (1 - hours / 12), self.drift.wavelength * (1 - hours / 12)
        )
        return {
            "temperature": self.temperature - 0.15 * hours,
            "drift": drift,
            "conditions": replace(
                self.conditions, temperature=round(self.temperature - 0.15 * hours, 1)
            ),
        }


def night_of(day: date, seed: int) -> Night:
    """Return the weather and the state of the instrument of a night."""
    rng = np.random.default_rng([seed, day.toordinal()])
    conditions = Conditions(
        seeing=round(float(rng.uniform(0.6, 0.9)), 2),
        humidity=round(float(rng.uniform(5, 30)), 1),
        pressure=round(float(rng.normal(743, 1.0)), 2),
        water=round(float(rng.uniform(1, 5)), 2),
    )
    drift = Drift(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03)))
    return Night(day, conditions, round(float(rng.normal(12, 1.0)), 1), drift)


def sequence(
    kind: Kind,
    night: Night,
    hours: float,
    exptime: float,
    n: int,
    seeds: Seeds,
    **more: Any,
) -> Iterator[Exposure]:
    """Yield the exposures of one template call that starts some hours after midnight."""
    first = night.at(hours)
    for k in range(n):
        start = first + timedelta(seconds=k * (exptime + READOUT), milliseconds=123)
        state = {**night.state(start), **more}
        template = Template(TEMPLATES[kind], first, k + 1, n)
        yield Exposure(kind, start, exptime, template, seeds(), **state)


def daytime(
    night: Night, seeds: Seeds, mode: str = "WFM-NOAO-N", *, dark_lamp: str = ""
) -> Iterator[Exposure]:
    """Yield biases, flats and arcs of the day after a night.

    ``dark_lamp``: an arc lamp that has failed. In the extended mode biases are not
    repeated, since they do not depend on it.
    """
    shift = 0.0
    if mode.endswith("N"):
        yield from sequence("BIAS", night, 10.5, 0.0, 5, seeds)
    else:
        shift = 1.5
    yield from sequence("FLAT", night, 10.8 + shift, FLAT_EXPTIME, 5, seeds, mode=mode)
    yield from _arcs(night, 11.0 + shift, seeds, mode, dark_lamp)


def _arcs(
    night: Night, hours: float, seeds: Seeds, mode: str, dark_lamp: str
) -> Iterator[Exposure]:
    """Yield the arcs: one template call takes the lamps one after the other."""
    arcs: list[Exposure] = []
    for k, (lamp, exptime) in enumerate(ARC_EXPTIME.items()):
        more = {"lamp": lamp, "dark_lamp": lamp == dark_lamp, "mode": mode}
        arcs += sequence("ARC", night, hours + 0.2 * k, exptime, 3, seeds, **more)
    first = arcs[0].template
    for number, arc in enumerate(arcs, 1):
        yield replace(arc, template=Template(first.id, first.start, number, len(arcs)))


def geometry(
    night: Night, hours: float, seeds: Seeds, n: int = 80, layout: int = 1
) -> Iterator[Exposure]:
    """Yield a run of the multi-pinhole mask down the field, then two of the trace mask.

    The mask moves by more than two distances of its rows, so that at least one row passes
    every slice as a whole; ``n`` is the number of steps, ``layout`` the adjustment of the
    slicers.
    """
    first = night.at(hours)
    heights = np.linspace(-mask.RUN / 2, mask.RUN / 2, n) + mask.MIDDLE
    kinds: list[tuple[Kind, float, float]] = [
        *(("MASK", mask.EXPTIME, float(height)) for height in heights),
        *(("MASK_CHECK", mask.CHECK_EXPTIME, angle) for angle in (30.0, 120.0)),
    ]
    start = first + timedelta(milliseconds=123)
    for k, (kind, exptime, place) in enumerate(kinds):
        state = {**night.state(start), "drift": Drift()}
        template = Template(TEMPLATES[kind], first, k + 1, len(kinds))
        more = {"mask": place, "layout": layout, **state}
        yield Exposure(kind, start, exptime, template, seeds(), **more)
        start += timedelta(seconds=exptime + READOUT)


def twilight(night: Night, seeds: Seeds) -> Iterator[Exposure]:
    """Yield the sky flats of an evening."""
    zenith = Pointing(ra=290.0, dec=-24.6)
    yield from sequence("SKYFLAT", night, -1.33, 4.0, 3, seeds, pointing=zenith)


def darks(night: Night, seeds: Seeds) -> Iterator[Exposure]:
    """Yield the darks of a month."""
    yield from sequence("DARK", night, 12.5, 1800.0, 3, seeds)


def illumination(night: Night, hours: float, seeds: Seeds) -> Iterator[Exposure]:
    """Yield a lamp flat taken in the night."""
    yield from sequence("ILLUM", night, hours, FLAT_EXPTIME, 1, seeds)


def standard(
    night: Night, hours: float, seeds: Seeds, star: str, mode: str = "WFM-NOAO-N"
) -> Iterator[Exposure]:
    """Yield one exposure of a spectrophotometric standard."""
    block = ObservingBlock(
        200000000 + night.day.toordinal() % 10000, star, "60.A-9022(A)", star
    )
    ra, dec = standard_position(star)
    rng = np.random.default_rng([seeds.last, 9])
    error = (float(rng.normal(0, 0.25)), float(rng.normal(0, 0.15)))
    yield from sequence(
        "STD",
        night,
        hours,
        40.0,
        1,
        seeds,
        ob=block,
        pointing=Pointing(ra, dec),
        scene=standard_field(star),
        error=error,
        mode=mode,
    )
