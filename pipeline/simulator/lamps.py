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


def blocking_filter(wavelength: Floats, mode: str) -> Floats:
    """Return the transmission of the filter that blocks blue light in nominal mode."""
    w = np.asarray(wavelength)
    if mode.endswith("E"):
        return np.ones_like(w)
    return np.asarray(0.10 + 0.90 / (1 + np.exp(-(w - 4665) / 22)))


def sensitivity(wavelength: Floats, mode: str) -> Floats:
    """Return the relative efficiency of grating, filter and detector, some 1 at best.

    ``mode`` is INS MODE.
    """
    w = np.asarray(wavelength)
    ripples = 1 + 0.01 * np.sin(w / 170) + 0.007 * np.sin(w / 61 + 1)
    grating = np.exp(-0.5 * ((w - 6950) / 2050) ** 2)
    return np.asarray(grating * ripples * blocking_filter(w, mode))


def flat_spectrum(wavelength: Floats, mode: str) -> Floats:
    """Return electrons per pixel of the continuum lamp, a bulb of 3100 K."""
    w = np.asarray(wavelength)
    photons = w**-4 / np.expm1(1.4388e8 / (w * 3100))
    peak = 7800.0**-4 / np.expm1(1.4388e8 / (7800.0 * 3100))
    light = photons / peak * sensitivity(w, mode) * (1 + 0.01 * np.sin(w / 230))
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
