"""Centres of arc lines, column by column.

A group is one line or several blended ones at known distances: Gaussians of one width
on a constant background, with a common displacement. All pixels have the same weight:
the centre of a skewed line would else depend on its brightness. The errors are those
of this estimator for the noise of the pixels.
"""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.normal import cholesky, substitute

MAX_LINES = 6
"""Most lines in a group."""
REACH, BEYOND = 5, 3
"""Pixels fitted on either side of the reference line and beyond its neighbours [pix]."""
CORE = 4.5
"""Half width of the window for the centre of light [pix]."""
MAX_ITER = 20
"""Steps after which a fit that still moves is given up."""
AT_REST, AT_REST_WIDTH = 1e-3, 5e-3
"""Step in displacement and width after which a fit is at rest [pix]: the next would be
smaller by more than ten times, a hundredth of the error of the brightest line."""
MAX_PIXELS = 64
"""Most pixels in the window of a group."""
NARROWEST, WIDEST = 0.4, 3.0
"""Gaussian widths that a line can have [pix]."""


@kernel
def _model(
    t: float,
    offsets: NDArray[np.float64],
    n_lines: int,
    p: NDArray[np.float64],
    gradient: NDArray[np.float64],
    i: int,
) -> float:
    """Return the light at ``t`` and, in row ``i``, its derivatives by displacement, ..."""
    total, by_place, by_width = p[2], 0.0, 0.0
    scale = 1.0 / p[1]
    for k in range(n_lines):
        z = (t - p[0] - offsets[k]) * scale
        bell = math.exp(-0.5 * z * z)
        gradient[i, 3 + k] = bell
        light = p[3 + k] * bell
        total += light
        by_place += light * z
        by_width += light * z * z
    gradient[i, 0], gradient[i, 1] = by_place * scale, by_width * scale
    gradient[i, 2] = 1.0
    return float(total)


@kernel
def _equations(
    light: NDArray[np.float64],
    place: NDArray[np.float64],
    n: int,
    offsets: NDArray[np.float64],
    n_lines: int,
    p: NDArray[np.float64],
    matrix: NDArray[np.float64],
    vector: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> None:
    """Set up the normal equations of a step, and the derivatives at each pixel."""
    m = 3 + n_lines
    vector[:] = 0.0
    for a in range(m):
        for b in range(a + 1):
            matrix[a, b] = 0.0
    for i in range(n):
        rest = light[i] - _model(place[i], offsets, n_lines, p, gradient, i)
        for a in range(m):
            slope = gradient[i, a]
            vector[a] += slope * rest
            for b in range(a + 1):
                matrix[a, b] += slope * gradient[i, b]


@kernel
def _equations_of_one(
    light: NDArray[np.float64],
    place: NDArray[np.float64],
    n: int,
    p: NDArray[np.float64],
    matrix: NDArray[np.float64],
    vector: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> None:
    """Set up those of a line by itself, as most are: the same sums, kept in registers."""
    centre, scale, background, peak = p[0], 1.0 / p[1], p[2], p[3]
    v0, v1, v2, v3 = 0.0, 0.0, 0.0, 0.0
    m00, m10, m11, m30, m31, m33 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    m20, m21, m32 = 0.0, 0.0, 0.0
    for i in range(n):
        z = (place[i] - centre) * scale
        bell = math.exp(-0.5 * z * z)
        line = peak * bell
        rest = light[i] - (background + line)
        by_place, by_width = line * z * scale, line * z * z * scale
        gradient[i, 0], gradient[i, 1] = by_place, by_width
        gradient[i, 2], gradient[i, 3] = 1.0, bell
        v0 += by_place * rest
        v1 += by_width * rest
        v2 += rest
        v3 += bell * rest
        m00 += by_place * by_place
        m10 += by_width * by_place
        m11 += by_width * by_width
        m20 += by_place
        m21 += by_width
        m30 += bell * by_place
        m31 += bell * by_width
        m32 += bell
        m33 += bell * bell
    vector[0], vector[1], vector[2], vector[3] = v0, v1, v2, v3
    matrix[0, 0], matrix[1, 0], matrix[1, 1] = m00, m10, m11
    matrix[2, 0], matrix[2, 1], matrix[2, 2] = m20, m21, float(n)
    matrix[3, 0], matrix[3, 1], matrix[3, 2], matrix[3, 3] = m30, m31, m32, m33


@kernel
def fit_group(
    light: NDArray[np.float64],
    noise: NDArray[np.float64],
    place: NDArray[np.float64],
    n: int,
    offsets: NDArray[np.float64],
    n_lines: int,
    p: NDArray[np.float64],
    matrix: NDArray[np.float64],
    gradient: NDArray[np.float64],
) -> float:
    """Fit one group in one column.

    Parameters
    ----------
    light, noise, place : float64[n]
        Counts and their standard deviation [count] at rows relative to a zero point
        near the reference line [pix].
    n : int
        Number of pixels in use.
    offsets : float64[n_lines]
        Distances of the lines from the reference line [pix]; the first is 0.
    n_lines : int
        Number of lines.
    p : float64[3 + MAX_LINES]
        First guess, then result: place of the reference line [pix], Gaussian width
        [pix], background and peaks of the lines [count].
    matrix, gradient : float64[3 + MAX_LINES, 3 + MAX_LINES], float64[n, 3 + MAX_LINES]
        Room to work in.

    Returns
    -------
    float
        Standard error of the place [pix]; infinite where the fit did not come to rest.
    """
    m = 3 + n_lines
    if n < m + 2:
        return np.inf
    vector = np.empty(m)
    for _ in range(MAX_ITER):
        if n_lines == 1:
            _equations_of_one(light, place, n, p, matrix, vector, gradient)
        else:
            _equations(light, place, n, offsets, n_lines, p, matrix, vector, gradient)
        if not cholesky(matrix, m):
            return np.inf
        substitute(matrix, vector, m)
        shrink = min(1.0, 0.7 / max(abs(vector[0]), 1e-9))
        shrink = min(shrink, 0.3 * p[1] / max(abs(vector[1]), 1e-9))
        for a in range(m):
            p[a] += shrink * vector[a]
        if abs(vector[0]) < AT_REST and abs(vector[1]) < AT_REST_WIDTH:
            return _error(noise, n, m, matrix, gradient, vector)
    return np.inf


@kernel
def _error(
    noise: NDArray[np.float64],
    n: int,
    m: int,
    factor: NDArray[np.float64],
    gradient: NDArray[np.float64],
    row: NDArray[np.float64],
) -> float:
    """Propagate the noise of the pixels to the place of the reference line.

    ``row`` becomes the first row of the inverse of the normal equations.
    """
    row[:] = 0.0
    row[0] = 1.0
    substitute(factor, row, m)
    variance = 0.0
    for i in range(n):
        influence = 0.0
        for a in range(m):
            influence += row[a] * gradient[i, a]
        variance += (influence * noise[i]) ** 2
    return math.sqrt(variance)


@kernel
def centre_of_light(
    light: NDArray[np.float64],
    place: NDArray[np.float64],
    n: int,
    p: NDArray[np.float64],
) -> float:
    """Return how far the centre of light of a line lies above its fitted place [pix].

    The window is symmetric around the place, so that a background moves nothing.
    """
    total, moment = 0.0, 0.0
    for i in range(n):
        t = place[i] - p[0]
        low, high = max(t - 0.5, -CORE), min(t + 0.5, CORE)
        if high > low:
            value = (light[i] - p[2]) * (high - low)
            total += value
            moment += value * 0.5 * (low + high)
    return moment / total


@kernel
def _window(
    strip: NDArray[np.float32],
    noise: NDArray[np.float32],
    column: int,
    zero: int,
    offsets: NDArray[np.float64],
    n_lines: int,
    light: NDArray[np.float64],
    sigma: NDArray[np.float64],
    place: NDArray[np.float64],
) -> int:
    """Collect the good pixels around a group; 0 if one in the core is bad."""
    low, high = 0.0, 0.0
    for k in range(n_lines):
        low, high = min(low, offsets[k]), max(high, offsets[k])
    first = zero + min(-REACH, math.floor(low) - BEYOND)
    last = zero + max(REACH, math.ceil(high) + BEYOND)
    n = 0
    for y in range(max(first, 0), min(last + 1, strip.shape[1])):
        if math.isfinite(noise[column, y]):
            if n < MAX_PIXELS:
                light[n], sigma[n] = strip[column, y], noise[column, y]
                place[n] = y - zero
                n += 1
        elif abs(y - zero) <= 2:
            return 0
    return n


@kernel
def _first_guess(
    light: NDArray[np.float64],
    place: NDArray[np.float64],
    n: int,
    offsets: NDArray[np.float64],
    n_lines: int,
    p: NDArray[np.float64],
) -> None:
    """Set width, background and peaks from the pixels nearest to the lines."""
    p[1], p[2] = 1.0, np.inf
    for i in range(n):
        p[2] = min(p[2], light[i])
    for k in range(n_lines):
        nearest = np.inf
        for i in range(n):
            distance = abs(place[i] - p[0] - offsets[k])
            if distance < nearest:
                nearest = distance
                p[3 + k] = light[i] - p[2]


@kernel
def follow_lines(
    strip: NDArray[np.float32],
    noise: NDArray[np.float32],
    rows: NDArray[np.float64],
    columns: NDArray[np.int64],
    offsets: NDArray[np.float64],
    n_lines: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Measure all groups of a slice in all columns, outwards from the middle.

    Parameters
    ----------
    strip, noise : float32[n_columns, n_rows]
        Counts of a slice, column by column, and their standard deviation [count],
        infinite where a pixel must not be used.
    rows : float64[n_groups]
        Expected place of the reference lines in the middle column [pix, 0-based].
    columns : int64[n_groups, 3]
        First, middle and last column of the slice there [0-based].
    offsets : float64[n_groups, MAX_LINES]
        Distances of the lines of a group from its reference line [pix].
    n_lines : int64[n_groups]
        Number of lines of each group.

    Returns
    -------
    float64[n_groups, n_columns, 5]
        Place of the reference line [pix, 0-based], its error [pix], Gaussian width
        [pix], peak [count] and how far above the place the centre of light lies [pix];
        NaN where the line was not found within a pixel of where the column before had
        it.
    """
    n_groups, n_columns = rows.shape[0], strip.shape[0]
    found = np.full((n_groups, n_columns, 5), np.nan)
    light, sigma, place = np.empty(MAX_PIXELS), np.empty(MAX_PIXELS), np.empty(MAX_PIXELS)
    p, matrix = np.empty(3 + MAX_LINES), np.empty((3 + MAX_LINES, 3 + MAX_LINES))
    gradient = np.empty((MAX_PIXELS, 3 + MAX_LINES))
    for g in range(n_groups):
        m = n_lines[g]
        for direction in range(2):
            step = 1 - 2 * direction
            column = columns[g, 1] + (0 if direction == 0 else -1)
            last = columns[g, 2] if direction == 0 else columns[g, 0]
            guess, fresh = rows[g], True
            if direction == 1 and math.isfinite(found[g, columns[g, 1], 0]):
                guess = found[g, columns[g, 1], 0]
            while (last - column) * step >= 0:
                zero = math.floor(guess + 0.5)
                n = _window(strip, noise, column, zero, offsets[g], m, light, sigma, place)
                p[0] = guess - zero
                if fresh:
                    _first_guess(light, place, n, offsets[g], m, p)
                error = fit_group(
                    light, sigma, place, n, offsets[g], m, p, matrix, gradient
                )
                fresh = not (
                    error < 0.5
                    and abs(p[0] + zero - guess) < 1.0
                    and NARROWEST < p[1] < WIDEST
                    and p[3] > 0.0
                )
                if not fresh:
                    guess = p[0] + zero
                    found[g, column, 0], found[g, column, 1] = guess, error
                    found[g, column, 2], found[g, column, 3] = p[1], p[3]
                    found[g, column, 4] = centre_of_light(light, place, n, p)
                column += step
    return found


@kernel
def smooth_along(
    found: NDArray[np.float64], n_terms: int, kappa: float, scatter: NDArray[np.float64]
) -> None:
    """Reject deviant columns of each line: a line is a smooth curve along the slice.

    Parameters
    ----------
    found : float64[n_groups, n_columns, 5]
        As from `follow_lines`; rejected columns become NaN.
    n_terms : int
        Coefficients of the polynomial in the column.
    kappa : float
        Rejection limit [standard deviations].
    scatter : float64[n_groups]
        Result: standard deviation of the columns left [pix]; NaN, and all columns
        rejected, if fewer than half of the measured columns or twice the number of
        coefficients are left.
    """
    n_groups, n_columns = found.shape[:2]
    matrix, vector = np.empty((n_terms, n_terms)), np.empty(n_terms)
    terms = np.empty(n_terms)
    for g in range(n_groups):
        n_found = 0
        for x in range(n_columns):
            n_found += math.isfinite(found[g, x, 0])
        n_before, n = -1, n_found
        scatter[g] = np.nan
        while n != n_before and n >= max(2 * n_terms, n_found // 2):
            matrix[:], vector[:] = 0.0, 0.0
            for x in range(n_columns):
                if math.isfinite(found[g, x, 0]):
                    _powers(x, n_columns, n_terms, terms)
                    for a in range(n_terms):
                        vector[a] += terms[a] * found[g, x, 0]
                        for b in range(a + 1):
                            matrix[a, b] += terms[a] * terms[b]
            if not cholesky(matrix, n_terms):
                break
            substitute(matrix, vector, n_terms)
            squares = 0.0
            for x in range(n_columns):
                if math.isfinite(found[g, x, 0]):
                    squares += (
                        _rest(found[g, x, 0], x, n_columns, n_terms, vector, terms) ** 2
                    )
            scatter[g] = math.sqrt(squares / (n - n_terms))
            n_before = n
            for x in range(n_columns):
                if math.isfinite(found[g, x, 0]):
                    rest = _rest(found[g, x, 0], x, n_columns, n_terms, vector, terms)
                    if abs(rest) > kappa * scatter[g]:
                        found[g, x] = np.nan
                        n -= 1
        if n != n_before:
            scatter[g] = np.nan
            found[g] = np.nan


@kernel
def _powers(x: int, n_columns: int, n_terms: int, terms: NDArray[np.float64]) -> None:
    """Fill powers of the column, scaled to -1 ... 1."""
    u = 2.0 * x / (n_columns - 1) - 1.0
    terms[0] = 1.0
    for a in range(1, n_terms):
        terms[a] = terms[a - 1] * u


@kernel
def _rest(
    place: float,
    x: int,
    n_columns: int,
    n_terms: int,
    coefficients: NDArray[np.float64],
    terms: NDArray[np.float64],
) -> float:
    """Return the distance of a measured place from the curve."""
    _powers(x, n_columns, n_terms, terms)
    for a in range(n_terms):
        place -= coefficients[a] * terms[a]
    return place
