"""Curves with few parameters, beside scipy."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import least_squares

from pipeline.algorithms.curve_fit import fit_curve

X = np.linspace(0.0, 4.0, 60)


def decay(x, p):
    """A level and an exponential, with derivatives."""
    shape = np.exp(-p[1] * x)
    return p[0] * shape + p[2], np.column_stack([shape, -p[0] * x * shape, np.ones(x.size)])


@pytest.mark.parametrize("seed", range(5))
def test_the_minimum_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    values = decay(X, np.array([3.0, 1.5, 0.4]))[0] + rng.normal(0.0, 0.1, X.size)
    start = np.array([1.0, 0.5, 0.0])
    found = fit_curve(partial(decay, X), start, values)
    best = least_squares(lambda p: decay(X, p)[0] - values, start, method="lm", xtol=1e-12)
    np.testing.assert_allclose(found, best.x, rtol=2e-5)


def test_exact_values_give_the_parameters():
    truth = np.array([3.0, 1.5, 0.4])
    found = fit_curve(partial(decay, X), np.array([1.0, 0.5, 0.0]), decay(X, truth)[0])
    np.testing.assert_allclose(found, truth, rtol=1e-9)


def test_a_curve_without_a_value_is_not_fitted():
    values = np.full(X.size, np.nan)
    assert fit_curve(partial(decay, X), np.array([1.0, 0.5, 0.0]), values) is None
