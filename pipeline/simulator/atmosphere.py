"""The atmosphere: extinction, molecular absorption, refraction, seeing."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.simulator.exposure import Exposure

Floats = NDArray[np.float64]

REFERENCE = 7000.0
"""Wavelength at which refraction is zero [Angstrom], as in the genuine pipeline."""

SCALE_HEIGHT = 0.001254
"""Height of the atmosphere at 0 C over the radius of the Earth (Stone 1996, PASP 108,
1051)."""

_BANDS = (
    ("O2", 6277.0, 6315.0, 0.955),
    ("H2O", 6470.0, 6590.0, 0.987),
    ("O2", 6867.0, 6950.0, 0.713),
    ("H2O", 6960.0, 7060.0, 0.984),
    ("H2O", 7160.0, 7390.0, 0.899),
    ("O2", 7593.5, 7700.0, 0.301),
    ("H2O", 7885.0, 8050.0, 0.986),
    ("H2O", 8090.0, 8390.0, 0.826),
    ("H2O", 8920.0, 9600.0, 0.318),
)
"""Molecule, first and last wavelength [Angstrom], deepest transmission at the resolution
of MUSE, airmass 1 and 3.5 mm of water (from ESO's SkyCalc model)."""


def extinction(wavelength: Floats) -> Floats:
    """Return the extinction of the simulated nights [mag/airmass].

    Rayleigh scattering, aerosol and ozone: near Paranal's table, but not that table.
    """
    w = np.asarray(wavelength)
    rayleigh, aerosol = 0.0855 * (5500 / w) ** 4.05, 0.030 * (5500 / w) ** 0.9
    ozone = 0.030 * np.exp(-0.5 * ((w - 5950) / 520) ** 2)
    return np.asarray(rayleigh + aerosol + ozone - 0.008)


@cache
def _depths(first: float, last: float, step: float) -> tuple[Floats, Floats]:
    """Return optical depths of oxygen and water on a regular grid, for airmass 1."""
    grid = np.arange(first, last, step)
    oxygen, water = np.zeros_like(grid), np.zeros_like(grid)
    for number, (molecule, start, stop, deepest) in enumerate(_BANDS):
        rng = np.random.default_rng([number, 3])
        near = (grid > start - 12) & (grid < stop + 12)
        if near.sum() < 10:
            continue
        places, weights = (_oxygen if molecule == "O2" else _water)(start, stop, rng)
        profile = np.zeros(int(near.sum()))
        for place, weight in zip(places, weights, strict=True):
            profile += weight / (1 + ((grid[near] - place) / 0.11) ** 2)
        depth = profile * _scale_to(profile, deepest, step)
        (oxygen if molecule == "O2" else water)[near] += depth
    return oxygen, water


def _oxygen(start: float, stop: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return lines of a band: a crowded R branch at the head, then pairs of a P branch."""
    span = stop - start
    j = np.arange(1, 18)
    r_branch = start + 0.30 * span * (1 - j / 17) ** 2
    p_branch = start + 0.33 * span + 0.030 * span * j + 0.0006 * span * j**2
    boltzmann = (2 * j + 1) * np.exp(-j * (j + 1) / 90)
    places = np.concatenate([r_branch, p_branch, p_branch + 0.017 * span])
    weights = np.concatenate([boltzmann, boltzmann, boltzmann])
    return places, weights * rng.lognormal(0, 0.05, len(weights))


def _water(start: float, stop: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return lines of a band: many, of very different strength, stronger inside."""
    n = int((stop - start) / 2.2)
    places = rng.uniform(start, stop, n)
    inside = np.exp(-0.5 * ((places - (start + stop) / 2) / (0.28 * (stop - start))) ** 2)
    return places, inside * rng.lognormal(0, 1.2, n)


def _scale_to(profile: Floats, deepest: float, step: float) -> float:
    """Return the factor that makes the smoothed transmission as deep as observed."""
    half = round(4 / step)
    taps = np.exp(-0.5 * (np.arange(-half, half + 1) * step / 1.1) ** 2)
    taps /= taps.sum()
    low, high = 0.0, 1.0
    smooth = np.convolve(np.exp(-high * profile), taps, "same")[half:-half].min()
    while smooth > deepest:
        high *= 2
        smooth = np.convolve(np.exp(-high * profile), taps, "same")[half:-half].min()
    for _ in range(30):
        middle = (low + high) / 2
        smooth = np.convolve(np.exp(-middle * profile), taps, "same")[half:-half].min()
        low, high = (middle, high) if smooth > deepest else (low, middle)
    return (low + high) / 2


def molecular_transmission(wavelength: Floats, airmass: float, water_mm: float) -> Floats:
    """Return the transmission through oxygen and water on a regular grid [Angstrom]."""
    step = float(wavelength[1] - wavelength[0])
    oxygen, water = _depths(float(wavelength[0]), float(wavelength[-1]) + step / 2, step)
    return np.asarray(np.exp(-(airmass**0.9) * (oxygen + water * water_mm / 3.5)))


def transmission(exposure: Exposure, wavelength: Floats) -> Floats:
    """Return the transmission above the telescope, clouds included."""
    airmass = exposure.airmass(exposure.exptime / 2)
    faded = 10 ** (-0.4 * airmass * extinction(wavelength)) * exposure.conditions.clouds
    molecules = molecular_transmission(wavelength, airmass, exposure.conditions.water)
    return np.asarray(faded * molecules)


def refractivity(wavelength: Floats, exposure: Exposure) -> Floats:
    """Return n - 1 of the air at the telescope (Filippenko 1982)."""
    c = exposure.conditions
    s2 = (1e4 / np.asarray(wavelength)) ** 2
    pressure = c.pressure * 0.750061683
    saturation = 6.1121 * math.exp(
        (18.678 - c.temperature / 234.5) * c.temperature / (257.14 + c.temperature)
    )
    vapour = c.humidity / 100 * saturation * 0.750061683
    warm = 1 + 0.003661 * c.temperature
    dry = 64.328 + 29498.1 / (146 - s2) + 255.4 / (41 - s2)
    dry *= pressure * (1 + (1.049 - 0.0157 * c.temperature) * 1e-6 * pressure)
    return np.asarray(
        (dry / (720.883 * warm) - vapour * (0.0624 - 0.000680 * s2) / warm) * 1e-6
    )


def refraction(exposure: Exposure, wavelength: Floats) -> tuple[Floats, Floats]:
    """Return the displacement x, y [pix] of an image in the field at some wavelengths.

    Blue light is lifted towards the zenith, through an atmosphere that is curved: the two
    terms in the tangent of the zenith distance of Smart (Spherical Astronomy, 35).
    """
    middle = exposure.exptime / 2
    slope = math.tan(math.pi / 2 - exposure.altitude(middle))
    ratio = SCALE_HEIGHT * (273.15 + exposure.conditions.temperature) / 273.15
    index = refractivity(wavelength, exposure)
    index = index - refractivity(np.array([REFERENCE]), exposure)
    radians = index * (slope * (1 - ratio) - slope**3 * ratio)
    lift = np.degrees(radians) * 3600 / 0.2
    angle = exposure.parallactic_angle(middle) + math.radians(exposure.position_angle)
    return -math.sin(angle) * lift, math.cos(angle) * lift


def seeing(exposure: Exposure, wavelength: Floats) -> Floats:
    """Return the FWHM of a star [arcsec], telescope and instrument included."""
    airmass = exposure.airmass(exposure.exptime / 2)
    blurred = (
        exposure.conditions.seeing * airmass**0.6 * (np.asarray(wavelength) / 5000) ** -0.2
    )
    return np.asarray(np.hypot(blurred, 0.25))
