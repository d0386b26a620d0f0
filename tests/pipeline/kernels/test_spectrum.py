"""Spectra applied to pixels, and local cubic fits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.spectrum import (
    at_wavelength,
    interval_at,
    local_cubic,
    multiply_by_spectrum,
    running_medians,
    running_moments,
)


@given(st.floats(4000, 10000), st.integers(0, 1000))
def test_interpolation_is_numpys(wavelength: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=50)
    expected = np.interp(wavelength, 5000 + 40.0 * np.arange(50), values)
    assert at_wavelength(wavelength, 5000.0, 40.0, values) == pytest.approx(
        expected, abs=1e-9
    )


@given(st.floats(4000, 10000), st.integers(1, 60))
def test_a_wavelength_lies_in_its_interval(wavelength: float, n: int) -> None:
    places = 5000 + 40.0 * np.arange(n)
    a, b, low, high = interval_at(wavelength, 5000.0, 40.0, n)
    assert low <= wavelength < high
    if a == b:
        assert (a, low) == (n - 1, places[-1]) or (a, high) == (0, places[0])
    else:
        assert b == a + 1 and (low, high) == pytest.approx((places[a], places[b]))


def test_pixels_in_any_order_get_the_factor_of_their_wavelength() -> None:
    rng = np.random.default_rng(3)
    wavelength = rng.uniform(4900, 5700, 3000).astype(np.float32)
    curve = rng.uniform(0.5, 2.0, 60)
    for used in (wavelength, np.sort(wavelength)):
        data, stat = np.ones(3000, np.float32), np.ones(3000, np.float32)
        multiply_by_spectrum(used, data, stat, 5000.0, 10.0, curve)
        expected = np.interp(used, 5000 + 10.0 * np.arange(60), curve)
        np.testing.assert_allclose(data, expected, rtol=1e-6)


def test_one_value_is_a_constant() -> None:
    wavelength = np.array([4000, 5000, 6000], np.float32)
    data, stat = np.ones(3, np.float32), np.ones(3, np.float32)
    multiply_by_spectrum(wavelength, data, stat, 5000.0, 10.0, np.array([3.0]))
    assert (data == 3.0).all() and (stat == 9.0).all()


def test_variance_goes_with_the_square() -> None:
    rng = np.random.default_rng(1)
    wavelength = rng.uniform(4900, 5600, 4000).astype(np.float32)
    curve = 2 + np.sin(np.arange(60) / 5)
    factor = np.interp(wavelength, 5000 + 10.0 * np.arange(60), curve)
    noise = rng.standard_normal((200, 4000)).astype(np.float32)
    stat = np.ones(4000, np.float32)
    for row in noise:
        own = np.ones(4000, np.float32)
        multiply_by_spectrum(wavelength, row, own, 5000.0, 10.0, curve)
    multiply_by_spectrum(wavelength, noise[0] * 0, stat, 5000.0, 10.0, curve)
    np.testing.assert_allclose(stat, factor**2, rtol=1e-5)
    pull = noise / np.sqrt(stat)
    assert pull.std() == pytest.approx(1, abs=0.01)


def test_local_cubic_is_a_polynomial_fit() -> None:
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(0, 1000, 400))
    y = rng.normal(size=400)
    weight = rng.uniform(0.5, 2, 400)
    smooth, rms = local_cubic(x, y, weight, 120.0, np.inf, 0)
    for i in (0, 57, 200, 399):
        near = np.abs(x - x[i]) <= 120
        fit = np.polyfit(x[near] - x[i], y[near], 3, w=np.sqrt(weight[near]))
        assert smooth[i] == pytest.approx(fit[-1], abs=1e-8)
        residual = y[near] - np.polyval(fit, x[near] - x[i])
        expected = np.sqrt((weight[near] * residual**2).sum() / weight[near].sum())
        assert rms[i] == pytest.approx(expected)


def test_cubics_are_left_alone_and_outliers_are_not_followed() -> None:
    x = np.linspace(0, 10, 200)
    y = 1 + x - 0.2 * x**2 + 0.01 * x**3
    spiked = y.copy()
    spiked[100] += 5
    smooth, rms = local_cubic(x, spiked, np.ones(200), 2.0, 3.0, 10)
    np.testing.assert_allclose(smooth, y, atol=1e-6)
    assert np.isfinite(rms).all()


def test_few_points_stay_as_they_are() -> None:
    x, y = np.array([0.0, 1.0, 2.0]), np.array([5.0, 7.0, 1.0])
    smooth, rms = local_cubic(x, y, np.ones(3), 10.0, 3.0, 5)
    np.testing.assert_array_equal(smooth, y)
    np.testing.assert_array_equal(rms, 0)


def test_running_moments_are_those_of_numpy() -> None:
    y = 1e6 + np.random.default_rng(4).normal(size=50)
    first = np.maximum(np.arange(50) - 4, 0)
    stop = np.minimum(np.arange(50) + 3, 50)
    mean, deviation = running_moments(y, first, stop)
    parts = [y[a:b] for a, b in zip(first, stop, strict=True)]
    np.testing.assert_allclose(mean, [p.mean() for p in parts], rtol=1e-14)
    np.testing.assert_allclose(deviation, [p.std() for p in parts], rtol=1e-9)
    alone = np.arange(50)
    assert (running_moments(y, alone, alone + 1)[1] == 0).all()


def test_running_medians_are_numpys_and_leave_the_points_alone() -> None:
    y = np.random.default_rng(4).normal(size=80)
    kept = y.copy()
    first, stop = np.arange(0, 70), np.arange(0, 70) + 1 + np.arange(70) % 10
    expected = [np.median(y[a:b]) for a, b in zip(first, stop, strict=True)]
    np.testing.assert_allclose(running_medians(y, first, stop), expected)
    np.testing.assert_array_equal(y, kept)
