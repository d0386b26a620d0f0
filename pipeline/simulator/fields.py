"""Ready-made scenes: a field of stars and galaxies, a standard star, a crowded field."""

import math

import numpy as np

from pipeline.instrument import Size
from pipeline.simulator.scene import (
    Line,
    Scene,
    Source,
    standard_flux,
    standard_position,
)

_STELLAR = ((4861.3, 0.5), (5172.7, 0.3), (5893.0, 0.4), (6562.8, 0.5), (8542.1, 0.4))
_REST = {"OIII": 5006.84, "Ha": 6562.79, "NII": 6583.45, "SII": 6716.44}
"""Emission lines of galaxies, air [Angstrom]."""


def _around(ra: float, dec: float, east: float, north: float) -> tuple[float, float]:
    """Return the position [deg] some arcsec east and north of another."""
    return ra + east / 3600 / math.cos(math.radians(dec)), dec + north / 3600


def object_field(ra: float, dec: float, size: Size, seed: int) -> Scene:
    """Return stars, galaxies with emission lines and a large faint one around a centre.

    Half of the sources lie in the middle 4 arcsec north to south, so that a subset of
    two neighbouring IFUs, or the mini instrument, sees several of them.
    """
    rng = np.random.default_rng([seed, 4711])
    wide = size.n_stacks * size.stack_width * 0.2 / 2 - 2.0
    n_stars, n_galaxies = (8, 6) if size.name == "full" else (3, 2)
    sources = [_star(rng, k, ra, dec, wide) for k in range(n_stars)]
    sources += [_galaxy(rng, k, ra, dec, wide, size) for k in range(n_galaxies)]
    place = _around(ra, dec, -0.25 * wide, 0.6)
    sources.append(
        Source("extended", *place, 2.2e-17, 0.3, radius=3.0, axis_ratio=0.6, angle=70.0)
    )
    return Scene(tuple(sources))


def _position(
    rng: np.random.Generator, k: int, ra: float, dec: float, wide: float
) -> tuple[float, float]:
    """Return a place in the strip (even numbers, spread evenly) or in the whole field."""
    if k % 2 == 0:
        east = wide * (((k * 0.618 + 0.31) % 1) * 2 - 1)
        return _around(ra, dec, east, rng.uniform(-1.3, 1.3))
    half = wide if wide > 20 else 2.0
    return _around(ra, dec, rng.uniform(-wide, wide), rng.uniform(-half, half))


def _star(rng: np.random.Generator, k: int, ra: float, dec: float, wide: float) -> Source:
    flux = 3.0e-16 * 10 ** (-0.4 * rng.uniform(0, 2.0)) * (1.5 if k == 0 else 1.0)
    place = _position(rng, k, ra, dec, wide)
    return Source(f"star{k + 1}", *place, flux, rng.uniform(-2.5, 1.0), _STELLAR)


def _galaxy(
    rng: np.random.Generator, k: int, ra: float, dec: float, wide: float, size: Size
) -> Source:
    """Return a disc galaxy with lines that the wavelengths of the instrument contain."""
    place = _position(rng, 2 * k, ra, dec, wide)
    names = ("Ha", "NII") if k % 2 == 0 else ("OIII",)
    target = rng.uniform(size.blue + 150, size.red - 250)
    target = max(target, _REST[names[0]] * 1.005)
    factor = min(target, size.red - 150) / _REST[names[0]]
    strength = 4e-16 * 10 ** rng.uniform(-0.3, 0.3)
    lines = tuple(
        Line(_REST[name] * factor, strength * share, 1.2)
        for name, share in zip(names, (1.0, 0.3), strict=False)
    )
    return Source(
        f"galaxy{k + 1}",
        *place,
        4e-17 * rng.uniform(0.5, 1.5),
        rng.uniform(-0.5, 1.5),
        lines=lines,
        radius=rng.uniform(0.4, 0.8),
        axis_ratio=rng.uniform(0.4, 1.0),
        angle=rng.uniform(0, 180),
        rotation=80.0 if k % 2 == 0 else 0.0,
    )


def standard_field(name: str) -> Scene:
    """Return a standard star of the shipped table, alone."""
    ra, dec = standard_position(name)
    flux = float(standard_flux(name, np.array([7000.0]))[0])
    return Scene((Source(name, ra, dec, flux, spectrum=name),))


def sky_field(ra: float, dec: float, seed: int) -> Scene:
    """Return a nearly empty field with one faint star."""
    rng = np.random.default_rng([seed, 1212])
    place = _around(ra, dec, rng.uniform(-4, 4), rng.uniform(-1, 1))
    return Scene((Source("faint", *place, 1.5e-17),))


def crowded_field(ra: float, dec: float, size: Size, seed: int, n: int = 60) -> Scene:
    """Return a field of many stars, for astrometry."""
    rng = np.random.default_rng([seed, 47])
    wide = size.n_stacks * size.stack_width * 0.2 / 2
    high = size.n_ifus * size.slices_per_stack * 0.2 / 2
    if size.name == "mini":
        n = 8
    stars = []
    for k in range(n):
        place = _around(ra, dec, rng.uniform(-wide, wide), rng.uniform(-high, high))
        flux = 8e-16 * 10 ** (-0.4 * rng.uniform(0, 3))
        stars.append(Source(f"star{k + 1}", *place, flux, -1.0, _STELLAR))
    return Scene(tuple(stars))
