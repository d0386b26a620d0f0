"""Light of the calibration unit: continuum lamp and arc lamps, as the detector sees it."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LINES = Path(__file__).with_name("arc_lines.csv")

FLAT_PEAK = 32000.0
"""Electrons per pixel of a flat-field exposure at its brightest wavelength."""
FLAT_EXPTIME = 0.5
"""Exposure time of such a flat field [s]."""
ARC_EXPTIME = {"Ne": 20.0, "Xe": 100.0, "HgCd": 80.0}
"""Exposure times of the lamps [s]."""


def blocking_filter(wavelength: Floats) -> Floats:
    """Return the transmission of the blue-blocking filter of the nominal range."""
    w = np.asarray(wavelength)
    return np.asarray(0.10 + 0.90 / (1 + np.exp(-(w - 4665) / 22)))


def sensitivity(wavelength: Floats) -> Floats:
    """Return the relative efficiency of grating, filter and detector, some 1 at best."""
    w = np.asarray(wavelength)
    ripples = 1 + 0.01 * np.sin(w / 170) + 0.007 * np.sin(w / 61 + 1)
    return np.asarray(
        np.exp(-0.5 * ((w - 6950) / 2050) ** 2) * ripples * blocking_filter(w)
    )


def flat_spectrum(wavelength: Floats) -> Floats:
    """Return electrons per pixel of the continuum lamp, a bulb of 3100 K with ripples."""
    w = np.asarray(wavelength)
    photons = w**-4 / np.expm1(1.4388e8 / (w * 3100))
    peak = 7800.0**-4 / np.expm1(1.4388e8 / (7800.0 * 3100))
    light = photons / peak * sensitivity(w) * (1 + 0.01 * np.sin(w / 230))
    return np.asarray(FLAT_PEAK * light / 0.93)


@cache
def arc_lines(lamp: str) -> tuple[Floats, Floats]:
    """Return wavelengths in air [Angstrom] and fluxes [electrons] of a lamp's lines.

    ``lamp`` is Ne, Xe or HgCd; the fluxes are those of a nominal exposure.
    """
    text = [line for line in _LINES.read_text().splitlines() if not line.startswith("#")]
    rows = [r for r in csv.DictReader(text) if r["lamp"] == lamp]
    if not rows:
        raise ValueError(f"there is no arc lamp {lamp!r}; known: {', '.join(ARC_EXPTIME)}")
    return (
        np.array([float(r["wavelength"]) for r in rows]),
        np.array([float(r["flux"]) for r in rows]),
    )
