"""Four exposures of one field whose last is rotated by 90 degrees: what they should show.

A few neighbouring IFUs see a strip 60 arcsec long, and the rotated exposure one that
crosses it. The field has stars where they cross, so that it can be aligned, and sources
along both strips that are far enough from each other to be measured one by one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.night import BLOCK, CONDITIONS, DITHERS, NIGHT_DRIFT
from pipeline.instrument import Size
from pipeline.simulator.exposure import Exposure, Pointing, Template
from pipeline.simulator.fields import draw_source, place_around
from pipeline.simulator.headers import TEMPLATES
from pipeline.simulator.scene import Scene, Source

TARGET = (33.0, -25.3)
"""RA, DEC [deg] that the header names."""
ERROR = (1.3, -0.7)
"""How far from there the telescope points, east and north [arcsec]."""
JITTER = 0.15
"""Change of the error from exposure to exposure [arcsec]."""
FIRST = datetime(2026, 9, 3, 5, 20, 0, 456000, tzinfo=UTC)

MIDDLE = ((-0.7, 0.9), (1.2, 0.6), (0.2, -1.0))
"""Stars that two IFUs see in both directions, east and north of the middle [arcsec]."""
ROWS = (-4.7, 0.0, 4.7)
"""Of sources, across a strip [arcsec]: the middle row is for two IFUs, all are for six."""
COLUMNS = tuple(float(c) for c in np.arange(-26.0, 27.0, 5.2))
KINDS = "sgsgsegsgsg"
"""Stars, galaxies and an extended source along a row."""
NEAR = 3.0
"""No source of a row is nearer than this to the stars of the middle [arcsec]."""
APART = 3.6
"""Nor than this to another one [arcsec]."""


def crossed_field(size: Size) -> Scene:
    """Return sources along three rows from east to west and three from south to north."""
    rng = np.random.default_rng(4712)
    places = list(MIDDLE)
    kinds = ["s"] * len(MIDDLE)
    for across in ROWS:
        for turned in (False, True):
            for along, kind in zip(COLUMNS, KINDS, strict=True):
                even = np.array((across, along) if turned else (along, across))
                uneven = even + rng.uniform(-0.3, 0.3, 2)
                apart = np.hypot(*(np.array(places) - uneven).T)
                first = len(MIDDLE)
                if apart[:first].min() > NEAR and apart[first:].min(initial=99) > APART:
                    places.append((float(uneven[0]), float(uneven[1])))
                    kinds.append(kind)
    sources: list[Source] = []
    for kind, place in zip(kinds, places, strict=True):
        east, north = np.add(place, ERROR)
        here = place_around(*TARGET, float(east), float(north))
        sources.append(draw_source(kind, len(sources), rng, here, size))
    return Scene(tuple(sources))


def crossing(size: Size) -> Iterator[Exposure]:
    """Yield the four exposures."""
    rng = np.random.default_rng(5)
    scene = crossed_field(size)
    for k, (east, north, rotation) in enumerate(DITHERS):
        error = rng.uniform(-JITTER, JITTER, 2) + ERROR
        yield Exposure(
            "OBJECT",
            FIRST + timedelta(seconds=670 * k),
            600.0,
            Template(TEMPLATES["OBJECT"], FIRST, k + 1, len(DITHERS)),
            250 + k,
            drift=NIGHT_DRIFT,
            temperature=12.1,
            pointing=Pointing(*place_around(*TARGET, east, north), rotation),
            scene=scene,
            ob=BLOCK,
            error=(float(error[0]), float(error[1])),
            rotation_error=float(rng.normal(0, 0.03)),
            conditions=CONDITIONS,
        )
