"""Light of the sky: airglow lines, the continuum of the night, twilight."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LINES = Path(__file__).with_name("sky_lines.csv")

TWILIGHT_PEAK = 18000.0
"""Electrons per pixel of a twilight exposure at its brightest wavelength."""

_FRAUNHOFER = (
    (4861.33, 0.55, 4.0),
    (4891.5, 0.25, 1.5),
    (4920.5, 0.25, 1.0),
    (4957.6, 0.30, 1.2),
    (5167.3, 0.45, 1.5),
    (5172.7, 0.55, 1.5),
    (5183.6, 0.60, 1.8),
    (5270.0, 0.45, 2.0),
    (5328.0, 0.35, 1.5),
    (5405.8, 0.25, 1.0),
    (5528.4, 0.30, 0.8),
    (5711.1, 0.20, 0.7),
    (5889.95, 0.65, 1.2),
    (5895.92, 0.60, 1.0),
    (6122.2, 0.25, 0.8),
    (6162.2, 0.30, 0.8),
    (6495.0, 0.25, 0.8),
    (6562.80, 0.65, 2.0),
    (8498.0, 0.45, 1.8),
    (8542.1, 0.60, 2.5),
    (8662.1, 0.55, 2.2),
)
"""Wavelength in air [Angstrom], depth and sigma [Angstrom] of strong solar lines."""


@cache
def _table() -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return wavelengths, fluxes and groups of the airglow lines."""
    text = [line for line in _LINES.read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(text))
    return (
        np.array([float(r["wavelength"]) for r in rows]),
        np.array([float(r["flux"]) for r in rows]),
        np.array([int(r["group"]) for r in rows]),
    )


def sky_lines(seed: int) -> tuple[Floats, Floats]:
    """Return wavelengths [Angstrom] and fluxes [erg/s/cm^2/arcsec^2] of one moment.

    Each group of lines (upper level of OH, [O I], Na) varies by some 7 percent.
    """
    wavelength, flux, group = _table()
    rng = np.random.default_rng([seed, 5577])
    names, index = np.unique(group, return_inverse=True)
    return wavelength, flux * rng.lognormal(0, 0.07, len(names))[index]


def sky_continuum(wavelength: Floats, seed: int) -> Floats:
    """Return the continuum of a dark night [erg/s/cm^2/Angstrom/arcsec^2].

    About 21.7 mag/arcsec^2 in V, with broad structure as of faint unresolved lines.
    """
    w = np.asarray(wavelength)
    level = 1 + 0.05 * np.random.default_rng([seed, 21]).normal()
    shape = 1 + 0.10 * (w - 5500) / 1000 - 0.012 * ((w - 5500) / 1000) ** 2
    structure = 0.03 * np.sin(w / 140) + 0.02 * np.sin(w / 47 + 1)
    return np.asarray(7.2e-18 * level * (shape + structure))


def twilight(wavelength: Floats) -> Floats:
    """Return the spectrum of the twilight sky in photons, 1 at its maximum.

    Sunlight (5800 K) scattered in the air, with strong Fraunhofer lines.
    """
    w = np.asarray(wavelength)
    photons = w**-4.0 / np.expm1(1.4388e8 / (w * 5800)) * (w / 5500) ** -1.2
    for centre, depth, width in _FRAUNHOFER:
        photons = photons * (1 - depth * np.exp(-0.5 * ((w - centre) / width) ** 2))
    return np.asarray(photons / photons.max())
