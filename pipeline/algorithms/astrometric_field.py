"""An astrometric field: its image, its stars, and which of the catalogue they are."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.astrometry import Matrix, plane_from_sky
from pipeline.algorithms.centroids import Centroid, Stars, measure_centroids
from pipeline.algorithms.identification import identify
from pipeline.algorithms.plate_solution import PlateSolution, solve_plate
from pipeline.algorithms.pointing import number, position_angle, spaxel
from pipeline.algorithms.standard_stars import nearest_table
from pipeline.spec import BadInput, Header, TableFrame

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

COLUMNS = ("SourceID", "RA", "DEC", "filter", "mag")
"""Columns of an ASTROMETRY_REFERENCE (manual, A.2.3)."""

POINTING_ERRORS = (5.0, 20.0)
"""Stars of the catalogue so far outside the field may be in it [arcsec]: usually, and if
nothing is recognised so."""

FINEST, STEP = 1.0, 0.1
"""Lowest detection limit that is tried, and the step to it [sigma] (manual, 9.11)."""

SCALE_ERROR = 0.1
"""Solutions whose scale is further from nominal, relatively, are wrong (genuine
pipeline)."""


@dataclass(frozen=True)
class Search:
    """How stars are found, identified and fitted.

    Parameters
    ----------
    method
        Of the centres.
    radius
        How near to its place a star of the catalogue must be [pix].
    accuracy
        If positive, triangles are compared, of places known to so many times their mean
        error.
    n_iterations, kappa
        Of the fit and its rejection.
    reference
        Centre of rotation of the instrument, from the middle of the field [pix].
    """

    method: Centroid
    radius: float
    accuracy: float
    n_iterations: int
    kappa: float
    reference: tuple[float, float]


@dataclass(frozen=True)
class Reference:
    """Stars of known position, the brightest first: float64[n] each, [deg]."""

    ra: Floats
    dec: Floats


@dataclass(frozen=True)
class FieldSolution:
    """Stars, who is who among them, and the solution they give.

    Parameters
    ----------
    sigma
        Limit of detection.
    stars
        Detected.
    ra, dec : float64[n]
        Positions of those identified [deg], NaN for the others.
    plate
        The solution.
    accuracy
        Of the places compared [pix], 0 with quadruples.
    """

    sigma: float
    stars: Stars
    ra: Floats
    dec: Floats
    plate: PlateSolution
    accuracy: float

    @property
    def n_identified(self) -> int:
        """Number of stars identified."""
        return int(np.isfinite(self.ra).sum())


def reference_stars(frames: Sequence[TableFrame], header: Header) -> Reference:
    """Return the stars of the tabulated field that was observed.

    Raises
    ------
    BadInput
        If no field is near, or the table has other columns.
    """
    name, table, frame = nearest_table(frames, header, "field")
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise BadInput(
            f"extension {name} has no column {missing[0]}",
            file=frame.name,
            keyword="TTYPE1",
            remedy=f"give a table with the columns {', '.join(COLUMNS)}",
        )
    order = np.argsort(np.asarray(table.columns["mag"], np.float64), kind="stable")
    ra, dec = (np.asarray(table.columns[c], np.float64)[order] for c in ("RA", "DEC"))
    return Reference(ra, dec)


def solve_field(
    image: Floats,
    stat: Floats,
    header: Header,
    reference: Reference,
    sigma: float,
    search: Search,
) -> FieldSolution:
    """Return the astrometric solution of the image of a field.

    Parameters
    ----------
    image, stat : float64[ny, nx]
        The image and its variance.
    header
        Of the exposure.
    reference
        Stars of known position.
    sigma
        Limit of detection; if negative, the limits from its absolute value down to
        `FINEST` are tried and the best solution is taken.
    search
        How.

    Raises
    ------
    BadInput
        If the stars cannot be identified.
    """
    limits = [sigma] if sigma > 0 else tried_limits(-sigma)
    found = [_solve(image, stat, header, reference, limit, search) for limit in limits]
    solutions = [s for s in found if s is not None]
    if sigma < 0:
        nominal = spaxel(header)
        solutions = [
            s
            for s in solutions
            if max(abs(x / nominal - 1.0) for x in s.plate.scales) < SCALE_ERROR
        ]
    if not solutions:
        raise BadInput(
            "the stars of the field cannot be identified in the catalogue",
            file=str(header.get("ARCFILE", "")),
            keyword="RA",
            remedy="try a lower --detsigma, a larger --radius, or --detsigma=-3 to try "
            "several; check that the table holds the field that was observed",
        )
    least = np.min([s.plate.residual for s in solutions], axis=0)

    def merit(solution: FieldSolution) -> float:
        """Return the merit of the genuine pipeline."""
        error = np.maximum(solution.plate.residual, 1e-12)
        return solution.n_identified * float(np.prod(least / error))

    return max(solutions, key=merit)


def tried_limits(first: float) -> list[float]:
    """Return the limits of detection to try, from the first down to `FINEST`."""
    n = int(np.floor((first - FINEST) / STEP + 1e-6))
    return [round(first - k * STEP, 6) for k in range(n + 1)] if n >= 0 else [first]


def _solve(
    image: Floats,
    stat: Floats,
    header: Header,
    reference: Reference,
    sigma: float,
    search: Search,
) -> FieldSolution | None:
    """Return the solution at one limit of detection, None if there is none."""
    stars = measure_centroids(image, stat, sigma, search.method)
    if len(stars.x) < 3:
        return None
    tangent = number(header, "RA"), number(header, "DEC")
    known = _expected(reference, header, tangent)
    error = float(np.hypot(stars.x_error.mean(), stars.y_error.mean()))
    places = np.stack([stars.x, stars.y], axis=1)
    accuracy = search.accuracy * error
    for off in POINTING_ERRORS:
        reach = 0.5 * np.array(image.shape[::-1]) + off / spaxel(header)
        near = np.flatnonzero((np.abs(known) < reach).all(axis=1))
        pairs = identify(places, known[near], search.radius, accuracy)
        if pairs is not None:
            break
    else:
        log.info("no stars identified at %.1f sigma, of %d found", sigma, len(stars.x))
        return None
    ra, dec = np.full((2, len(places)), np.nan)
    ra[pairs.detected] = reference.ra[near[pairs.known]]
    dec[pairs.detected] = reference.dec[near[pairs.known]]
    known_too = np.isfinite(ra)
    plate = solve_plate(
        places[known_too],
        ra[known_too],
        dec[known_too],
        tangent,
        search.reference,
        search.n_iterations,
        search.kappa,
    )
    if plate is None:
        return None
    return FieldSolution(sigma, stars, ra, dec, plate, accuracy)


def _expected(reference: Reference, header: Header, tangent: tuple[float, float]) -> Floats:
    """Return expected places, from the middle of the field, float64[n, 2] [pix]."""
    east, north = plane_from_sky(reference.ra, reference.dec, tangent)
    angle = np.radians(position_angle(header))
    s, c = np.sin(angle), np.cos(angle)
    x, y = -c * east - s * north, -s * east + c * north
    return np.stack([x, y], axis=1) * 3600.0 / spaxel(header)


def at_rest(cd: Matrix, header: Header) -> Matrix:
    """Return the CD matrix that an exposure at position angle 0 would have given.

    Whoever applies a solution turns it by the position angle of his own exposure.
    """
    angle = np.radians(-position_angle(header))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(turn @ cd)
