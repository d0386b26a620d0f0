"""Pixel tables of a made-up sky: Gaussian stars with flat spectra, one emission line.

Field positions, refraction, velocity and pointing are put in here by plain numpy, so
that what the recipes take out can be checked.
"""

from dataclasses import dataclass, field

import numpy as np

from pipeline.instrument import MINI
from pipeline.memory import MemoryPixels
from pipeline.spec import Pixels, Segment


@dataclass(frozen=True)
class Star:
    """Offset from the tangent point [arcsec], flux a pixel at the peak, line flux."""

    east: float
    north: float
    peak: float
    line: float = 0.0


LINE = 6200.0
FWHM = 0.8


@dataclass(frozen=True)
class Sky:
    """A field and how it is observed."""

    stars: tuple[Star, ...] = (Star(1.5, 0.1, 800.0), Star(-2.5, -0.15, 300.0, 500.0))
    tangent: tuple[float, float] = (53.1625, -27.791)
    noise: float = 5.0
    sky: float = 0.0
    posang: float = 0.0
    cosmics: float = 0.0
    wavelengths: tuple[float, float] = (5800.0, 6500.0)
    keywords: dict = field(default_factory=dict)


def header(sky, date="2026-09-03T04:20:00.456"):
    """Keywords of an exposure near the zenith, long before and after the meridian."""
    return {
        "INSTRUME": "MUSE",
        "RA": sky.tangent[0],
        "DEC": sky.tangent[1],
        "EQUINOX": 2000.0,
        "RADESYS": "FK5",
        "LST": 20679.0,
        "EXPTIME": 600.0,
        "DATE-OBS": date,
        "MJD-OBS": 61286.18056 + int(date[14:16]) / 1440,
        "OBJECT": "Field",
        "ARCFILE": f"MUSE.{date}.fits",
        "ESO INS MODE": "WFM-NOAO-N",
        "ESO INS DROT MODE": "SKY",
        "ESO INS DROT POSANG": sky.posang,
        "ESO TEL PARANG START": 91.5,
        "ESO TEL PARANG END": 92.5,
        "ESO TEL AIRM START": 1.15,
        "ESO TEL AIRM END": 1.18,
        "ESO TEL GEOLAT": -24.6268,
        "ESO TEL GEOLON": -70.4045,
        "ESO TEL GEOELEV": 2648.0,
        "ESO TEL AMBI TEMP": 11.5,
        "ESO TEL AMBI RHUM": 14.5,
        "ESO TEL AMBI PRES START": 743.2,
        "ESO TEL AMBI PRES END": 743.2,
        "ESO TEL IA FWHMLIN": 0.8,
        "ESO OBS ID": 200000001,
        "ESO OBS PROG ID": "60.A-9100(A)",
        **sky.keywords,
    }


def pixel_tables(sky=None, ifus=(1, 2), size=MINI, seed=1, date="2026-09-03T04:20:00.456"):
    """Return one PIXTABLE_OBJECT an IFU, in counts, and their true middle [pix]."""
    sky = sky or Sky()
    rng = np.random.default_rng(seed)
    tables = []
    for ifu in ifus:
        parts, segments, start = [], [], 0
        for ccd in range(1, size.n_slices + 1):
            part = _slice(sky, ifu, ccd, size, rng)
            segments.append(Segment(0, ifu, ccd, start, start + len(part.data)))
            start += len(part.data)
            parts.append(part)
        pixels = Pixels._make(np.concatenate(c) for c in zip(*parts, strict=True))
        name = f"PIXTABLE_OBJECT_0001-{ifu:02d}.fits"
        words = {**header(sky, date), "EXTNAME": f"CHAN{ifu:02d}"}
        tables.append(MemoryPixels(pixels, segments, words, "PIXTABLE_OBJECT", ifu, name))
    middle = tuple(
        0.5 * (min(p.min() for p in column) + max(p.max() for p in column))
        for column in zip(*((t.pixels.xpos, t.pixels.ypos) for t in tables), strict=True)
    )
    _expose(tables, sky, middle, rng)
    return tables


def _slice(sky, ifu, ccd, size, rng):
    """Return empty pixels of a slice, row by row."""
    low, high = sky.wavelengths
    n_rows = int((high - low) / 1.25)
    width = int(size.slice_width)
    row, column = np.indices((n_rows, width))
    x0, y0 = size.slice_centre(ifu, ccd)
    along = ((width - 1) / 2 - column) * size.stack_width / width
    x = x0 + along + rng.uniform(-0.2, 0.2)
    y = y0 + 0.002 * along + rng.uniform(-0.15, 0.15)
    wave = low + 1.25 * row + 0.01 * column + rng.uniform(0, 1.2)
    origin = (column << 24) | ((row + 1) << 11) | (ifu << 6) | ccd
    keep = (wave < high).ravel()
    values = [a.ravel()[keep] for a in (x, y, wave)]
    n = keep.sum()
    return Pixels(
        *(v.astype("f4") for v in values),
        np.zeros(n, "f4"),
        np.zeros(n, "u4"),
        np.ones(n, "f4"),
        origin.ravel()[keep].astype("u4"),
    )


def _expose(tables, sky, middle, rng):
    """Put stars, sky, noise and cosmic rays into the pixels."""
    turn = np.radians(-sky.posang)
    for table in tables:
        p = table.pixels
        x, y, wave = (a.astype(float) for a in (p.xpos, p.ypos, p.wavelength))
        east, north = -0.2 * (x - middle[0]), 0.2 * (y - middle[1])
        east, north = (
            east * np.cos(turn) - north * np.sin(turn),
            east * np.sin(turn) + north * np.cos(turn),
        )
        signal = np.full(len(x), sky.sky)
        sigma = FWHM / 2.3548
        for star in sky.stars:
            r2 = (east - star.east) ** 2 + (north - star.north) ** 2
            spectrum = star.peak + star.line * np.exp(-0.5 * ((wave - LINE) / 1.2) ** 2)
            signal += spectrum * np.exp(-0.5 * r2 / sigma**2)
        stat = sky.noise**2 + signal
        p.data[:] = signal + rng.normal(0, 1, len(x)) * np.sqrt(stat)
        p.stat[:] = stat
        hits = rng.random(len(x)) < sky.cosmics
        p.data[hits] += rng.uniform(300, 5000, hits.sum())
