"""The stars in a standard field and the tabulated spectrum that belongs to one."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.astrometry import apply, default_solution, field_to_plane
from pipeline.algorithms.dar import WAVELENGTHS, Refraction
from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.pointing import number
from pipeline.algorithms.sources import find_sources
from pipeline.algorithms.star import StarPixels, StarSpectrum, measure_star, near_star
from pipeline.algorithms.star_profiles import REACH, ProfileKind
from pipeline.spec import BadInput, Header, Table, TableFrame

log = logging.getLogger(__name__)

Selection = Literal["flux", "distance"]

DOUBTFUL, TOO_FAR = 20.0, 60.0
"""Distance of the tabulated star from the pointing that is reported, and that is refused
[arcsec] (genuine pipeline)."""


@dataclass(frozen=True)
class FieldStar:
    """A star: position in the image (1-based) [pix] and on the sky [deg], spectrum."""

    x: float
    y: float
    ra: float
    dec: float
    spectrum: StarSpectrum

    @property
    def total(self) -> float:
        """Sum of its spectrum [count]."""
        return float(np.nansum(self.spectrum.flux))


def distance(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    """Return the angle between two positions given in degrees [arcsec] (haversine)."""
    a1, d1, a2, d2 = np.radians([ra1, dec1, ra2, dec2])
    h = np.sin((d2 - d1) / 2) ** 2 + np.cos(d1) * np.cos(d2) * np.sin((a2 - a1) / 2) ** 2
    return float(np.degrees(2 * np.arcsin(np.sqrt(h))) * 3600)


def nearest_table(
    frames: Sequence[TableFrame], header: Header, what: str
) -> tuple[str, Table, TableFrame]:
    """Return name, table and file of the extension nearest to an exposure.

    Parameters
    ----------
    frames
        Tables, with RA and DEC [deg] in the header of each extension.
    header
        Of the exposure.
    what
        What an extension is of, for messages.

    Raises
    ------
    BadInput
        If none is near.
    """
    here = number(header, "RA"), number(header, "DEC")
    known = [(name, frame.read(name), frame) for frame in frames for name in frame.names]
    away = [
        distance(*here, number(table.header, "RA"), number(table.header, "DEC"))
        for _, table, _ in known
    ]
    nearest = int(np.argmin(away))
    name, table, frame = known[nearest]
    if away[nearest] > TOO_FAR:
        raise BadInput(
            f"the nearest {what}, {name}, is {away[nearest]:.0f} arcsec from the pointing",
            file=frame.name,
            keyword="RA",
            remedy=f"give a {frame.tag} that contains the {what} that was observed",
        )
    if away[nearest] > DOUBTFUL:
        log.warning("%s is %.0f arcsec from the pointing", name, away[nearest])
    return name, table, frame


def reference_spectrum(frames: Sequence[TableFrame], header: Header) -> tuple[str, Table]:
    """Return name and spectrum of the tabulated star nearest to an exposure.

    Raises
    ------
    BadInput
        If no star is near, or its units are unknown.
    """
    name, table, frame = nearest_table(frames, header, "star")
    flux_units = ("erg/s/cm**2/Angstrom", "erg/s/cm^2/Angstrom")
    if table.units.get("lambda") != "Angstrom" or table.units.get("flux") not in flux_units:
        raise BadInput(
            f"extension {name} has columns in unknown units {dict(table.units)}",
            file=frame.name,
            keyword="TUNIT2",
            remedy="give wavelengths in Angstrom and fluxes in erg/s/cm**2/Angstrom",
        )
    return name, table


def measure_stars(
    field: FieldExposure, kind: ProfileKind, image: NDArray[np.float32] | None = None
) -> list[FieldStar]:
    """Find the stars in an exposure and measure their spectra.

    Parameters
    ----------
    field
        The exposure.
    kind
        How the light of a star is added up.
    image : float32[ny, nx]
        Where to look, on the grid of the field; made where none is given.

    Raises
    ------
    BadInput
        If there are none.
    """
    found = find_sources(field.image() if image is None else image)
    x0, y0 = field.grid.corner
    guesses = [(source.x - 1 + x0, source.y - 1 + y0) for source in found]
    stars = []
    grid = field.grid
    for x, y in guesses:
        others = [place for place in guesses if place != (x, y)]
        pixels = _around(field, x, y, others)
        try:
            spectrum = measure_star(pixels, grid.first, grid.step, grid.shape[0], kind)
        except BadInput:
            log.warning("the source at %.1f, %.1f pix is no star", x - x0 + 1, y - y0 + 1)
            continue
        middle = spectrum.centre[len(spectrum.centre) // 2]
        x, y = x + float(middle[0]), y + float(middle[1])
        stars.append(FieldStar(x - x0 + 1, y - y0 + 1, *_sky(field, x, y), spectrum))
    if not stars:
        raise BadInput(
            "no star is seen",
            file=field.pixels.name,
            keyword="RA",
            remedy="leave this exposure out: the star missed the field or was too faint",
        )
    return stars


def select_star(stars: Sequence[FieldStar], how: Selection, ra: float, dec: float) -> int:
    """Return the index of the brightest star, or of that nearest to a position [deg]."""
    if how == "flux":
        return int(np.argmax([star.total for star in stars]))
    return int(np.argmin([distance(star.ra, star.dec, ra, dec) for star in stars]))


def _around(
    field: FieldExposure, x: float, y: float, others: Sequence[tuple[float, float]]
) -> list[StarPixels]:
    """Return the pixels around a position and away from others [pix], slice by slice."""
    parts = list(field.near(x, y, REACH, lambda pixels: near_star(pixels, x, y, others)))
    if not parts:
        raise BadInput(
            f"no slice comes near {x:.1f}, {y:.1f} pix",
            file=field.pixels.name,
            remedy="check the geometry table",
        )
    return parts


def _sky(field: FieldExposure, x: float, y: float) -> tuple[float, float]:
    """Return RA and DEC [deg] of field coordinates [pix] by the nominal astrometry."""
    header = field.pixels.header
    ra, dec = number(header, "RA"), number(header, "DEC")
    extent = field.extent
    middle = (sum(extent.x) / 2, sum(extent.y) / 2)
    matrix, _ = field_to_plane(header, default_solution(header), middle)
    east, north = (float(a[0]) for a in apply(matrix, np.array([x]), np.array([y])))
    return ra + east / 3600 / float(np.cos(np.radians(dec))), dec + north / 3600


def residual_refraction(star: FieldStar, reference: float) -> Refraction:
    """Return the correction that holds a star where it is at a reference wavelength [A].

    For the method ``correct`` of ``darcheck``: what refraction the theory left over.
    """
    bands, centre = star.spectrum.bands, star.spectrum.centre
    shifts = [
        np.interp(reference, bands, centre[:, i])
        - np.interp(WAVELENGTHS, bands, centre[:, i])
        for i in (0, 1)
    ]
    return Refraction(shifts[0], shifts[1])


def largest_drift(star: FieldStar, reference: float) -> float:
    """Return how far a star drifts from where it is at a reference wavelength [pix]."""
    bands, centre = star.spectrum.bands, star.spectrum.centre
    dx, dy = (centre[:, i] - np.interp(reference, bands, centre[:, i]) for i in (0, 1))
    return float(np.hypot(dx, dy).max())


def flux_image(
    stars: Sequence[FieldStar],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the spectra of all stars and their variances, float32[n_stars, n_bins]."""
    data = np.array([star.spectrum.flux for star in stars], np.float32)
    stat = np.array([star.spectrum.variance for star in stars], np.float32)
    return data, stat
