"""Tests of the edge fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import least_squares
from scipy.special import ndtr

from pipeline.kernels.edges import INSIDE, N_PARAMETERS, OUTSIDE, fit_edge, follow_edges


def cut_of_slice(left, right, *, width=0.7, light=1000.0, tilt=0.002, n=60):
    """Light along a row through one slice, float32[n]."""
    x = np.arange(n)
    inside = ndtr((x - left) / width) - ndtr((x - right) / width)
    return (light * (1 + tilt * (x - left)) * inside).astype(np.float32)


def fit(cut, guess, side):
    p = np.empty(N_PARAMETERS)
    found = fit_edge(cut, guess, side, p)
    return found, guess + side * p[0], p


@settings(deadline=None)  # the first call compiles
@given(left=st.floats(9.5, 10.5), width=st.floats(0.4, 1.2), light=st.floats(1.0, 1e5))
def test_an_edge_is_found_whatever_its_sharpness(left, width, light):
    cut = cut_of_slice(left, left + 40, width=width, light=light)
    found, place, p = fit(cut, 10.0, 1)
    assert found
    assert place == pytest.approx(left, abs=1e-3)
    assert p[1] == pytest.approx(width, abs=2e-3)


def test_equals_scipy():
    rng = np.random.default_rng(8)
    cut = cut_of_slice(10.3, 45.0) + rng.normal(0, 5, 60).astype(np.float32)
    x = np.arange(10 - OUTSIDE, 10 + INSIDE + 1)

    def residuals(q):
        plateau = q[2] + q[3] * (x - q[0])
        return q[4] + plateau * ndtr((x - q[0]) / q[1]) - cut[x]

    best = least_squares(residuals, [10, 0.7, 1000, 0, 0], xtol=1e-12).x
    assert_allclose(fit(cut, 10.0, 1)[1], best[0], atol=1e-4)


def test_mirrored_cuts_give_mirrored_edges():
    cut = cut_of_slice(10.2, 44.7, tilt=0.0)
    left, right = fit(cut, 10.0, 1)[1], fit(cut, 45.0, -1)[1]
    mirrored = np.ascontiguousarray(cut[::-1])
    assert fit(mirrored, 59 - 45.0, 1)[1] == pytest.approx(59 - right, abs=1e-6)
    assert fit(mirrored, 59 - 10.0, -1)[1] == pytest.approx(59 - left, abs=1e-6)


def test_edges_scatter_as_the_noise_demands():
    rng = np.random.default_rng(5)
    cut = cut_of_slice(10.3, 45.0)
    noise = [rng.normal(0, 10, 60).astype(np.float32) for _ in range(300)]
    places = np.array([fit(cut + n, 10.0, 1)[1] for n in noise])
    x, q = np.arange(6, 20), np.array([10.3, 0.7, 1000.0, 2.0, 0.0])

    def model(p):
        return p[4] + (p[2] + p[3] * (x - p[0])) * ndtr((x - p[0]) / p[1])

    steps = np.diag([1e-4, 1e-4, 0.1, 0.01, 0.1])
    jacobian = np.array([(model(q + d) - model(q - d)) / (2 * d.sum()) for d in steps])
    expected = np.sqrt(np.linalg.inv(jacobian @ jacobian.T / 100.0)[0, 0])
    assert np.std(places) / expected == pytest.approx(1.0, abs=0.15)
    assert abs(np.mean(places) - 10.3) < 4 * expected / np.sqrt(len(noise))


def test_a_dark_pixel_is_left_out():
    cut = cut_of_slice(10.3, 45.0)
    cut[14] *= 0.2
    assert fit(cut, 10.0, 1)[1] == pytest.approx(10.3, abs=0.005)


@pytest.mark.parametrize("cut", [np.zeros(60), np.full(60, 5.0), np.full(60, np.nan)])
def test_no_light_no_edge(cut):
    assert not fit(cut.astype(np.float32), 10.0, 1)[0]


def test_follows_slanted_edges_both_ways():
    places = 12 + 0.4 * np.arange(20)
    cuts = np.array([cut_of_slice(p, p + 25) for p in places])
    edges = follow_edges(cuts, 10, np.array([places[10]]), np.array([places[10] + 25]), 0.0)
    assert_allclose(edges[0, :, 0], places, atol=2e-3)
    assert_allclose(edges[0, :, 1], places + 25, atol=2e-3)


def test_other_fractions_of_light_move_the_edge_outwards_or_inwards():
    cuts = np.array([cut_of_slice(10.0, 40.0)])
    half, inner = (
        follow_edges(cuts, 0, np.array([10.0]), np.array([40.0]), level) for level in (0, 1)
    )
    assert_allclose(inner - half, [[[0.7, -0.7]]], atol=5e-3)
