"""Ready-made scenes: a field of stars and galaxies, a standard star, a star cluster."""

import math

import numpy as np

from pipeline.instrument import SAMPLING, Size
from pipeline.simulator.scene import (
    Line,
    Scene,
    Source,
    astrometric_table,
    standard_flux,
    standard_position,
)

_STELLAR = ((4861.3, 0.5), (5172.7, 0.3), (5893.0, 0.4), (6562.8, 0.5), (8542.1, 0.4))
_REST = {"OIII": 5006.84, "Ha": 6562.79, "NII": 6583.45}
"""Emission lines of galaxies, air [Angstrom]."""

LINE_FLUX = {"full": 4e-16, "mini": 4e-15}
"""Typical flux of these lines [erg/s/cm^2]: bright enough for centres to 0.02 Angstrom in
the single galaxy and the 300 s of a mini exposure."""

ZERO_POINT_R = 1.77e-9
"""Flux of a star of R = 0 at 7000 Angstrom [erg/s/cm^2/Angstrom] (Bessell, Castelli & Plez
1998, A&A 333, 231, scaled from 6410 Angstrom)."""

MARGIN = 4.0
"""How far outside the field stars still lend it light [arcsec]; the field may be rotated
and off by its pointing error."""


def place_around(ra: float, dec: float, east: float, north: float) -> tuple[float, float]:
    """Return the position [deg] some arcsec east and north of another."""
    return ra + east / 3600 / math.cos(math.radians(dec)), dec + north / 3600


def object_field(ra: float, dec: float, size: Size, seed: int) -> Scene:
    """Return stars, galaxies with emission lines and a large faint one around a centre.

    Most sources lie side by side in the middle 3 arcsec north to south, so that two
    neighbouring IFUs, or the mini instrument, see several that do not overlap.
    """
    rng = np.random.default_rng([seed, 4711])
    full = size.name == "full"
    wide = size.n_stacks * size.stack_width * 0.2 / 2 - (2.0 if full else 1.6)
    kinds = "gsgsgegsgsg" if full else "sgse"
    sources: list[Source] = []
    for slot, kind in enumerate(kinds):
        east = wide * (2 * (slot + 0.5) / len(kinds) - 1) + rng.uniform(-0.3, 0.3)
        place = place_around(ra, dec, east, rng.uniform(-1.2, 1.2))
        sources.append(draw_source(kind, len(sources), rng, place, size))
    for kind in "ssssgg" if full else "":
        place = place_around(ra, dec, rng.uniform(-wide, wide), _outside(rng, 5.0, wide))
        sources.append(draw_source(kind, len(sources), rng, place, size))
    return Scene(tuple(sources))


def _outside(rng: np.random.Generator, inner: float, outer: float) -> float:
    """Return a number of either sign between two limits."""
    return float(rng.uniform(inner, outer) * rng.choice([-1, 1]))


def draw_source(
    kind: str, number: int, rng: np.random.Generator, place: tuple[float, float], size: Size
) -> Source:
    """Return a star (s), a galaxy (g) or an extended source (e)."""
    if kind == "s":
        return _star(f"star{number + 1}", rng, place)
    if kind == "g":
        return _galaxy(f"galaxy{number + 1}", rng, place, size)
    radius = 2.0 if size.name == "full" else 0.9
    name = f"extended{number + 1}"
    return Source(name, *place, 3e-17, 0.3, radius=radius, axis_ratio=0.6, angle=70.0)


def _star(name: str, rng: np.random.Generator, place: tuple[float, float]) -> Source:
    """Return a star between magnitude 18 and 20."""
    flux = 3.0e-16 * 10 ** (-0.4 * rng.uniform(0, 2.0))
    return Source(name, *place, flux, rng.uniform(-2.5, 1.0), _STELLAR)


def _galaxy(
    name: str, rng: np.random.Generator, place: tuple[float, float], size: Size
) -> Source:
    """Return a disc galaxy with lines that the wavelengths of the instrument contain."""
    spirals = rng.random() < 0.5
    names = ("Ha", "NII") if spirals else ("OIII",)
    target = rng.uniform(size.blue + 150, size.red - 250)
    target = max(target, _REST[names[0]] * 1.005)
    factor = min(target, size.red - 150) / _REST[names[0]]
    strength = LINE_FLUX[size.name] * 10 ** rng.uniform(-0.3, 0.3)
    lines = tuple(
        Line(_REST[line] * factor, strength * share, 1.2)
        for line, share in zip(names, (1.0, 0.3), strict=False)
    )
    return Source(
        name,
        *place,
        4e-17 * rng.uniform(0.5, 1.5),
        rng.uniform(-0.5, 1.5),
        lines=lines,
        radius=rng.uniform(0.3, 0.6),
        axis_ratio=rng.uniform(0.4, 1.0),
        angle=rng.uniform(0, 180),
        rotation=80.0 if spirals else 0.0,
    )


def standard_field(name: str) -> Scene:
    """Return a standard star of the shipped table, alone."""
    ra, dec = standard_position(name)
    flux = float(standard_flux(name, np.array([7000.0]))[0])
    return Scene((Source(name, ra, dec, flux, spectrum=name),))


def sky_field(ra: float, dec: float, seed: int) -> Scene:
    """Return a nearly empty field with one faint star."""
    rng = np.random.default_rng([seed, 1212])
    place = place_around(ra, dec, rng.uniform(-4, 4), rng.uniform(-1, 1))
    return Scene((Source("faint", *place, 1.5e-17),))


def astrometric_field(size: Size) -> Scene:
    """Return the stars of the shipped ASTROMETRY_REFERENCE that light up the field."""
    table, (ra, dec) = astrometric_table()
    half_wide = size.n_stacks * size.stack_width * SAMPLING / 2 + MARGIN
    half_high = size.n_ifus * size.slices_per_stack * SAMPLING / 2 + MARGIN
    east = (table["RA"] - ra) * 3600 * np.cos(np.radians(table["DEC"]))
    north = (table["DEC"] - dec) * 3600
    seen = (np.abs(east) < half_wide) & (np.abs(north) < half_high)
    return Scene(
        tuple(
            Source(
                str(row["SourceID"]),
                float(row["RA"]),
                float(row["DEC"]),
                ZERO_POINT_R * 10 ** (-0.4 * float(row["mag"])),
                -1.0,
                _STELLAR,
            )
            for row in table[seen]
        )
    )
