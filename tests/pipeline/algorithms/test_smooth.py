"""Tests of smoothing curves."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.smooth import CUT_ON, smooth_spectrum, window_limits

X = np.arange(4700.0, 5600.0, 1.25)
SLOW = 10.0 + 0.002 * (X - 5000.0) + np.sin(X / 300.0)
ERROR = np.full(len(X), 0.05)


def noisy(seed=1):
    return SLOW + 0.05 * np.random.default_rng(seed).standard_normal(len(X))


@pytest.mark.parametrize("method", ["median", "ppoly"])
def test_noise_goes_and_the_curve_stays(method):
    found = smooth_spectrum(X, noisy(), ERROR, method, "WFM-AO-E").values
    inner = slice(40, -40)
    assert np.std((found - SLOW)[inner]) < 0.5 * 0.05
    assert abs(np.mean((found - SLOW)[inner])) < 0.01


@pytest.mark.parametrize("method", ["median", "ppoly"])
def test_an_outlier_is_not_followed(method):
    values = noisy()
    values[300] += 50.0
    without = smooth_spectrum(X, noisy(), ERROR, method, "WFM-AO-E").values
    found = smooth_spectrum(X, values, ERROR, method, "WFM-AO-E").values
    assert np.abs(found - without).max() < 0.06


@pytest.mark.parametrize("method", ["median", "ppoly"])
def test_bluer_than_the_filter_nothing_changes(method):
    values = noisy()
    found = smooth_spectrum(X, values, ERROR, method, "WFM-NOAO-N")
    blue = np.less(X, CUT_ON["WFM-NOAO-N"])
    assert_array_equal(found.values[blue], values[blue])
    assert_array_equal(found.errors[blue], ERROR[blue])
    assert np.mean(found.values[~blue] != values[~blue]) > 0.9


@pytest.mark.parametrize("method", ["median", "ppoly"])
def test_errors_grow_by_the_scatter(method):
    rough = SLOW + 0.5 * np.random.default_rng(2).standard_normal(len(X))
    found = smooth_spectrum(X, rough, ERROR, method, "WFM-AO-E")
    assert np.median(found.errors) > 0.2
    assert np.all(smooth_spectrum(X, SLOW, ERROR, method, "").errors >= 0.05 - 1e-9)


def test_scale_does_not_matter():
    one, big = (
        smooth_spectrum(X, f * noisy(), f * ERROR, "ppoly", "").values for f in (1.0, 1e6)
    )
    assert_allclose(big, 1e6 * one, rtol=1e-6)


def test_none_is_a_copy():
    values = noisy()
    found = smooth_spectrum(X, values, ERROR, "none", "WFM-AO-N")
    assert_array_equal(found.values, values)
    found.values[0] = 0.0
    assert values[0] != 0.0


@pytest.mark.parametrize("method", ["median", "ppoly"])
def test_one_point_stays(method):
    found = smooth_spectrum(np.array([5000.0]), np.ones(1), np.ones(1), method, "")
    assert_array_equal(found.values, [1.0])


def test_windows_hold_what_is_near():
    first, stop = window_limits(np.array([0.0, 1.0, 2.0, 10.0]), 1.0)
    assert (first.tolist(), stop.tolist()) == ([0, 0, 1, 3], [2, 3, 3, 4])
    assert all(limit.size == 0 for limit in window_limits(np.empty(0), 1.0))
