"""ASTROMETRY_REFERENCE: the stars of an imaginary cluster that the simulator observes."""

import numpy as np

from pipeline.static.files import Extension

FIELD = "SIM-NGC"
CENTRE = (330.0, -30.0)
"""RA, DEC [deg] of the cluster."""

REACH = 40.0
"""Half width of the square that the catalogue covers [arcsec]: more than the field."""

CORE = 25.0
"""Radius at which the density of stars has fallen to half [arcsec]."""

APART = 1.4
"""No two stars are closer [arcsec]: blends are left out of reference catalogues."""

TRIALS = 1400
"""Stars drawn, of which those too near to a brighter one are dropped."""

BRIGHTEST, FAINTEST = 15.8, 18.8
"""Magnitudes in R."""


def cluster() -> Extension:
    """Build the catalogue: always the same stars, the brightest first."""
    rng = np.random.default_rng([47, 104])
    radius = CORE * np.sqrt(
        np.exp(rng.uniform(0, np.log1p((REACH / CORE) ** 2), TRIALS)) - 1
    )
    angle = rng.uniform(0, 2 * np.pi, TRIALS)
    place = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    magnitude = np.sort(np.round(rng.uniform(BRIGHTEST, FAINTEST, TRIALS), 3))
    kept: list[int] = []
    for k in range(TRIALS):
        if not kept or np.hypot(*(place[kept] - place[k]).T).min() > APART:
            kept.append(k)
    east, north = place[kept].T
    ra = CENTRE[0] + east / 3600 / np.cos(np.radians(CENTRE[1] + north / 3600))
    return Extension(
        FIELD,
        {
            "SourceID": (np.array([f"{FIELD}-{k + 1:04d}" for k in range(len(kept))]), ""),
            "RA": (np.round(ra, 8), "deg"),
            "DEC": (np.round(CENTRE[1] + north / 3600, 8), "deg"),
            "filter": (np.array(["R"] * len(kept)), ""),
            "mag": (magnitude[kept], "mag"),
        },
        {"OBJECT": FIELD, "RA": CENTRE[0], "DEC": CENTRE[1], "EQUINOX": 2000.0},
    )
