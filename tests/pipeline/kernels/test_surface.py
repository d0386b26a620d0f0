"""Tests of the least-squares surfaces."""

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebval2d, chebvander2d
from numpy.testing import assert_allclose

from pipeline.kernels.surface import add_places, solve_surface, surface_at


@pytest.fixture
def places():
    rng = np.random.default_rng(7)
    x, y = rng.uniform(-1, 1, (2, 300))
    truth = rng.normal(0, 1, (3, 5))
    values = chebval2d(x, y, truth) + rng.normal(0, 0.1, 300)
    return x, y, values, rng.uniform(50, 150, 300), truth


def fit(x, y, values, weights):
    matrix, vector = np.zeros((15, 15)), np.zeros(15)
    add_places(x, y, values, weights, 3, 5, matrix, vector)
    return solve_surface(matrix, vector, 3, 5)


def test_equals_numpy(places):
    x, y, values, weights, _ = places
    root = np.sqrt(weights)
    design = chebvander2d(x, y, (2, 4)) * root[:, None]
    best = np.linalg.lstsq(design, values * root, rcond=None)[0]
    assert_allclose(fit(x, y, values, weights).ravel(), best, rtol=1e-8)


def test_evaluates_as_numpy_does(places):
    x, y, *_, truth = places
    assert_allclose(surface_at(truth, x, y), chebval2d(x, y, truth), rtol=1e-10)


def test_scatters_as_the_weights_say(places):
    x, y, _, _, truth = places
    rng = np.random.default_rng(1)
    weights = np.full(300, 100.0)
    design = chebvander2d(x, y, (2, 4))
    sigma = np.sqrt(np.diag(np.linalg.inv(design.T @ design * 100.0)))
    clean = chebval2d(x, y, truth)
    pulls = [
        (fit(x, y, clean + rng.normal(0, 0.1, 300), weights) - truth).ravel() / sigma
        for _ in range(60)
    ]
    assert np.std(pulls) == pytest.approx(1.0, abs=0.08)


def test_places_can_be_taken_out_again(places):
    x, y, values, weights, _ = places
    matrix, vector = np.zeros((15, 15)), np.zeros(15)
    add_places(x, y, values, weights, 3, 5, matrix, vector)
    out = np.where(np.arange(300) % 3 == 0, -weights, 0.0)
    add_places(x, y, values, out, 3, 5, matrix, vector)
    left = np.where(np.arange(300) % 3 == 0, 0.0, weights)
    assert_allclose(solve_surface(matrix, vector, 3, 5), fit(x, y, values, left), rtol=1e-7)


def test_too_few_places_give_nan(places):
    x, y, values, weights, _ = (part[:10] for part in places)
    assert np.isnan(fit(x, y, values, weights)).all()
