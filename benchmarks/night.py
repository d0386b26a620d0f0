"""The night of the benchmarks: every exposure that the chain of recipes needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from pipeline.instrument import Size
from pipeline.simulator.exposure import (
    Conditions,
    Exposure,
    Kind,
    ObservingBlock,
    Pointing,
    Template,
)
from pipeline.simulator.fields import (
    astrometric_field,
    object_field,
    sky_field,
    standard_field,
)
from pipeline.simulator.headers import TEMPLATES
from pipeline.simulator.lamps import ARC_EXPTIME
from pipeline.simulator.optics import Drift
from pipeline.simulator.scene import astrometric_table, standard_position

OVERHEAD_S = 75.421
"""Time between two exposures of a template [s]."""
CONDITIONS = Conditions(seeing=0.75)
NIGHT_DRIFT = Drift(0.03, 0.04)
"""How far the image has moved between the arcs of the day and the night."""
STANDARD = "Feige110"
TARGET = (10.0, -25.0)
"""RA, DEC [deg] of the object."""
BLOCK = ObservingBlock(2001234, "SIM-field", "0110.A-0101(A)", "Simulated field")
DITHERS = ((0.0, 0.0, 0.0), (1.1, -0.4, 0.0), (-0.9, 0.5, 0.0), (0.3, 0.2, 90.0))
"""Offsets east and north [arcsec] and rotation [deg] of the exposures of the object."""


def _at(day: int, hour: int, minute: int, second: int = 0, ms: int = 456) -> datetime:
    return datetime(2026, 9, day, hour, minute, second, 1000 * ms, tzinfo=UTC)


def _template(kind: Kind, start: datetime, number: int = 1, of: int = 1) -> Template:
    return Template(TEMPLATES[kind], start, number, of)


def calibrations(n_bias: int = 5, n_flat: int = 5, n_arc: int = 3) -> Iterator[Exposure]:
    """Yield the lamp exposures of the day; ``n_arc`` is for each of the three lamps."""
    start, seed = _at(2, 11, 0, 0, 123), 1
    arcs = [("ARC", n_arc, ARC_EXPTIME[lamp], lamp) for lamp in ARC_EXPTIME]
    groups: list[tuple[Kind, int, float, str]] = [
        ("BIAS", n_bias, 0.0, ""),
        ("FLAT", n_flat, 0.5, ""),
        *arcs,  # type: ignore[list-item]
    ]
    for kind, n, exptime, lamp in groups:
        first = start
        for k in range(n):
            template = _template(kind, first, k + 1, n)
            yield Exposure(kind, start, exptime, template, seed, lamp=lamp)
            start += timedelta(seconds=exptime + OVERHEAD_S)
            seed += 1
        start += timedelta(seconds=300)


@dataclass(frozen=True)
class Plan:
    """How many calibrations of the day there are; ``n_arc`` is for each of three lamps."""

    n_bias: int = 5
    n_flat: int = 5
    n_arc: int = 3
    n_dark: int = 3


PLANS = {"small": Plan(), "real": Plan(11, 11, 5, 5)}
"""By name: few frames, and as many as the calibration plan of MUSE takes in a day."""


def darks(n: int) -> Iterator[Exposure]:
    """Yield the darks of the morning."""
    first = _at(2, 6, 30)
    for k in range(n):
        at = first + timedelta(seconds=k * (1800.0 + OVERHEAD_S))
        yield Exposure("DARK", at, 1800.0, _template("DARK", first, k + 1, n), 300 + k)


def twilights() -> Iterator[Exposure]:
    """Yield the exposures of the evening sky."""
    first = _at(2, 22, 40, 10, 200)
    for k in range(3):
        yield Exposure(
            "SKYFLAT",
            first + timedelta(seconds=20 * k),
            4.0,
            _template("SKYFLAT", first, k + 1, 3),
            100 + k,
            drift=Drift(0.02, 0.02),
            temperature=12.8,
        )


def standard() -> Exposure:
    """Return the exposure of the standard star."""
    start = _at(3, 3, 50)
    return Exposure(
        "STD",
        start,
        60.0,
        _template("STD", start),
        110,
        drift=NIGHT_DRIFT,
        temperature=12.3,
        pointing=Pointing(*standard_position(STANDARD)),
        scene=standard_field(STANDARD),
        ob=ObservingBlock(200100, STANDARD, "60.A-9022(A)", STANDARD),
        error=(0.4, -0.2),
        conditions=CONDITIONS,
    )


def astrometry(size: Size) -> Exposure:
    """Return the exposure of the astrometric field, rotated by 0.05 degrees."""
    start = _at(3, 3, 30)
    return Exposure(
        "ASTROMETRY",
        start,
        60.0,
        _template("ASTROMETRY", start),
        9000,
        drift=NIGHT_DRIFT,
        pointing=Pointing(*astrometric_table()[1]),
        scene=astrometric_field(size),
        ob=ObservingBlock(200050000, "Astrometry", "60.A-9800(M)", "SIM-NGC"),
        error=(0.4, -0.3),
        rotation_error=0.05,
        conditions=CONDITIONS,
    )


def illumination() -> Exposure:
    """Return the lamp exposure of the night."""
    start = _at(3, 4, 10)
    template = _template("ILLUM", start)
    return Exposure("ILLUM", start, 0.5, template, 120, drift=NIGHT_DRIFT, temperature=12.2)


def objects(size: Size) -> Iterator[Exposure]:
    """Yield dithered exposures of one field; the pointing errs by some 1.5 arcsec."""
    rng = np.random.default_rng(3)
    ra, dec = TARGET
    first = _at(3, 4, 20)
    for k, (east, north, rotation) in enumerate(DITHERS):
        error = rng.uniform(-0.15, 0.15, 2) + np.array([1.3, -0.7])
        here = float(ra + east / 3600 / np.cos(np.radians(dec)))
        yield Exposure(
            "OBJECT",
            first + timedelta(seconds=670 * k),
            600.0,
            _template("OBJECT", first, k + 1, 5),
            200 + k,
            drift=NIGHT_DRIFT,
            temperature=12.1,
            pointing=Pointing(here, dec + north / 3600, rotation),
            scene=object_field(ra, dec, size, 7),
            ob=BLOCK,
            error=(float(error[0]), float(error[1])),
            rotation_error=float(rng.normal(0, 0.03)),
            conditions=CONDITIONS,
        )


def sky() -> Exposure:
    """Return the exposure of the empty sky near the object."""
    first = _at(3, 4, 20)
    pointing = Pointing(TARGET[0] + 0.05, TARGET[1] + 0.03)
    return Exposure(
        "SKY",
        first + timedelta(seconds=670 * 4),
        120.0,
        _template("SKY", first, 5, 5),
        210,
        drift=NIGHT_DRIFT,
        temperature=12.1,
        pointing=pointing,
        scene=sky_field(pointing.ra, pointing.dec, 1),
        ob=BLOCK,
        conditions=CONDITIONS,
    )


def night(size: Size, plan: Plan = PLANS["small"]) -> list[Exposure]:
    """Return all exposures in order of time."""
    return [
        *darks(plan.n_dark),
        *calibrations(plan.n_bias, plan.n_flat, plan.n_arc),
        *twilights(),
        astrometry(size),
        standard(),
        illumination(),
        *objects(size),
        sky(),
    ]
