"""Raw calibrations of a mini IFU in memory, as the simulator makes them."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np

from pipeline.instrument import MINI
from pipeline.memory import MemoryImage, MemoryRaw
from pipeline.simulator.detector import detector
from pipeline.simulator.exposure import Exposure, Template
from pipeline.simulator.frames import raw_counts
from pipeline.simulator.headers import TEMPLATES, channel_header, primary_header
from pipeline.simulator.lamps import ARC_EXPTIME, FLAT_EXPTIME
from pipeline.spec import Planes

START = datetime(2026, 9, 3, 11, 0, 0, 123000, tzinfo=UTC)


def frame(exposure, ifu=1):
    """Return an exposure as a raw frame of one IFU."""
    header = {**primary_header(exposure), **channel_header(detector(MINI, ifu))}
    counts = raw_counts(exposure, MINI, ifu)
    name = f"{exposure.kind}{exposure.lamp}{exposure.seed}.fits"
    return MemoryRaw(counts, header, exposure.kind, ifu, name)


def exposure(kind, exptime, seed, **more):
    """Return the description of a calibration exposure."""
    return Exposure(kind, START, exptime, Template(TEMPLATES[kind], START), seed, **more)


@cache
def flats(n=3, ifu=1):
    """Return lamp flats."""
    return tuple(frame(exposure("FLAT", FLAT_EXPTIME, k), ifu) for k in range(n))


@cache
def arcs(*lamps, n=1, ifu=1, dark=False):
    """Return arcs of lamps, in which the lamps may have failed."""
    return tuple(
        frame(exposure("ARC", ARC_EXPTIME[lamp], k, lamp=lamp, dark_lamp=dark), ifu)
        for lamp in lamps
        for k in range(n)
    )


def relabelled(raw, other):
    """Return a raw frame that claims to be of the lamp of another."""
    states = {key: other.header[key] for key in other.header if key.startswith("ESO INS")}
    return replace(raw, header={**raw.header, **states})


def master_bias(ifu=1):
    """Return a master bias without structure; its noise is that of five exposures."""
    ccd = detector(MINI, ifu)
    noise = {
        f"ESO QC BIAS MASTER{k + 1} RON": float(value)
        for k, value in enumerate(ccd.read_noise)
    }
    zero = np.zeros(MINI.shape, np.float32)
    planes = Planes(zero, np.zeros(MINI.shape, np.uint32), zero + np.float32(1.5))
    return MemoryImage(planes, noise, ifu=ifu)
