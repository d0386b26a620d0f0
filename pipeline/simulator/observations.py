"""The observing blocks of a month, as templates with dithers, rotations and errors."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from pipeline.instrument import Size
from pipeline.simulator.calibration_plan import READOUT, Night, Seeds, sequence
from pipeline.simulator.exposure import Exposure, Kind, ObservingBlock, Pointing, Template
from pipeline.simulator.fields import astrometric_field, object_field, sky_field
from pipeline.simulator.headers import TEMPLATES
from pipeline.simulator.scene import Scene, astrometric_table

DITHERS = ((0.0, 0.0, 0.0), (0.7, -0.4, 90.0), (-0.6, 0.4, 0.0), (0.3, 0.5, 90.0))
"""Offsets east and north [arcsec] and rotations [deg] of the exposures of a block."""

OBJECT_EXPTIME = {"full": 600.0, "mini": 300.0}
SKY_EXPTIME = {"full": 120.0, "mini": 120.0}
"""Exposure times [s]."""


def observe(
    block: ObservingBlock,
    night: Night,
    size: Size,
    seeds: Seeds,
    *,
    hours: float,
    position: tuple[float, float],
    scene: Scene,
    n: int,
    sky: bool,
    **more: Any,
) -> Iterator[Exposure]:
    """Yield one template call: ``n`` dithered exposures and, if wanted, one of the sky.

    Every block has its own pointing error of 1 to 3 arcsec; on top every exposure has
    0.1 arcsec and a wobble of the derotator of 0.03 degrees.
    """
    rng = np.random.default_rng([block.id, seeds.last])
    amount, direction = rng.uniform(1, 3), rng.uniform(0, 2 * math.pi)
    error = np.array([amount * math.cos(direction), amount * math.sin(direction)])
    if size.name == "mini":
        error[1] = math.copysign(min(abs(error[1]), 0.9), error[1])
    objects: list[Kind] = ["OBJECT"] * n
    kinds: list[Kind] = [*objects, "SKY"] if sky else objects
    first, after = night.at(hours), timedelta(milliseconds=123)
    for k, kind in enumerate(kinds):
        exptime = (OBJECT_EXPTIME if kind == "OBJECT" else SKY_EXPTIME)[size.name]
        east, north, turn = (
            DITHERS[k % len(DITHERS)] if kind == "OBJECT" else (120.0, 60.0, 0.0)
        )
        pointing = _offset(position, east, north, turn)
        jitter = error + rng.normal(0, 0.1, 2)
        start = first + after
        seen = scene if kind == "OBJECT" else sky_field(pointing.ra, pointing.dec, block.id)
        yield Exposure(
            kind,
            start,
            exptime,
            Template(TEMPLATES[kind], first, k + 1, len(kinds)),
            seeds(),
            ob=block,
            pointing=pointing,
            scene=seen,
            error=(float(jitter[0]), float(jitter[1])),
            rotation_error=float(rng.normal(0, 0.03)),
            **{**night.state(start), **more},
        )
        after += timedelta(seconds=exptime + READOUT)


def _offset(
    position: tuple[float, float], east: float, north: float, turn: float
) -> Pointing:
    """Return the pointing some arcsec from a position, turned by an angle [deg]."""
    ra, dec = position
    return Pointing(
        round(ra + east / 3600 / math.cos(math.radians(dec)), 6),
        round(dec + north / 3600, 6),
        turn,
    )


def _field(position: tuple[float, float], size: Size, number: int) -> dict[str, Any]:
    """Return position and scene of a target."""
    return {"position": position, "scene": object_field(*position, size, number)}


def with_sky(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield three exposures, one turned by 90 degrees, and one of the sky.

    The slow guiding system is on.
    """
    block = ObservingBlock(2110001, "SIM-A-1", "0117.A-0101(A)", "SIM-A")
    target = _field((345.0, -28.0), size, 11)
    for exposure in observe(block, night, size, seeds, hours=2.0, n=3, sky=True, **target):
        yield replace(exposure, guiding=exposure.kind == "OBJECT")


def without_sky(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield two exposures without one of the sky."""
    block = ObservingBlock(2110002, "SIM-B-1", "0117.A-0101(A)", "SIM-B")
    target = _field((350.0, -20.0), size, 12)
    yield from observe(block, night, size, seeds, hours=2.0, n=2, sky=False, **target)


def single(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield a single exposure."""
    block = ObservingBlock(2110003, "SIM-C-1", "0117.B-0202(A)", "SIM-C")
    target = _field((5.0, -33.0), size, 13)
    yield from observe(block, night, size, seeds, hours=3.5, n=1, sky=False, **target)


def deep_first(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield the first visit of a target that two runs observe."""
    block = ObservingBlock(2110004, "SIM-D-1", "0117.A-0101(A)", "SIM-D")
    target = _field((12.0, -25.0), size, 14)
    yield from observe(block, night, size, seeds, hours=4.0, n=2, sky=True, **target)


def deep_second(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield the second visit, by another run."""
    block = ObservingBlock(2110005, "SIM-D-2", "0117.B-0202(A)", "SIM-D")
    target = _field((12.0, -25.0), size, 14)
    yield from observe(block, night, size, seeds, hours=4.0, n=2, sky=True, **target)


def astrometry(night: Night, size: Size, seeds: Seeds) -> Iterator[Exposure]:
    """Yield one exposure of an astrometric field, with a pointing error."""
    block = ObservingBlock(200050000, "Astrometry", "60.A-9800(M)", "SIM-NGC")
    yield from sequence(
        "ASTROMETRY",
        night,
        1.2,
        60.0,
        1,
        seeds,
        ob=block,
        pointing=Pointing(*astrometric_table()[1]),
        scene=astrometric_field(size),
        error=(0.4, -0.3),
    )
