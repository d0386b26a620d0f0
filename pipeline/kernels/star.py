"""One star in a pixel table: the pixels around it, and where they and the star are."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.steps import AT_ONCE, find_bands

FINENESS = 16
"""Cells of a pixel in which a radius is looked up: hardly any holds a node of a profile."""

FAINTEST = 8.0
"""Exponent at which a Gaussian window ends: at 4 sigma."""


@kernel
def pixels_near(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    place: NDArray[np.float32],
    others: NDArray[np.float32],
    reach: float,
) -> tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
]:
    """Return the good pixels around a place.

    Parameters
    ----------
    x, y, wavelength, data, dq, stat : [n]
        Pixels; those that are flagged or have no value are left out.
    place : float32[2]
        x and y [pix].
    others : float32[n_others, 2]
        Places; pixels nearer to one of them are left out.
    reach : float
        Pixels at this distance and further away are left out [pix].

    Returns
    -------
    dx, dy, wavelength, data, stat : float32[m]
        The others, with coordinates relative to the place.
    """
    n = x.shape[0]
    near = np.empty(n, np.bool_)
    limit = np.float32(reach * reach)
    for i in range(n):
        dx, dy = x[i] - place[0], y[i] - place[1]
        away = dx * dx + dy * dy
        near[i] = (away < limit) & (dq[i] == 0) & np.isfinite(data[i])
    for k in range(others.shape[0]):
        for i in range(n):
            dx, dy = x[i] - place[0], y[i] - place[1]
            a, b = x[i] - others[k, 0], y[i] - others[k, 1]
            near[i] &= dx * dx + dy * dy <= a * a + b * b
    m = 0
    for i in range(n):
        m += near[i]
    found = np.empty((5, m), np.float32)
    m = 0
    for i in range(n):
        if near[i]:
            found[0, m], found[1, m] = x[i] - place[0], y[i] - place[1]
            found[2, m], found[3, m], found[4, m] = wavelength[i], data[i], stat[i]
            m += 1
    return found[0], found[1], found[2], found[3], found[4]


@kernel
def farthest(dx: NDArray[np.float32], dy: NDArray[np.float32]) -> float:
    """Return the distance of the pixel that is farthest away, 0 without pixels [pix]."""
    square = np.float32(0.0)
    for i in range(dx.shape[0]):
        square = max(square, dx[i] * dx[i] + dy[i] * dy[i])
    return float(np.sqrt(square))


@kernel
def sample_beyond(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    every: int,
    reach: float,
) -> NDArray[np.float32]:
    """Return wavelength and data of every so many pixels, if farther away than ``reach``.

    Returns
    -------
    float32[2, m]
    """
    n = (dx.shape[0] + every - 1) // every
    found = np.empty((2, n), np.float32)
    m = 0
    for i in range(0, dx.shape[0], every):
        if dx[i] * dx[i] + dy[i] * dy[i] > reach * reach:
            found[0, m], found[1, m] = wavelength[i], data[i]
            m += 1
    return found[:, :m].copy()


@kernel
def nodes_below(nodes: NDArray[np.float64], fineness: int) -> NDArray[np.int32]:
    """Return the last node at or before the begin of each of many short cells.

    Parameters
    ----------
    nodes : float64[n]
        From 0, rising.
    fineness : int
        Cells per unit.

    Returns
    -------
    int32[n_cells]
        From 0 to n - 2; cells reach to the last node.
    """
    n = nodes.shape[0]
    below = np.empty(int(nodes[n - 1] * fineness) + 1, np.int32)
    k = 0
    for cell in range(below.shape[0]):
        while k < n - 2 and nodes[k + 1] <= cell / fineness:
            k += 1
        below[cell] = k
    return below


@kernel
def radial_places(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    bands: tuple[float, float, int],
    centre: NDArray[np.float64],
    radii: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return where the distance of each pixel from the star lies among the radii.

    Parameters
    ----------
    dx, dy : float32[n]
        Coordinates relative to a first guess [pix].
    wavelength : float32[n]
        Of the pixels [Angstrom].
    bands
        Blue edge of the first band, width [Angstrom] and number of bands.
    centre : float64[n_bands, 2]
        The star at the middle of each band, linear in between.
    radii : float64[n_radii]
        From 0 [pix].

    Returns
    -------
    place : float32[n]
        Fractional index of the distance in ``radii``.
    """
    n = np.uint32(radii.shape[0] - 1)
    below = nodes_below(radii, FINENESS)
    table = centre.reshape(-1)
    band, redward = np.empty(AT_ONCE, np.int32), np.empty(AT_ONCE)
    radius = np.empty(AT_ONCE)
    place = np.empty(dx.shape[0], np.float32)
    one, two = np.uint32(1), np.uint32(2 if bands[2] > 1 else 0)
    for start in range(0, dx.shape[0], AT_ONCE):
        some = slice(start, min(start + AT_ONCE, dx.shape[0]))
        x_all, y_all, found = dx[some], dy[some], place[some]
        find_bands(wavelength[some], bands, band, redward)
        for i in range(x_all.shape[0]):
            k, u = np.uint32(2 * band[i]), redward[i]
            x = x_all[i] - (table[k] * (1.0 - u) + table[k + two] * u)
            y = y_all[i] - (table[k + one] * (1.0 - u) + table[k + one + two] * u)
            radius[i] = x * x + y * y
        for i in range(x_all.shape[0]):
            radius[i] = np.sqrt(radius[i])
        for i in range(x_all.shape[0]):
            r = radius[i]
            if r >= radii[n]:
                found[i] = n
                continue
            k = np.uint32(below[np.uint32(r * FINENESS)])
            while radii[k + one] <= r:
                k += one
            found[i] = k + (r - radii[k]) / (radii[k + one] - radii[k])
    return place


@kernel
def windowed_moments(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    used: NDArray[np.bool_],
    bands: tuple[float, float, int],
    centre: NDArray[np.float64],
    sky: NDArray[np.float64],
    sigma: float,
) -> NDArray[np.float64]:
    """Sum the light under a round Gaussian window in each band.

    Parameters
    ----------
    dx, dy : float32[n]
        Coordinates relative to a first guess [pix].
    wavelength, data : float32[n]
        Of the pixels.
    used : bool[n]
        Pixels to count.
    bands
        Wavelength of the first band's blue edge, width [Angstrom] and number.
    centre : float64[n_bands, 2]
        Centre of the window.
    sky : float64[n_bands]
        Subtracted from the data.
    sigma
        Width of the window [pix].

    Returns
    -------
    float64[n_bands, 6]
        Sums of the windowed light: itself and times x, y, x**2, y**2, x*y about the centre.
    """
    first, width, n_bands = bands
    sums = np.zeros((n_bands, 6))
    drift = 0.0
    for b in range(n_bands):
        drift = max(drift, np.sqrt(centre[b, 0] ** 2 + centre[b, 1] ** 2))
    limit = (1.0001 * (np.sqrt(2.0 * FAINTEST) * sigma + drift)) ** 2
    away = np.empty(AT_ONCE)
    for start in range(0, data.shape[0], AT_ONCE):
        some = slice(start, min(start + AT_ONCE, data.shape[0]))
        x_all, y_all = dx[some], dy[some]
        for i in range(x_all.shape[0]):  # most pixels are too far away
            away[i] = x_all[i] * x_all[i] + y_all[i] * y_all[i]
        for i in range(x_all.shape[0]):
            if away[i] > limit or not used[start + i]:
                continue
            band = int((wavelength[start + i] - first) / width)
            if band < 0 or band >= n_bands:
                continue
            x, y = x_all[i] - centre[band, 0], y_all[i] - centre[band, 1]
            exponent = (x * x + y * y) / (2.0 * sigma * sigma)
            if exponent > FAINTEST:
                continue
            light = np.exp(-exponent) * (data[start + i] - sky[band])
            sums[band, 0] += light
            sums[band, 1] += light * x
            sums[band, 2] += light * y
            sums[band, 3] += light * x * x
            sums[band, 4] += light * y * y
            sums[band, 5] += light * x * y
    return sums
