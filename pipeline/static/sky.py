"""SKY_LINES and SKY_CONTINUUM: the night sky of Paranal taken apart.

The source gives no flux unit. Its [O I] 5577 line integrates to 226 and its continuum
at 5500 A to 1.06 per Angstrom; in Rayleigh these are the usual green line and a sky of
V = 21.8 mag/arcsec2, so that is how we read it.
"""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import percentile_filter

from pipeline.algorithms.air import vacuum_to_air
from pipeline.static.files import Extension
from pipeline.static.oh_levels import oh_lines

FIRST, LAST = 4600.0, 9450.0
"""Range used [Angstrom, vacuum]."""

RAYLEIGH = 1.986446e-8 * 1e6 / (4 * np.pi) * 2.350443e-11
"""One Rayleigh at wavelength 1 Angstrom [erg/s/cm2/arcsec2]; divide by the wavelength."""

UNIT = 1e-20
"""Flux unit of the products [erg/s/cm2/arcsec2]."""

ATOMIC = (
    ("NI 5197.90", 5197.902, 0),
    ("NI 5200.26", 5200.257, 0),
    ("OI 5577.34", 5577.339, 1),
    ("NaI 5889.95", 5889.951, 2),
    ("NaI 5895.92", 5895.924, 2),
    ("OI 6300.30", 6300.304, 3),
    ("OI 6363.78", 6363.776, 3),
)
"""Forbidden and sodium lines: name, air wavelength [Angstrom] (NIST), group."""

O2_BAND = (8605.0, 8710.0)
"""The atmospheric band O2 b(0-1) [Angstrom, air]."""

O2_GROUP = 10
"""Group of its lines; the groups 4 to 9 are the upper levels of OH."""

WINDOW = 10.0
"""Window of the running percentile that is the continuum [Angstrom] (ours)."""

SPLIT = 0.45
"""Peaks further apart are different lines [Angstrom] (ours)."""

TOLERANCE = 0.35
"""Largest difference between a measured and a predicted line [Angstrom] (ours)."""

FAINTEST = 1.0
"""Fainter lines are left out [Rayleigh]: below 0.5 % of the green line."""


class SkySpectrum(NamedTuple):
    """Vacuum wavelength [Angstrom], flux and continuum [Rayleigh/Angstrom], float64[n]."""

    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    continuum: NDArray[np.float64]


def read_spectrum(path: Path) -> SkySpectrum:
    """Read the Paranal spectrum and separate its continuum from the lines."""
    with fits.open(path) as hdus:
        flux = hdus["FLUX"].data.astype(np.float64)
        wavelength = hdus["WAVELENGTH"].data.astype(np.float64)
    used = (wavelength > FIRST) & (wavelength < LAST)
    wavelength, flux = wavelength[used], flux[used]
    size = int(WINDOW / (wavelength[1] - wavelength[0])) | 1
    return SkySpectrum(wavelength, flux, percentile_filter(flux, 20, size))


def find_lines(sky: SkySpectrum) -> NDArray[np.float64]:
    """Measure the emission lines.

    Returns
    -------
    float64[n, 2]
        Vacuum centroid [Angstrom] and flux [Rayleigh].
    """
    excess = np.clip(sky.flux - sky.continuum, 0, None)
    step = sky.wavelength[1] - sky.wavelength[0]
    middle = excess[1:-1]
    peaks = 1 + np.flatnonzero(
        (middle > excess[:-2]) & (middle >= excess[2:]) & (middle > 1.0)
    )
    groups = np.split(peaks, np.flatnonzero(np.diff(peaks) * step > SPLIT) + 1)
    borders = [0] + [
        a[-1] + int(np.argmin(excess[a[-1] : b[0] + 1])) for a, b in pairwise(groups)
    ]
    lines = []
    for group, low, high in zip(
        groups, borders, [*borders[1:], excess.size - 1], strict=True
    ):
        reach = round(SPLIT / step)
        part = slice(max(low, group[0] - reach), min(high, group[-1] + reach) + 1)
        total = excess[part].sum()
        lines.append(((excess[part] * sky.wavelength[part]).sum() / total, total * step))
    return np.array(lines)


def name_lines(vacuum: NDArray[np.float64]) -> list[tuple[str, int]]:
    """Identify measured lines.

    Returns
    -------
    list
        Name and group of each line: the upper vibrational level of OH, or one of
        `ATOMIC` and `O2_GROUP`. An empty name for those that nothing explains: faint
        ones, and some that repeat from one echelle order of the source to the next.
    """
    air = vacuum_to_air(vacuum)
    names: list[tuple[str, int]] = [("", 0)] * vacuum.size
    best = np.zeros(vacuum.size)
    for line in oh_lines():
        near = np.abs(vacuum - line.vacuum) < TOLERANCE
        for i in np.flatnonzero(near & (best < line.strength)):
            best[i] = line.strength
            names[i] = (line.name, line.upper)
    for i in np.flatnonzero((air > O2_BAND[0]) & (air < O2_BAND[1]) & (best == 0)):
        names[i] = (f"O2 0-1 {air[i]:.2f}", O2_GROUP)
    for name, wavelength, group in ATOMIC:
        names[int(np.argmin(np.abs(air - wavelength)))] = (name, group)
    return names


def sky_lines(sky: SkySpectrum) -> Extension:
    """Build the table of sky lines, grouped by what varies together."""
    vacuum, rayleigh = find_lines(sky).T
    air = vacuum_to_air(vacuum)
    flux = rayleigh * RAYLEIGH / air / UNIT
    named = name_lines(vacuum)
    atomic = {name: wavelength for name, wavelength, _ in ATOMIC}
    rows = [
        (name, group, atomic.get(name, wavelength), strength)
        for (name, group), wavelength, strength, r in zip(
            named, air, flux, rayleigh, strict=True
        )
        if name and (r >= FAINTEST or name in atomic)
    ]
    return Extension(
        "LINES",
        {
            "name": (np.array([row[0] for row in rows]), ""),
            "group": (np.array([row[1] for row in rows], np.int32), ""),
            "lambda": (np.array([row[2] for row in rows], np.float64), "Angstrom"),
            "flux": (
                np.array([row[3] for row in rows], np.float64),
                "10**(-20)*erg/(s cm^2 arcsec^2)",
            ),
            "dq": (np.zeros(len(rows), np.int32), ""),
        },
    )


def sky_continuum(sky: SkySpectrum) -> Extension:
    """Build the continuum at steps of 1.25 Angstrom."""
    air = vacuum_to_air(sky.wavelength)
    grid = np.arange(np.ceil(air[0]), air[-1], 1.25)
    flux = np.interp(grid, air, sky.continuum * RAYLEIGH / air / UNIT)
    return Extension(
        "CONTINUUM",
        {
            "lambda": (grid, "Angstrom"),
            "flux": (flux, "10**(-20)*erg/(s cm^2 arcsec^2 Angstrom)"),
        },
    )
