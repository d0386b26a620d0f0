"""Projective geometry of the field: from field or native coordinates to the grid.

Gnomonic projections of one sphere onto two planes differ by a projective map, so pixel
scale, rotation, a change of the tangent point and the grid's own scale are one 3 x 3
matrix.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

_ANGLES = np.arctan(np.arange(9) / 8.0)
"""Angles whose tangents are multiples of 1/8 [rad]."""


@kernel
def project(
    x: NDArray[np.float32], y: NDArray[np.float32], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Map points by a projective matrix.

    Parameters
    ----------
    x, y : float32[n]
        Coordinates in the units that ``matrix`` expects.
    matrix : float64[3, 3]
        Acts on ``(x, y, 1)``; the result is divided by its third component.

    Returns
    -------
    u, v : float32[n]
        Mapped coordinates.
    """
    u = np.empty(x.shape[0], np.float32)
    v = np.empty(x.shape[0], np.float32)
    for i in range(x.shape[0]):
        a, b = float(x[i]), float(y[i])
        w = matrix[2, 0] * a + matrix[2, 1] * b + matrix[2, 2]
        u[i] = (matrix[0, 0] * a + matrix[0, 1] * b + matrix[0, 2]) / w
        v[i] = (matrix[1, 0] * a + matrix[1, 1] * b + matrix[1, 2]) / w
    return u, v


@kernel
def linear_planes(
    wavelength: NDArray[np.floating], stretch: float, first: float, step: float
) -> NDArray[np.float32]:
    """Return the planes of wavelengths on a linear axis.

    Parameters
    ----------
    wavelength : float32[n] or float64[n]
        [Angstrom].
    stretch : float
        Factor of the wavelengths.
    first, step : float
        Wavelength of plane 0 and step between planes [Angstrom].

    Returns
    -------
    float32[n]
        Planes with fractions.
    """
    planes = np.empty(wavelength.shape[0], np.float32)
    for i in range(wavelength.shape[0]):
        planes[i] = (np.float64(wavelength[i]) * stretch - first) / step
    return planes


@kernel
def plane_from_native(
    phi: NDArray[np.float32], depth: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return tangent-plane coordinates of native spherical ones.

    Parameters
    ----------
    phi, depth : float32[n]
        Native longitude and native latitude minus 90 degrees [rad] (Calabretta &
        Greisen 2002, as pixel tables keep them).

    Returns
    -------
    x, y : float32[n]
        Tangent-plane coordinates [arcsec]; float32 keeps 1e-5 arcsec of a field.
    """
    x = np.empty(phi.shape[0], np.float32)
    y = np.empty(phi.shape[0], np.float32)
    arcsec = 3600.0 * 180.0 / np.pi
    n_far = 0
    for i in range(phi.shape[0]):  # up to 1e-3 the series is exact to 1e-19, and fast
        angle = -np.float64(depth[i])
        square = angle * angle
        radius = arcsec * angle * (1.0 + square * (1.0 / 3.0 + square * (2.0 / 15.0)))
        sine, cosine = _sine_and_cosine(np.float64(phi[i]))
        x[i], y[i] = radius * sine, -radius * cosine
        n_far += 0 if square < 1e-6 else 1
    if n_far > 0:
        for i in range(phi.shape[0]):
            angle = -np.float64(depth[i])
            if not angle * angle < 1e-6:
                radius = arcsec * np.tan(angle)
                sine, cosine = _sine_and_cosine(np.float64(phi[i]))
                x[i], y[i] = radius * sine, -radius * cosine
    return x, y


@kernel
def _sine_and_cosine(angle: float) -> tuple[float, float]:
    """Return sine and cosine of an angle [rad] of a few turns at most.

    The rest of at most 45 degrees of a multiple of 90 goes into the series, which end with
    ``r**15`` and ``r**16``: exact to 1e-15, and vector instructions do it.
    """
    quarters = np.floor(angle * (2.0 / np.pi) + 0.5)
    r = angle - quarters * (np.pi / 2.0)
    s = r * r
    odd = 1 / 362880 - s * (1 / 39916800 - s * (1 / 6227020800 - s / 1307674368000))
    sine = r * (1 - s * (1 / 6 - s * (1 / 120 - s * (1 / 5040 - s * odd))))
    even = 1 / 3628800 - s * (1 / 479001600 - s * (1 / 87178291200 - s / 20922789888000))
    cosine = 1 - s * (1 / 2 - s * (1 / 24 - s * (1 / 720 - s * (1 / 40320 - s * even))))
    turn = np.int32(quarters) & 3
    along = cosine if turn & 1 else sine
    across = sine if turn & 1 else cosine
    along = -along if turn & 2 else along
    across = -across if (turn + 1) & 2 else across
    return along, across


@kernel
def native_from_plane(
    x: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return native spherical coordinates of tangent-plane ones.

    Parameters
    ----------
    x, y : float32[n]
        Tangent-plane coordinates [arcsec].

    Returns
    -------
    phi, depth : float32[n]
        Native longitude, 0 to 2 pi, and native latitude minus 90 degrees [rad].
    """
    phi = np.empty(x.shape[0], np.float32)
    depth = np.empty(x.shape[0], np.float32)
    arcsec = 3600.0 * 180.0 / np.pi
    for i in range(x.shape[0]):
        phi[i] = _longitude(np.float64(x[i]), -np.float64(y[i]))
    n_far = 0
    for i in range(x.shape[0]):  # up to 1e-3 the series is exact to 1e-19, and fast
        east, north = np.float64(x[i]), np.float64(y[i])
        radius = np.sqrt(east * east + north * north) / arcsec
        square = radius * radius
        depth[i] = -radius * (1.0 - square * (1.0 / 3.0 - square / 5.0))
        n_far += 0 if radius < 1e-3 else 1
    if n_far > 0:
        for i in range(x.shape[0]):
            east, north = np.float64(x[i]), np.float64(y[i])
            radius = np.sqrt(east * east + north * north) / arcsec
            if not radius < 1e-3:
                depth[i] = -np.arctan(radius)
    return phi, depth


@kernel
def _longitude(sine: float, cosine: float) -> float:
    """Return the angle of a direction, 0 to 2 pi.

    The tangent of up to 45 degrees is that of a multiple of 1/8 and a rest below 1/16,
    whose series ends with ``t**11``: exact to 1e-16, and vector instructions do it.
    """
    up, along = abs(sine), abs(cosine)
    large = max(up, along)
    tangent = min(up, along) / large if large > 0.0 else 0.0
    k = np.int32(8.0 * tangent + 0.5)
    known = 0.125 * k
    t = (tangent - known) / (1.0 + tangent * known)
    s = t * t
    series = 1.0 - s * (1 / 3 - s * (1 / 5 - s * (1 / 7 - s * (1 / 9 - s / 11))))
    angle = _ANGLES[k] + t * series
    angle = np.pi / 2 - angle if up > along else angle
    angle = np.pi - angle if cosine <= 0.0 else angle
    return float(2.0 * np.pi - angle if sine < 0.0 else angle)


@kernel
def plane_from_celestial(
    ra: NDArray[np.float32], dec: NDArray[np.float32], tangent: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return tangent-plane coordinates of RA and DEC relative to the tangent point.

    Parameters
    ----------
    ra, dec : float32[n]
        Plain differences from ``tangent`` [deg], as positioned pixel tables keep them.
    tangent : (float, float)
        RA and DEC [deg].

    Returns
    -------
    x, y : float32[n]
        Tangent-plane coordinates [arcsec].
    """
    x = np.empty(ra.shape[0], np.float32)
    y = np.empty(ra.shape[0], np.float32)
    arcsec = 3600.0 * 180.0 / np.pi
    c0, s0 = np.cos(np.radians(tangent[1])), np.sin(np.radians(tangent[1]))
    for i in range(ra.shape[0]):
        angle = np.radians(np.float64(ra[i]))
        height = np.radians(tangent[1] + np.float64(dec[i]))
        c, s = np.cos(height), np.sin(height)
        depth = s * s0 + c * c0 * np.cos(angle)
        x[i] = arcsec * c * np.sin(angle) / depth
        y[i] = arcsec * (s * c0 - c * s0 * np.cos(angle)) / depth
    return x, y


@kernel
def celestial_from_plane(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    tangent: tuple[float, float],
    reference: tuple[float, float],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return RA and DEC of tangent-plane coordinates, relative to a reference.

    Parameters
    ----------
    x, y : float32[n]
        Coordinates in the plane that touches at ``tangent`` [arcsec].
    tangent, reference : (float, float)
        RA and DEC [deg].

    Returns
    -------
    ra, dec : float32[n]
        Plain differences from ``reference`` [deg], as positioned pixel tables keep them.
    """
    ra = np.empty(x.shape[0], np.float32)
    dec = np.empty(x.shape[0], np.float32)
    arcsec = 3600.0 * 180.0 / np.pi
    c, s = np.cos(np.radians(tangent[1])), np.sin(np.radians(tangent[1]))
    for i in range(x.shape[0]):
        east, north = np.float64(x[i]) / arcsec, np.float64(y[i]) / arcsec
        forward, up = c - north * s, s + north * c
        across = np.sqrt(east * east + forward * forward)
        ra[i] = np.degrees(np.arctan2(east, forward)) + (tangent[0] - reference[0])
        dec[i] = np.degrees(np.arctan2(up, across)) - reference[1]
    return ra, dec
