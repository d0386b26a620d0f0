"""Tests of the centring of arc lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import curve_fit

from pipeline.kernels.lines import (
    MAX_LINES,
    REACH,
    _equations,
    _equations_of_one,
    centre_of_light,
    fit_group,
    follow_lines,
    smooth_along,
)

N_ROWS = 60


def gauss(y, centre, width, peak):
    return peak * np.exp(-0.5 * ((y - centre) / width) ** 2)


def strip_of(centres, *, width=1.0, peak=1000.0, background=20.0, noise=None, seed=1):
    """One line through all columns, float32[n_columns, n_rows], and its noise."""
    y = np.arange(N_ROWS)
    light = np.array([gauss(y, c, width, peak) + background for c in centres])
    sigma = np.sqrt(light + 9.0) if noise is None else np.full(light.shape, noise)
    if noise != 0.0:
        light = light + np.random.default_rng(seed).normal(0, sigma)
    return light.astype(np.float32), sigma.astype(np.float32)


def follow(strip, sigma, row, offsets=()):
    n = len(strip)
    columns = np.array([[0, n // 2, n - 1]])
    places = np.zeros((1, MAX_LINES))
    places[0, 1 : 1 + len(offsets)] = offsets
    rows, n_lines = np.array([row]), np.array([1 + len(offsets)])
    return follow_lines(strip, sigma, rows, columns, places, n_lines)[0]


def test_a_line_by_itself_has_the_sums_of_any_group():
    rng = np.random.default_rng(2)
    n, size = 2 * REACH + 1, 3 + MAX_LINES
    place = np.arange(-REACH, REACH + 1.0)
    light = rng.normal(gauss(place, 0.3, 1.1, 800.0) + 30.0, 20.0)
    p = np.array([0.2, 1.0, 25.0, 700.0])
    found = []
    for one in (False, True):
        matrix, vector, gradient = np.zeros((size, size)), np.zeros(4), np.zeros((n, size))
        rest = (p, matrix, vector, gradient)
        if one:
            _equations_of_one(light, place, n, *rest)
        else:
            _equations(light, place, n, np.zeros(MAX_LINES), 1, *rest)
        found.append((matrix, vector, gradient))
    for ours, general in zip(*found, strict=True):
        assert_array_equal(ours, general)


def test_equals_scipy():
    strip, sigma = strip_of([30.3], noise=5.0)
    found = follow(strip, sigma, 30.0)[0]
    y = np.arange(30 - REACH, 30 + REACH + 1)

    def model(y, centre, width, peak, background):
        return gauss(y, centre, width, peak) + background

    best, covariance = curve_fit(
        model, y, strip[0, y], (30, 1, 1000, 0), sigma=np.full(len(y), 5.0),
        absolute_sigma=True,
    )  # fmt: skip
    assert_allclose(found[[0, 2, 3]], best[:3], rtol=5e-5)
    assert found[1] == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-3)


@given(shift=st.integers(-15, 15), centre=st.floats(29.5, 30.5))
def test_moves_with_the_line(shift, centre):
    strip, sigma = strip_of([centre], noise=0.0)
    moved, _ = strip_of([centre + shift], noise=0.0)
    there = follow(strip, sigma, 30.0)[0, 0]
    assert there == pytest.approx(centre, abs=1e-4)
    assert follow(moved, sigma, 30.0 + shift)[0, 0] == pytest.approx(
        there + shift, abs=1e-4
    )


def test_errors_are_honest():
    centres = np.full(800, 30.2)
    strip, sigma = strip_of(centres, peak=400.0)
    found = follow(strip, sigma, 30.0)
    pull = (found[:, 0] - centres) / found[:, 1]
    assert np.isfinite(pull).all()
    assert pull.std() == pytest.approx(1.0, abs=0.08)
    assert abs(pull.mean()) < 0.15


def test_follows_a_tilted_line_from_the_middle():
    centres = 30 + 0.05 * np.arange(-40, 41)
    strip, sigma = strip_of(centres, noise=0.0)
    assert_allclose(follow(strip, sigma, 30.2)[:, 0], centres, atol=1e-4)


def test_a_neighbour_does_not_pull():
    strip, sigma = strip_of([30.0] * 5, noise=0.0)
    other, _ = strip_of([33.0] * 5, peak=700.0, background=0.0, noise=0.0)
    alone = follow(strip + other, sigma, 30.0)
    together = follow(strip + other, sigma, 30.0, offsets=[3.0])
    assert not abs(alone[0, 0] - 30.0) < 0.02
    assert_allclose(together[:, 0], 30.0, atol=1e-4)
    assert_allclose(together[:, 3], 1000.0, rtol=1e-3)


def test_the_centre_of_light_of_a_skewed_line():
    y = np.arange(N_ROWS)
    light = gauss(y, 30.0, 1.0, 1000.0) + gauss(y, 30.8, 1.6, 150.0)
    truth = (1000 * 30.0 + 150 * 1.6 * 30.8) / (1000 + 150 * 1.6)
    strip = light.astype(np.float32)[np.newaxis]
    found = follow(strip, np.ones_like(strip), 30.0)[0]
    assert found[0] < truth - 0.03
    assert found[0] + found[4] == pytest.approx(truth, abs=0.012)
    p = np.array([0.0, 1.0, 0.0, 1000.0] + [0.0] * 5)
    symmetric = gauss(np.arange(-5.0, 6.0), 0.0, 1.0, 1000.0)
    assert abs(centre_of_light(symmetric, np.arange(-5.0, 6.0), 11, p)) < 1e-12


@pytest.mark.parametrize("value", [0.0, 100.0])
def test_no_line_no_centre(value):
    strip = np.full((3, N_ROWS), value, np.float32)
    assert np.isnan(follow(strip, np.ones_like(strip), 30.0)).all()


def test_a_bad_pixel_in_the_core_loses_the_column_one_in_the_wing_does_not():
    strip, sigma = strip_of([30.0] * 7, noise=0.0)
    sigma[2, 31], sigma[5, 34] = np.inf, np.inf
    strip[2, 31] = strip[5, 34] = 6e4
    found = follow(strip, sigma, 30.0)[:, 0]
    assert np.flatnonzero(np.isnan(found)).tolist() == [2]
    assert_allclose(np.delete(found, 2), 30.0, atol=1e-4)


def test_too_few_pixels_give_no_error():
    p, few, offsets = np.zeros(3 + MAX_LINES), np.ones(4), np.zeros(MAX_LINES)
    matrix, gradient = np.empty((len(p), len(p))), np.empty((4, len(p)))
    place = np.arange(4.0)
    assert np.isinf(fit_group(few, few, place, 4, offsets, 1, p, matrix, gradient))


def test_deviant_columns_are_rejected():
    rng = np.random.default_rng(4)
    x = np.arange(70)
    found = np.full((2, 70, 5), np.nan)
    found[0, :, 0] = 30 + 0.01 * x + 1e-4 * x**2 + rng.normal(0, 0.01, 70)
    found[0, 20, 0] += 0.5
    found[1, :5, 0] = 12.0
    scatter = np.empty(2)
    smooth_along(found, 3, 3.0, scatter)
    lost = np.flatnonzero(np.isnan(found[0, :, 0]))
    assert 20 in lost and len(lost) < 4
    assert scatter[0] == pytest.approx(0.01, rel=0.25)
    assert np.isnan(scatter[1]) and np.isnan(found[1]).all()
