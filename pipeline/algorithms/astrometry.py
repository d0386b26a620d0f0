"""From the field of view to the tangent plane of the sky.

Tangent-plane coordinates are in arcsec, x to the east and y to the north. All maps are
projective 3 x 3 matrices, which multiply to one (see `pipeline.kernels.project`).
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.pointing import position_angle, spaxel
from pipeline.spec import BadInput, Header

Matrix = NDArray[np.float64]

_ARCSEC = 3600.0 * 180.0 / np.pi


def default_solution(header: Header) -> Header:
    """Return an astrometric solution without corrections, of the mode's sampling."""
    scale = spaxel(header) / 3600.0
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRPIX1": 0.0,
        "CRPIX2": 0.0,
        "CD1_1": -scale,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": scale,
    }


def cd_matrix(header: Header) -> Matrix:
    """Return the CD matrix of a header, float64[2, 2] [deg/pix].

    Raises
    ------
    BadInput
        If it is missing or singular.
    """
    keys = (("CD1_1", "CD1_2"), ("CD2_1", "CD2_2"))
    matrix = np.array([[float(header.get(k, 0.0)) for k in row] for row in keys])
    if np.linalg.det(matrix) == 0.0:
        raise BadInput(
            "no usable coordinate system",
            keyword="CD1_1",
            remedy="give a file with CDi_j keywords of the tangent plane",
        )
    return matrix


def scales(matrix: Matrix) -> tuple[float, float]:
    """Return the scales of a CD matrix as the genuine pipeline defines them."""
    cd = matrix.copy()
    if np.linalg.det(cd) < 0.0:
        cd[0] *= -1.0
    if cd[0, 1] == 0.0 and cd[1, 0] == 0.0:
        return float(cd[0, 0]), float(cd[1, 1])
    return float(np.hypot(*cd[0])), float(np.hypot(*cd[1]))


def exposure_cd(header: Header, solution: Header) -> Matrix:
    """Return the CD matrix of an exposure, float64[2, 2] [deg/pix].

    The solution holds the inverse of the residual rotation and shear; the position angle
    of the exposure turns the result (genuine pipeline).
    """
    cd = cd_matrix(solution)
    scale = np.array(scales(cd))
    corrected = scale[:, None] * np.linalg.inv(cd / scale[:, None])
    angle = np.radians(position_angle(header))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(turn @ corrected)


def field_to_plane(
    header: Header, solution: Header, middle: tuple[float, float]
) -> tuple[Matrix, dict[str, float]]:
    """Return the map from field coordinates [pix] to the tangent plane [arcsec].

    Parameters
    ----------
    header
        Of the exposure.
    solution
        Header of the astrometric solution; its CRPIX is an offset from the middle.
    middle
        Middle of the extents of the loaded pixels, before refraction [pix].

    Returns
    -------
    matrix : float64[3, 3]
        The map.
    wcs
        Its CRPIXi [pix] and CDi_j [deg/pix].
    """
    cd = exposure_cd(header, solution)
    x0 = middle[0] + float(solution.get("CRPIX1", 0.0))
    y0 = middle[1] + float(solution.get("CRPIX2", 0.0))
    matrix = np.eye(3)
    matrix[:2, :2] = cd * 3600.0
    matrix[:2, 2] = -matrix[:2, :2] @ (x0, y0)
    wcs = {"CRPIX1": x0, "CRPIX2": y0}
    wcs |= {f"CD{i + 1}_{j + 1}": float(cd[i, j]) for i in (0, 1) for j in (0, 1)}
    return matrix, wcs


def change_of_tangent(here: tuple[float, float], there: tuple[float, float]) -> Matrix:
    """Return the map between tangent planes [arcsec] that touch at two positions [deg].

    The map is exact: both planes are central projections of the sphere.
    """
    turn = _axes(*there) @ _axes(*here).T
    unit = np.diag([1.0, 1.0, _ARCSEC])
    return np.asarray(np.linalg.inv(unit) @ turn @ unit)


def _axes(ra: float, dec: float) -> Matrix:
    """Return the unit vectors to the east, to the north and to the position [deg]."""
    a, d = np.radians(ra), np.radians(dec)
    return np.array(
        [
            [-np.sin(a), np.cos(a), 0.0],
            [-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)],
            [np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)],
        ]
    )


def plane_from_sky(
    ra: Matrix, dec: Matrix, tangent: tuple[float, float]
) -> tuple[Matrix, Matrix]:
    """Return the gnomonic projection of positions, float64[n] each, all [deg]."""
    a, d = np.radians(ra - tangent[0]), np.radians(dec)
    s, c = np.sin(np.radians(tangent[1])), np.cos(np.radians(tangent[1]))
    below = s * np.sin(d) + c * np.cos(d) * np.cos(a)
    east = np.cos(d) * np.sin(a) / below
    north = (c * np.sin(d) - s * np.cos(d) * np.cos(a)) / below
    return np.degrees(east), np.degrees(north)


def sky_from_plane(
    east: float, north: float, tangent: tuple[float, float]
) -> tuple[float, float]:
    """Return RA and DEC of a place in the plane that touches at a position, all [deg]."""
    x, y = np.radians([east, north])
    ra, dec = np.radians(tangent)
    forward = np.cos(dec) - y * np.sin(dec)
    up = np.sin(dec) + y * np.cos(dec)
    right_ascension = np.degrees(ra + np.arctan2(x, forward)) % 360.0
    return float(right_ascension), float(np.degrees(np.arctan2(up, np.hypot(x, forward))))


def apply(matrix: Matrix, x: Matrix, y: Matrix) -> tuple[Matrix, Matrix]:
    """Map points, float64[n] each."""
    u, v, w = matrix @ np.stack([x, y, np.ones_like(x)])
    return u / w, v / w
