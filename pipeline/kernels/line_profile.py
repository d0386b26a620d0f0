"""Arc lines that share a profile: their fluxes, and the profile itself, in turn.

The profile of a line is a sum of uniform cubic B-splines of the distance from the line.
A pixel holds ``f * sum(flux * profile(distance - shift)) + background``, where f is the
relative illumination of its column. Fluxes and backgrounds are found by least squares
with the profile fixed; then the pixels that belong to a reference line say what its
profile is, interval by interval between two knots.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.line_samples import Samples

N_PAIRS = 10
"""Products of the four splines of an interval with each other."""
CORE = 2.5
"""Half width of the core of a line [Angstrom] (ours)."""


class LineModel(NamedTuple):
    """What is assumed of the lines of a lamp in a slice; all but the fluxes.

    Parameters
    ----------
    wavelength : float64[n_lines]
        Of all lines [Angstrom], rising.
    references : int64[n_ref]
        Which of them are the reference lines.
    near : int64[n_ref, 2]
        First and last line + 1 that may reach the pixels of each of these.
    profiles : float64[n_lines, n_intervals + 3]
        Profile of each line [1/Angstrom].
    first_knot, knot_step : float
        First knot and distance of the knots [Angstrom].
    shift : float64[n_ref]
        Displacement of the reference lines [Angstrom].
    illumination : float64[nx]
        Relative illumination of the detector columns.
    flux_order : int64[n_lines]
        Places of the fluxes among the unknowns.
    back_order : int64[n_background]
        Places of the background at equidistant wavelengths.
    first_back, back_step : float
        First of these wavelengths and their distance [Angstrom].
    """

    wavelength: NDArray[np.float64]
    references: NDArray[np.int64]
    near: NDArray[np.int64]
    profiles: NDArray[np.float64]
    first_knot: float
    knot_step: float
    shift: NDArray[np.float64]
    illumination: NDArray[np.float64]
    flux_order: NDArray[np.int64]
    back_order: NDArray[np.int64]
    first_back: float
    back_step: float


class ProfileSums(NamedTuple):
    """What the pixels of a slice say of the profiles of its lines.

    Parameters
    ----------
    pairs, sums : float64[n_ref, n_intervals, N_PAIRS], float64[n_ref, n_intervals, 4]
        Normal equations of the four splines of each interval.
    moved : float64[n_ref, 2]
        Numerator and denominator of the correction of the shift.
    core : float64[n_ref, 2]
        Number of good and of all pixels nearer to the line than `CORE`.
    columns : float64[nx, 2]
        Numerator and denominator of the illumination of the columns.
    """

    pairs: NDArray[np.float64]
    sums: NDArray[np.float64]
    moved: NDArray[np.float64]
    core: NDArray[np.float64]
    columns: NDArray[np.float64]


@kernel
def spline_weights(u: float, weights: NDArray[np.float64]) -> None:
    """Fill the values of the four cubic B-splines of an interval, ``0 <= u < 1``."""
    v = 1.0 - u
    weights[0] = v * v * v / 6.0
    weights[1] = (4.0 + u * u * (3.0 * u - 6.0)) / 6.0
    weights[3] = u * u * u / 6.0
    weights[2] = 1.0 - weights[0] - weights[1] - weights[3]


@kernel
def profile_at(
    distance: float, coefficients: NDArray[np.float64], first: float, step: float
) -> float:
    """Return a profile at some distance from the line; 0 beyond the knots.

    Parameters
    ----------
    distance : float
        [Angstrom].
    coefficients : float64[n_intervals + 3]
        Of the B-splines [1/Angstrom].
    first, step : float
        First knot and distance of the knots [Angstrom].
    """
    t = (distance - first) / step
    i = math.floor(t)
    if i < 0 or i + 3 >= coefficients.shape[0]:
        return 0.0
    u = t - i
    v = 1.0 - u
    a, d = v * v * v, u * u * u
    b = 4.0 + u * u * (3.0 * u - 6.0)
    c = 6.0 - a - b - d
    value: float = (
        a * coefficients[i]
        + b * coefficients[i + 1]
        + c * coefficients[i + 2]
        + d * coefficients[i + 3]
    ) / 6.0
    return value


@kernel
def background_place(where: float, model: LineModel) -> tuple[int, float]:
    """Return between which wavelengths of the background a pixel lies.

    The number of the lower one, and how far the pixel is on the way to the upper one.
    """
    last = model.back_order.shape[0] - 1.000001
    t = min(max((where - model.first_back) / model.back_step, 0.0), last)
    q = int(t)
    return q, t - q


@kernel
def flux_equations(
    samples: Samples,
    model: LineModel,
    used: NDArray[np.bool_],
    doubt: tuple[float, float],
    solution: NDArray[np.float64],
    matrix: NDArray[np.float64],
    vector: NDArray[np.float64],
) -> None:
    """Add the pixels of a slice to the normal equations of fluxes and background.

    Parameters
    ----------
    samples
        As `pipeline.kernels.line_samples.gather_samples` gives them.
    model
        Profiles and layout of the unknowns.
    used : bool[n_ref, n_intervals]
        Which pixels count, by reference line and interval.
    doubt : (float, float)
        Error of the model relative to the light, and rejection limit [sigma].
    solution : float64[n_unknowns]
        From the round before: sets weights and rejection.
    matrix : float64[n_unknowns, width]
        Lower band of the normal matrix: element ``[i, k]`` stands for ``(i, i - k)``.
    vector : float64[n_unknowns]
        Right-hand side.
    """
    offset, light, variance, place, number = samples
    wavelength, references, near = model.wavelength, model.references, model.near
    profiles, first, step = model.profiles, model.first_knot, model.knot_step
    flux_order, back_order = model.flux_order, model.back_order
    n_lines = wavelength.shape[0]
    index, value = np.empty(n_lines + 2, np.int64), np.empty(n_lines + 2)
    for p in range(offset.shape[0]):
        j = number[p]
        if not math.isfinite(variance[p]):
            continue
        interval = math.floor((offset[p] - first) / step)
        if not used[j, min(max(interval, 0), used.shape[1] - 1)]:
            continue
        where = wavelength[references[j]] + offset[p]
        factor = model.illumination[place[p]]
        n, expected, bright = 0, 0.0, 0.0
        for k in range(near[j, 0], near[j, 1]):
            distance = where - wavelength[k]
            if k == references[j]:
                distance -= model.shift[j]
            share = profile_at(distance, profiles[k], first, step)
            if share != 0.0:
                index[n], value[n] = flux_order[k], factor * share
                bright += solution[index[n]] * value[n]
                n += 1
        q, part = background_place(where, model)
        index[n], value[n] = back_order[q], 1.0 - part
        index[n + 1], value[n + 1] = back_order[q + 1], part
        expected = bright + solution[index[n]] * value[n]
        expected += solution[index[n + 1]] * value[n + 1]
        n += 2
        total = variance[p] + (doubt[0] * bright) ** 2
        if (light[p] - expected) ** 2 > doubt[1] ** 2 * total:
            continue
        for a in range(n):
            weighted = value[a] / total
            vector[index[a]] += weighted * light[p]
            for b in range(n):
                if index[b] <= index[a]:
                    matrix[index[a], index[a] - index[b]] += weighted * value[b]


@kernel
def solve_band(
    matrix: NDArray[np.float64], vector: NDArray[np.float64], variance: NDArray[np.float64]
) -> bool:
    """Solve positive definite equations of a band, in place.

    Parameters
    ----------
    matrix : float64[n, width]
        Lower band, see `flux_equations`; becomes its Cholesky factor.
    vector : float64[n]
        Right-hand side; becomes the solution.
    variance : float64[n]
        Becomes the variance of each unknown with all others fixed.

    Returns
    -------
    bool
        False if the matrix is not positive definite.
    """
    n, width = matrix.shape
    for i in range(n):
        if not matrix[i, 0] > 0.0:
            return False
        variance[i] = 1.0 / matrix[i, 0]
        for k in range(min(width - 1, i), -1, -1):
            j = i - k
            total = matrix[i, k]
            for m in range(k + 1, min(width - 1, i) + 1):
                if m - k < width:
                    total -= matrix[i, m] * matrix[j, m - k]
            if k > 0:
                matrix[i, k] = total / matrix[j, 0]
            elif total > 1e-14 * matrix[i, 0]:
                matrix[i, 0] = math.sqrt(total)
            else:
                return False
    for i in range(n):
        for k in range(1, min(width - 1, i) + 1):
            vector[i] -= matrix[i, k] * vector[i - k]
        vector[i] /= matrix[i, 0]
    for i in range(n - 1, -1, -1):
        for k in range(1, min(width - 1, n - 1 - i) + 1):
            vector[i] -= matrix[i + k, k] * vector[i + k]
        vector[i] /= matrix[i, 0]
    return True


@kernel
def profile_equations(
    samples: Samples,
    model: LineModel,
    doubt: tuple[float, float],
    solution: NDArray[np.float64],
    out: ProfileSums,
) -> None:
    """Add the pixels of a slice to the normal equations of the profiles.

    Parameters
    ----------
    samples, model, doubt
        As in `flux_equations`.
    solution : float64[n_unknowns]
        Fluxes and background.
    out
        What the pixels say is added to it.
    """
    offset, light, variance, place, number = samples
    wavelength, references, near = model.wavelength, model.references, model.near
    profiles, first, step = model.profiles, model.first_knot, model.knot_step
    flux_order, back_order = model.flux_order, model.back_order
    pairs, sums, moved, core, columns = out
    n_intervals = sums.shape[1]
    weights = np.empty(4)
    for p in range(offset.shape[0]):
        j = number[p]
        middle = references[j]
        inside = abs(offset[p]) < CORE
        core[j, 1] += inside
        if not math.isfinite(variance[p]):
            continue
        core[j, 0] += inside
        where = wavelength[middle] + offset[p]
        factor = model.illumination[place[p]]
        others = 0.0
        for k in range(near[j, 0], near[j, 1]):
            if k != middle:
                others += solution[flux_order[k]] * profile_at(
                    where - wavelength[k], profiles[k], first, step
                )
        q, part = background_place(where, model)
        background = solution[back_order[q]] * (1.0 - part)
        background += solution[back_order[q + 1]] * part
        t = (offset[p] - model.shift[j] - first) / step
        i = math.floor(t)
        if i < 0 or i >= n_intervals:
            continue
        spline_weights(t - i, weights)
        flux = solution[flux_order[middle]]
        own = 0.0
        for a in range(4):
            own += weights[a] * profiles[middle, i + a]
        own *= flux
        bright = factor * (own + others)
        total = variance[p] + (doubt[0] * bright) ** 2
        rest = light[p] - background - bright
        if rest * rest > doubt[1] ** 2 * total:
            continue
        gain = factor * flux
        target = light[p] - background - factor * others
        k = 0
        for a in range(4):
            weighted = weights[a] * gain / total
            sums[j, i, a] += weighted * target
            for b in range(a + 1):
                pairs[j, i, k] += weighted * gain * weights[b]
                k += 1
        u, v = t - i, 1.0 - (t - i)
        slope = (
            -0.5 * v * v * profiles[middle, i]
            + (1.5 * u - 2.0) * u * profiles[middle, i + 1]
            + (1.5 * v * v - 2.0 * v) * -1.0 * profiles[middle, i + 2]
            + 0.5 * u * u * profiles[middle, i + 3]
        ) / step
        steep = -gain * slope
        moved[j, 0] += steep * rest / total
        moved[j, 1] += steep * steep / total
        columns[place[p], 0] += (own + others) * (light[p] - background) / total
        columns[place[p], 1] += (own + others) ** 2 / total


@kernel
def subtract_lines(
    samples: Samples,
    model: LineModel,
    solution: NDArray[np.float64],
    rest: NDArray[np.float32],
    background: NDArray[np.float32],
) -> None:
    """Take all lines out of the pixels of a slice.

    Parameters
    ----------
    samples, model
        As in `flux_equations`.
    solution : float64[n_unknowns]
        Fluxes and background.
    rest : float32[n]
        Light of the pixels; that of the lines is subtracted [count].
    background : float32[n]
        Becomes the background [count].
    """
    offset, _, _, place, number = samples
    wavelength, references, near = model.wavelength, model.references, model.near
    profiles, first, step = model.profiles, model.first_knot, model.knot_step
    flux_order, back_order = model.flux_order, model.back_order
    for p in range(offset.shape[0]):
        j = number[p]
        where = wavelength[references[j]] + offset[p]
        light = 0.0
        for k in range(near[j, 0], near[j, 1]):
            distance = where - wavelength[k]
            if k == references[j]:
                distance -= model.shift[j]
            share = profile_at(distance, profiles[k], first, step)
            light += solution[flux_order[k]] * share
        q, part = background_place(where, model)
        background[p] = solution[back_order[q]] * (1.0 - part)
        background[p] += solution[back_order[q + 1]] * part
        rest[p] -= model.illumination[place[p]] * light


@kernel
def spread_equations(
    pairs: NDArray[np.float64],
    sums: NDArray[np.float64],
    matrices: NDArray[np.float64],
    vectors: NDArray[np.float64],
) -> None:
    """Add the equations of intervals to those of all splines.

    Parameters
    ----------
    pairs, sums : float64[n_lines, n_intervals, N_PAIRS], float64[n_lines, n_intervals, 4]
        As in `ProfileSums`.
    matrices, vectors : float64[n_lines, n_intervals + 3, n_intervals + 3], [n_lines, ...]
        Normal equations of each line, both triangles.
    """
    n_intervals = sums.shape[1]
    for j in range(sums.shape[0]):
        k = 0
        for a in range(4):
            for i in range(n_intervals):
                vectors[j, i + a] += sums[j, i, a]
            for b in range(a + 1):
                for i in range(n_intervals):
                    matrices[j, i + a, i + b] += pairs[j, i, k]
                    if a != b:
                        matrices[j, i + b, i + a] += pairs[j, i, k]
                k += 1
