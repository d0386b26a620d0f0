"""Tests of the kernels that fit fluxes and profiles of lines in turn."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from pipeline.kernels.line_profile import (
    N_PAIRS,
    LineModel,
    ProfileSums,
    flux_equations,
    profile_at,
    profile_equations,
    solve_band,
    spread_equations,
    subtract_lines,
)

REACH, N = 6.0, 15
STEP = 2 * REACH / N
CENTRES = -REACH + STEP * (np.arange(N + 3) - 1)
LINES = np.array([6000.0, 6003.0, 6020.0])
FLUXES = np.array([5000.0, 1500.0, 20000.0])
REFERENCES, NEAR = np.array([0, 2]), np.array([[0, 2], [1, 3]])
ORDER = np.array([1, 2, 3]), np.array([0, 4]), 5990.0, 40.0
BACKGROUND = 12.0, 20.0
PRIOR = 1e-12
TRUE = np.array([BACKGROUND[0], *FLUXES, BACKGROUND[1]])


def coefficients(sigma=1.1, centre=0.0):
    bell = np.exp(-0.5 * ((CENTRES - centre) / sigma) ** 2)
    return bell / bell.sum() / STEP


EVERYWHERE = np.ones((2, N), bool)


def model(shift=0.0):
    """Return the lines without their fluxes, all displaced alike."""
    moved = np.full(len(REFERENCES), shift)
    profiles = np.tile(coefficients(), (3, 1))
    lines = LINES, REFERENCES, NEAR
    return LineModel(*lines, profiles, -REACH, STEP, moved, np.ones(4), *ORDER)


def spline(distance):
    knots = -REACH + STEP * np.arange(-3, N + 4)
    value = BSpline(knots, coefficients(), 3, extrapolate=False)(distance)
    return np.nan_to_num(value)


def simulate(rng, n=1500):
    """Return pixels around two reference lines, one of which has a neighbour."""
    number = (np.arange(n) % 2).astype(np.int16)
    offset = rng.uniform(-REACH, REACH, n).astype(np.float32)
    where = LINES[REFERENCES[number]] + offset
    light = sum(f * spline(where - w) for f, w in zip(FLUXES, LINES, strict=True))
    light = light + np.interp(where, [5990, 6030], BACKGROUND)
    variance = light + 9.0
    noisy = rng.normal(light, np.sqrt(variance)).astype(np.float32)
    place = rng.integers(0, 4, n).astype(np.int16)
    return offset, noisy, variance.astype(np.float32), place, number


def solve(samples, doubt=(0.0, np.inf), used=EVERYWHERE, solution=None):
    """Return the unknowns in the order background, three lines, background."""
    matrix, vector = np.zeros((5, 5)), np.zeros(5)
    matrix[:, 0] = PRIOR
    before = np.zeros(5) if solution is None else solution
    flux_equations(samples, model(), used, doubt, before, matrix, vector)
    full = np.array([[matrix[max(i, j), abs(i - j)] for j in range(5)] for i in range(5)])
    right, variance = vector.copy(), np.empty(5)
    assert solve_band(matrix, vector, variance)
    return vector, np.linalg.inv(full), np.linalg.solve(full, right)


@pytest.mark.parametrize("distance", [-6.1, -6.0, -2.3, 0.0, 0.41, 5.99])
def test_profile_is_a_spline(distance):
    value = profile_at(distance, coefficients(), -REACH, STEP)
    assert value == pytest.approx(float(spline(distance)), abs=1e-12)


def test_band_solution_is_that_of_the_full_matrix():
    found, _, expected = solve(simulate(np.random.default_rng(1)))
    assert np.allclose(found, expected, rtol=1e-9)
    rng, n, width = np.random.default_rng(2), 30, 6
    band = np.zeros((n, width))
    for k in range(width):
        band[k:, k] = rng.normal(size=n - k) if k else 10.0
    dense = np.zeros((n, n))
    for i in range(n):
        for k in range(min(width, i + 1)):
            dense[i, i - k] = dense[i - k, i] = band[i, k]
    right = rng.normal(size=n)
    vector, variance = right.copy(), np.empty(n)
    assert solve_band(band, vector, variance)
    assert np.allclose(vector, np.linalg.solve(dense, right))
    assert np.allclose(variance, 0.1)


def test_errors_of_fluxes_are_honest():
    rng = np.random.default_rng(5)
    pulls = []
    for _ in range(300):
        found, covariance, _ = solve(simulate(rng, 400))
        pulls.append((found[1:4] - FLUXES) / np.sqrt(np.diag(covariance)[1:4]))
    assert np.abs(np.mean(pulls, axis=0)).max() < 4 / np.sqrt(300)
    assert np.all(np.abs(np.std(pulls, axis=0) - 1) < 0.15)


def test_fluxes_scale_with_the_light():
    offset, light, variance, place, number = simulate(np.random.default_rng(6))
    one = solve((offset, light, variance, place, number))[0]
    ten = solve((offset, 10 * light, 100 * variance, place, number))[0]
    assert np.allclose(ten, 10 * one, rtol=1e-5)


def test_outliers_and_unused_parts_do_not_count():
    samples = simulate(np.random.default_rng(7))
    clean = solve(samples)[0]
    hit = (samples[0] > 3.3) & (samples[4] == 1)
    light = np.where(hit, samples[1] + 5000, samples[1]).astype(np.float32)
    dirty = (samples[0], light, *samples[2:])
    used = np.ones((2, N), bool)
    used[1, int((3.3 + REACH) / STEP) :] = False
    assert np.allclose(solve(dirty, used=used)[0][1:4], FLUXES, rtol=0.05)
    robust = solve(dirty, doubt=(0.01, 5.0), solution=clean)[0]
    assert np.allclose(robust[1:4], FLUXES, rtol=0.05)
    assert abs(solve(dirty)[0][3] / FLUXES[2] - 1) > 0.05


def equations(samples, solution=TRUE, shift=0.0):
    shapes = (2, N, N_PAIRS), (2, N, 4), (2, 2), (2, 2), (4, 2)
    out = ProfileSums(*(np.zeros(shape) for shape in shapes))
    profile_equations(samples, model(shift), (0.0, np.inf), solution, out)
    return out


def test_profiles_follow_from_the_pixels_with_honest_errors():
    rng, pulls = np.random.default_rng(8), []
    for _ in range(100):
        pairs, sums, *_ = equations(simulate(rng, 3000))
        matrix, vector, k = np.zeros((N + 3, N + 3)), np.zeros(N + 3), 0
        for a in range(4):
            vector[a : a + N] += sums.sum(axis=0)[:, a]
            for b in range(a + 1):
                for i in range(N):
                    matrix[i + a, i + b] += pairs.sum(axis=0)[i, k]
                    if a != b:
                        matrix[i + b, i + a] += pairs.sum(axis=0)[i, k]
                k += 1
        inverse = np.linalg.inv(matrix)
        pulls.append((inverse @ vector - coefficients()) / np.sqrt(np.diag(inverse)))
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.45
    assert np.all(np.abs(np.std(pulls, axis=0) - 1) < 0.3)


def test_a_displaced_line_is_noticed():
    samples = simulate(np.random.default_rng(9))
    moved = equations(samples, shift=-0.05).moved
    error = 1 / np.sqrt(moved[:, 1])
    assert np.all(np.abs(moved[:, 0] / moved[:, 1] - 0.05) < 5 * error + 2e-3)


def test_flagged_pixels_count_as_lost():
    samples = simulate(np.random.default_rng(10))
    variance = np.where(np.abs(samples[0]) < 1, np.inf, samples[2]).astype(np.float32)
    core = equations((*samples[:2], variance, *samples[3:])).core
    for j in range(2):
        near = np.abs(samples[0][samples[4] == j])
        assert tuple(core[j]) == (np.sum((near >= 1) & (near < 2.5)), np.sum(near < 2.5))


def test_no_light_has_no_solution():
    matrix = np.zeros((5, 3))
    assert not solve_band(matrix, np.zeros(5), np.empty(5))


def test_subtraction_leaves_the_background():
    samples = simulate(np.random.default_rng(11))
    rest, background = samples[1].copy(), np.zeros(len(samples[1]), np.float32)
    subtract_lines(samples, model(), TRUE, rest, background)
    where = LINES[REFERENCES[samples[4]]] + samples[0]
    assert np.allclose(background, np.interp(where, [5990, 6030], BACKGROUND), atol=1e-3)
    pull = (rest - background) / np.sqrt(samples[2])
    assert abs(np.std(pull) - 1) < 0.08 and abs(np.mean(pull)) < 0.1


def test_equations_of_splines_are_those_of_their_intervals():
    """A spline of weights w in an interval adds w w' to the matrix, w t to the vector."""
    rng = np.random.default_rng(4)
    weights, target = rng.random((2, N, 4)), rng.random((2, N))
    low = np.tril_indices(4)
    pairs = weights[:, :, low[0]] * weights[:, :, low[1]]
    matrices, vectors = np.zeros((2, N + 3, N + 3)), np.zeros((2, N + 3))
    spread_equations(pairs, weights * target[:, :, None], matrices, vectors)
    for j in range(2):
        design = np.zeros((N, N + 3))
        for i in range(N):
            design[i, i : i + 4] = weights[j, i]
        np.testing.assert_allclose(matrices[j], design.T @ design, rtol=1e-12)
        np.testing.assert_allclose(vectors[j], design.T @ target[j], rtol=1e-12)
