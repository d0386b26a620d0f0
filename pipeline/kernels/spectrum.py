"""Spectra on equal steps: applied to pixels, smoothed."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.normal import cholesky, substitute
from pipeline.kernels.spread import median

AT_ONCE = 512
"""Pixels whose places in a spectrum are found together: vector instructions do that, and
few enough for the fastest cache."""

_FAR = 1e30
"""Beyond all wavelengths, and finite [Angstrom]."""


@kernel
def at_wavelength(
    wavelength: float, first: float, step: float, values: NDArray[np.float64]
) -> float:
    """Interpolate a spectrum linearly; beyond its ends it keeps its last value.

    Parameters
    ----------
    wavelength
        Where [Angstrom].
    first, step
        Wavelength of the first value and the step between values [Angstrom].
    values : float64[n]
        The spectrum.
    """
    place = (wavelength - first) / step
    last = values.shape[0] - 1
    place = min(place if place > 0.0 else 0.0, float(last))
    i = int(place)
    rest = place - i
    return float(values[i] * (1.0 - rest) + values[min(i + 1, last)] * rest)


@kernel
def find_places(
    wavelength: NDArray[np.float32],
    first: float,
    step: float,
    n: int,
    before: NDArray[np.int32],
    rest: NDArray[np.float64],
) -> None:
    """Find which value of a spectrum lies before wavelengths, and the way to the next.

    Parameters
    ----------
    wavelength : float32[m]
        Where, at most `AT_ONCE` [Angstrom].
    first, step : float
        Wavelength of the first value and the step between values [Angstrom].
    n : int
        Number of values.
    before, rest : int32[AT_ONCE], float64[AT_ONCE]
        Receive the number of the value and the part of a step beyond it; beyond the ends
        those of the end.
    """
    last = np.float64(n - 1)
    for i in range(wavelength.shape[0]):
        place = (np.float64(wavelength[i]) - first) / step
        place = place if place > 0.0 else np.float64(0.0)
        place = place if place < last else last
        before[i] = np.int32(place)
        rest[i] = place - before[i]


@kernel
def interval_at(
    wavelength: float, first: float, step: float, n: int
) -> tuple[int, int, float, float]:
    """Return between which values of a spectrum a wavelength lies, and where they are.

    Pixels that follow each other have nearly the same wavelength: it lies in the same
    interval for many, for which it need not be looked for again.

    Parameters
    ----------
    wavelength
        Where [Angstrom].
    first, step
        Wavelength of the first value and the step between values [Angstrom].
    n
        Number of values.

    Returns
    -------
    int, int, float, float
        Numbers of the values before and after it, and their wavelengths (from the first,
        below the second); beyond the ends both are the last value.
    """
    last = first + (n - 1) * step
    if wavelength >= last:
        return n - 1, n - 1, last, _FAR
    if not wavelength >= first:
        return 0, 0, -_FAR, first
    k = min(int((wavelength - first) / step), n - 2)
    return k, k + 1, first + k * step, first + (k + 1) * step


@kernel
def multiply_by_spectrum(
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    first: float,
    step: float,
    values: NDArray[np.float64],
) -> None:
    """Multiply pixels in place by a spectrum that has no error of its own.

    Parameters
    ----------
    wavelength : float32[n]
        Of the pixels [Angstrom].
    data, stat : float32[n]
        Values and variances, changed.
    first, step, values
        The spectrum, see `at_wavelength`.
    """
    last = np.int32(values.shape[0] - 1)
    before, rest = np.empty(AT_ONCE, np.int32), np.empty(AT_ONCE)
    for start in range(0, data.shape[0], AT_ONCE):
        some = slice(start, min(start + AT_ONCE, data.shape[0]))
        light, variance = data[some], stat[some]
        find_places(wavelength[some], first, step, values.shape[0], before, rest)
        for i in range(light.shape[0]):
            k, behind = np.uint32(before[i]), np.uint32(min(before[i] + 1, last))
            rest[i] = values[k] * (1.0 - rest[i]) + values[behind] * rest[i]
        for i in range(light.shape[0]):
            light[i] *= rest[i]
            variance[i] *= rest[i] * rest[i]


@kernel
def local_cubic(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    weight: NDArray[np.float64],
    half_width: float,
    kappa: float,
    n_rounds: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smooth by a cubic polynomial fitted around every point.

    Parameters
    ----------
    x, y : float64[n]
        Points, ``x`` rising.
    weight : float64[n]
        Weights; 0 leaves a point out of the fits.
    half_width
        Points up to this far away are fitted.
    kappa, n_rounds
        Residuals beyond ``kappa`` rms are rejected, at most this often.

    Returns
    -------
    smooth, rms : float64[n]
        Value of the polynomial and rms of the residuals around it; where fewer than
        five points have weight, ``y`` itself and 0.
    """
    n = x.shape[0]
    smooth = y.copy()
    rms = np.zeros(n)
    low, high = 0, 0
    matrix = np.empty((4, 4))
    vector = np.zeros(4)
    for i in range(n):
        while x[i] - x[low] > half_width:
            low += 1
        while high < n and x[high] - x[i] <= half_width:
            high += 1
        limit = np.inf
        for _ in range(n_rounds + 1):
            before = vector[0], vector[1], vector[2], vector[3], limit
            used = _normal_equations(
                x, y, weight, low, high, i, half_width, limit, matrix, vector
            )
            if used < 5 or not cholesky(matrix, 4):
                break
            substitute(matrix, vector, 4)
            total, square = 0.0, 0.0
            for k in range(low, high):
                if weight[k] > 0.0:
                    t = (x[k] - x[i]) / half_width
                    r = y[k] - (
                        vector[0] + t * (vector[1] + t * (vector[2] + t * vector[3]))
                    )
                    if abs(r) <= limit:
                        total += weight[k]
                        square += weight[k] * r * r
            smooth[i] = vector[0]
            rms[i] = np.sqrt(square / total)
            limit = kappa * rms[i] + 1e-9 * (1.0 + abs(vector[0]))  # beyond rounding
            if before == (vector[0], vector[1], vector[2], vector[3], limit):
                break  # so would be all rounds to come
    return smooth, rms


@kernel
def running_moments(
    y: NDArray[np.float64], first: NDArray[np.int64], stop: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation (divided by n) of ranges of points.

    Parameters
    ----------
    y : float64[n]
        Points.
    first, stop : int64[m]
        Half-open ranges, none of them empty.

    Returns
    -------
    mean, deviation : float64[m]
    """
    m = first.shape[0]
    mean, deviation = np.empty(m), np.empty(m)
    for i in range(m):
        n = stop[i] - first[i]
        total = 0.0
        for k in range(first[i], stop[i]):
            total += y[k]
        mean[i] = total / n
        square = 0.0
        for k in range(first[i], stop[i]):
            square += (y[k] - mean[i]) ** 2
        deviation[i] = np.sqrt(square / n)
    return mean, deviation


@kernel
def running_medians(
    y: NDArray[np.float64], first: NDArray[np.int64], stop: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the medians of ranges of points, float64[m].

    Parameters
    ----------
    y : float64[n]
        Points.
    first, stop : int64[m]
        Half-open ranges, none of them empty.
    """
    m = first.shape[0]
    medians = np.empty(m)
    near = np.empty(y.shape[0])
    for i in range(m):
        n = stop[i] - first[i]
        near[:n] = y[first[i] : stop[i]]
        medians[i] = median(near, n)
    return medians


@kernel
def _normal_equations(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    weight: NDArray[np.float64],
    low: int,
    high: int,
    i: int,
    scale: float,
    limit: float,
    matrix: NDArray[np.float64],
    vector: NDArray[np.float64],
) -> int:
    """Fill the normal equations of a cubic around point ``i``; return how many points.

    From the second round on ``vector`` holds the last solution, by which points beyond
    ``limit`` are left out.
    """
    a0, a1, a2, a3 = vector[0], vector[1], vector[2], vector[3]
    m0 = m1 = m2 = m3 = m4 = m5 = m6 = 0.0
    v0 = v1 = v2 = v3 = 0.0
    used = 0
    for k in range(low, high):
        w = weight[k]
        t = (x[k] - x[i]) / scale
        beyond = abs(y[k] - (a0 + t * (a1 + t * (a2 + t * a3)))) > limit
        if beyond or not w > 0.0:
            continue
        used += 1
        wt, tt = w * t, t * t
        m0 += w
        m1 += wt
        m2 += w * tt
        m3 += wt * tt
        m4 += w * tt * tt
        m5 += wt * tt * tt
        m6 += w * tt * tt * tt
        v0 += w * y[k]
        v1 += wt * y[k]
        v2 += w * tt * y[k]
        v3 += wt * tt * y[k]
    vector[0], vector[1], vector[2], vector[3] = v0, v1, v2, v3
    matrix[0, 0] = m0
    matrix[1, 0], matrix[1, 1] = m1, m2
    matrix[2, 0], matrix[2, 1], matrix[2, 2] = m2, m3, m4
    matrix[3, 0], matrix[3, 1], matrix[3, 2], matrix[3, 3] = m3, m4, m5, m6
    return used
