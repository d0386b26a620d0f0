"""Full-size frames of IFU 1 and 2, as the genuine pipeline wants them, simulated once."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.instrument import FULL
from pipeline.simulator.exposure import Conditions, Exposure, Pointing, Template
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.headers import TEMPLATES
from pipeline.simulator.lamps import ARC_EXPTIME

NOON = datetime(2026, 9, 2, 11, tzinfo=UTC)


def sequence(kind, start, exptime, n, **more):
    """Describe the exposures of one template call."""
    return [
        Exposure(
            kind,
            start + timedelta(seconds=k * (exptime + 75)),
            exptime,
            Template(TEMPLATES[kind], start, k + 1, n),
            seed=sum(map(ord, kind)) + k,
            **more,
        )
        for k in range(n)
    ]


@pytest.fixture(scope="session")
def raw_frames(tmp_path_factory):
    """Return paths by tag: three biases, flats, sky flats; one arc a lamp, one object.

    Sky flats hold IFU 1 alone, since muse_twilight takes all IFUs that are there.
    """
    folder = tmp_path_factory.mktemp("raw")
    plan = {
        "BIAS": sequence("BIAS", NOON, 0.0, 3),
        "FLAT": sequence("FLAT", NOON + timedelta(hours=1), 0.5, 3),
        "ARC": [
            arc
            for k, (lamp, exptime) in enumerate(ARC_EXPTIME.items())
            for arc in sequence(
                "ARC", NOON + timedelta(hours=2, minutes=10 * k), exptime, 1, lamp=lamp
            )
        ],
        "SKYFLAT": sequence("SKYFLAT", NOON + timedelta(hours=11), 4.0, 3),
        "OBJECT": sequence(
            "OBJECT",
            NOON - timedelta(hours=7),
            300.0,
            1,
            pointing=Pointing(ra=335.0, dec=-25.0),
            conditions=Conditions(),
        ),
    }
    return {
        tag: [
            simulate_exposure(e, FULL, folder, [1] if tag == "SKYFLAT" else [1, 2])
            for e in exposures
        ]
        for tag, exposures in plan.items()
    }
