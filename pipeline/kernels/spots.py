"""Spots of pinholes: their light, place and width, and the passage of a pinhole."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.normal import cholesky, substitute

FLUX, LEVEL, X, Y, X_WIDTH, Y_WIDTH, ERROR, FLAGS = range(8)
"""What `measure_spots` gives for each spot."""

MAX_ITER = 30
"""Steps after which a fit that still moves is given up."""
NARROWEST, WIDEST = 0.3, 4.0
"""Gaussian widths that a spot can have [pix]."""
ENOUGH = 10.0
"""Signal over noise below which widths are not measured."""


@kernel
def average_exposure(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    total: NDArray[np.float64],
    variance: NDArray[np.float64],
    n_good: NDArray[np.uint16],
    worst: NDArray[np.uint32],
) -> None:
    """Add rows of one exposure to the sums of an average.

    Flagged pixels are left out; where all are flagged, the value with the smallest flag
    stays.

    Parameters
    ----------
    data, dq, stat : [ny, nx]
        Values [count], flags and variances.
    total, variance : float64[ny, nx]
        Sums of values and variances.
    n_good : uint16[ny, nx]
        Number of values in the sums; start with 0.
    worst : uint32[ny, nx]
        Flags of the sums; start with the largest number.
    """
    ny, nx = data.shape
    for y in range(ny):
        for x in range(nx):
            if dq[y, x] == 0:
                if n_good[y, x] == 0:
                    total[y, x], variance[y, x] = 0.0, 0.0
                n_good[y, x] += 1
                total[y, x] += data[y, x]
                variance[y, x] += stat[y, x]
                worst[y, x] = 0
            elif dq[y, x] < worst[y, x]:
                total[y, x], variance[y, x] = data[y, x], stat[y, x]
                worst[y, x] = dq[y, x]


@kernel
def _sums(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    box: tuple[int, int, int, int],
    found: NDArray[np.float64],
) -> int:
    """Fill sum and centre of light of the good pixels of a box; return their number.

    ``box``: first and last column, first and last row. Light below the level counts not.
    """
    n, total, light, at_x, at_y = 0, 0.0, 0.0, 0.0, 0.0
    for y in range(box[2], box[3] + 1):
        for x in range(box[0], box[1] + 1):
            if dq[y, x] != 0:
                continue
            value = data[y, x] - found[LEVEL]
            n += 1
            total += value
            weight = max(value, 0.0)
            light += weight
            at_x += weight * x
            at_y += weight * y
    found[FLUX] = total
    if light > 0.0:
        found[X], found[Y] = at_x / light, at_y / light
    return n


@kernel
def _level(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    box: tuple[int, int, int, int],
    margin: int,
    beside: bool,
    found: NDArray[np.float64],
) -> None:
    """Fill the background level and, for now, its variance as error.

    ``beside``: from the columns on both sides of the box; else from the box with a margin
    on all sides, the spot included.
    """
    n, total, variance = 0, 0.0, 0.0
    ny, nx = data.shape
    over = 0 if beside else margin
    for y in range(max(box[2] - over, 0), min(box[3] + over + 1, ny)):
        for x in range(max(box[0] - margin, 0), min(box[1] + margin + 1, nx)):
            if dq[y, x] != 0 or (beside and box[0] <= x <= box[1]):
                continue
            n += 1
            total += data[y, x]
            variance += stat[y, x]
    found[LEVEL] = total / n if n > 0 else 0.0
    found[ERROR] = variance / (n * n) if n > 0 else 0.0


@kernel
def _widths(
    data: NDArray[np.float32],
    box: tuple[int, int, int, int],
    found: NDArray[np.float64],
) -> None:
    """Fill the widths of Gaussians that have the spot's full widths at half height."""
    row, column = int(found[Y] + 0.5), int(found[X] + 0.5)
    found[X_WIDTH] = _half_width(data, row, column, 0, 1, found[LEVEL], box) / 2.3548
    found[Y_WIDTH] = _half_width(data, row, column, 1, 0, found[LEVEL], box) / 2.3548


@kernel
def _half_width(
    data: NDArray[np.float32],
    row: int,
    column: int,
    step_y: int,
    step_x: int,
    level: float,
    box: tuple[int, int, int, int],
) -> float:
    """Return the full width at half of the value at a pixel, along one axis."""
    half = 0.5 * (data[row, column] - level)
    if half <= 0.0:
        return -2.3548
    width = 0.0
    for side in (-1, 1):
        y, x, distance = row, column, 0.0
        before = 2.0 * half
        while True:
            y += side * step_y
            x += side * step_x
            if not (box[0] <= x <= box[1] and box[2] <= y <= box[3]):
                return -2.3548
            value = data[y, x] - level
            if value <= half:
                width += distance + (before - half) / (before - value)
                break
            before = value
            distance += 1.0
    return width


@kernel
def _fit(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    box: tuple[int, int, int, int],
    p: NDArray[np.float64],
) -> bool:
    """Fit a Gaussian spot with all pixels alike; tell whether the fit came to rest.

    ``p``: level, height, x, y, widths in x and y; first guess, then result.
    """
    m = 6
    matrix = np.empty((m, m))
    vector, gradient = np.empty(m), np.empty(m)
    for _ in range(MAX_ITER):
        matrix[:], vector[:] = 0.0, 0.0
        for y in range(box[2], box[3] + 1):
            for x in range(box[0], box[1] + 1):
                if dq[y, x] != 0:
                    continue
                u, v = (x - p[2]) / p[4], (y - p[3]) / p[5]
                bell = math.exp(-0.5 * (u * u + v * v))
                light = p[1] * bell
                gradient[0], gradient[1] = 1.0, bell
                gradient[2], gradient[3] = light * u / p[4], light * v / p[5]
                gradient[4], gradient[5] = light * u * u / p[4], light * v * v / p[5]
                rest = data[y, x] - p[0] - light
                for a in range(m):
                    vector[a] += gradient[a] * rest
                    for b in range(a + 1):
                        matrix[a, b] += gradient[a] * gradient[b]
        if not cholesky(matrix, m):
            return False
        substitute(matrix, vector, m)
        shrink = min(1.0, 1.0 / max(abs(vector[2]), abs(vector[3]), 1e-9))
        for a in (4, 5):
            shrink = min(shrink, 0.3 * p[a] / max(abs(vector[a]), 1e-9))
        for a in range(m):
            p[a] += shrink * vector[a]
        for a in (4, 5):
            if not NARROWEST < p[a] < WIDEST:
                return False
        if not (box[0] <= p[2] <= box[1] and box[2] <= p[3] <= box[3]):
            return False
        if max(abs(vector[2]), abs(vector[3]), abs(vector[4]), abs(vector[5])) < 1e-4:
            return bool(p[1] > 0.0)
    return False


@kernel
def measure_spots(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    places: NDArray[np.float64],
    half_x: int,
    half_y: int,
    margin: int,
    gaussian: bool,
    beside: bool,
    found: NDArray[np.float64],
) -> None:
    """Measure spots at known places on rows of one exposure.

    Parameters
    ----------
    data, dq, stat : [ny, nx]
        Values [count], flags and variances.
    places : float64[n, 2]
        Columns and rows of the spots, from 0 [pix].
    half_x, half_y : int
        Half sizes of the box of a spot [pix].
    margin : int
        Columns on either side of it for the level [pix].
    gaussian : bool
        Whether to fit a Gaussian; else centre of light and widths at half height.
    beside : bool
        Whether the level is that of the columns on both sides; else the mean of the
        larger box, with the light of the spot.
    found : float64[n, 8]
        Flux and level [count], x, y from 0 [pix], Gaussian widths [pix] (-1 where not
        measured), error of the flux [count], all flags of the box.
    """
    ny, nx = data.shape
    p = np.empty(6)
    for i in range(places.shape[0]):
        x, y = int(places[i, 0] + 0.5), int(places[i, 1] + 0.5)
        box = (
            max(x - half_x, 0), min(x + half_x, nx - 1),
            max(y - half_y, 0), min(y + half_y, ny - 1),
        )  # fmt: skip
        spot = found[i]
        spot[X], spot[Y], spot[X_WIDTH], spot[Y_WIDTH] = x, y, -1.0, -1.0
        _level(data, dq, stat, box, margin, beside, spot)
        n = _sums(data, dq, box, spot)
        flags, variance = np.uint32(0), n * n * spot[ERROR]
        for row in range(box[2], box[3] + 1):
            for column in range(box[0], box[1] + 1):
                flags |= dq[row, column]
                if dq[row, column] == 0:
                    variance += stat[row, column]
        spot[ERROR], spot[FLAGS] = math.sqrt(variance), flags
        if spot[FLUX] < ENOUGH * spot[ERROR]:
            spot[FLUX] = max(spot[FLUX], 0.0)
            continue
        if not gaussian:
            _widths(data, box, spot)
            continue
        p[0], p[2], p[3], p[4], p[5] = spot[LEVEL], spot[X], spot[Y], 0.9, 0.9
        p[1] = spot[FLUX] / (2.0 * math.pi * p[4] * p[5])
        if _fit(data, dq, box, p):
            spot[X], spot[Y], spot[X_WIDTH], spot[Y_WIDTH] = p[2], p[3], p[4], p[5]


@kernel
def fit_passage(
    height: NDArray[np.float64],
    flux: NDArray[np.float64],
    error: NDArray[np.float64],
    p: NDArray[np.float64],
) -> float:
    """Fit a Gaussian to the light of a spot while its pinhole passes the slice.

    Parameters
    ----------
    height : float64[n]
        Of the mask [mm].
    flux, error : float64[n]
        Light of the spot and its standard error [count].
    p : float64[3]
        Peak [count], height at the peak and width [mm]; first guess, then result.

    Returns
    -------
    float
        Standard error of the height at the peak [mm]; infinite where the fit failed.
    """
    m = 3
    matrix = np.empty((m, m))
    vector, gradient = np.empty(m), np.empty(m)
    for _ in range(MAX_ITER):
        matrix[:], vector[:] = 0.0, 0.0
        for i in range(height.shape[0]):
            z = (height[i] - p[1]) / p[2]
            bell = math.exp(-0.5 * z * z)
            weight = 1.0 / (error[i] * error[i])
            gradient[0] = bell
            gradient[1] = p[0] * bell * z / p[2]
            gradient[2] = p[0] * bell * z * z / p[2]
            rest = flux[i] - p[0] * bell
            for a in range(m):
                vector[a] += weight * gradient[a] * rest
                for b in range(a + 1):
                    matrix[a, b] += weight * gradient[a] * gradient[b]
        if not cholesky(matrix, m):
            return np.inf
        substitute(matrix, vector, m)
        shrink = min(1.0, 0.5 * p[2] / max(abs(vector[1]), abs(vector[2]), 1e-12))
        for a in range(m):
            p[a] += shrink * vector[a]
        if not (p[2] > 0.0 and height[0] <= p[1] <= height[-1]):
            return np.inf
        if max(abs(vector[1]), abs(vector[2])) < 1e-6 * p[2]:
            vector[:] = 0.0
            vector[1] = 1.0
            substitute(matrix, vector, m)
            return math.sqrt(vector[1])
    return np.inf
