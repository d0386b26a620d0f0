"""Tests of radial profiles, against functions whose light is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.star_profiles import (
    N_RADII_MIN,
    PEDESTAL,
    RADII,
    REACH,
    encircled,
    half_width,
    model_profile,
    seen_radii,
    smooth_over_bands,
    window_share,
    with_wings,
)

FINE = np.linspace(0.0, REACH, 4001)


def gaussian(radii, sigma):
    return np.exp(-(radii**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)


def moffat(radii, alpha=4.0, beta=2.6):
    return (beta - 1) / (np.pi * alpha**2) * (1 + (radii / alpha) ** 2) ** -beta


def test_encircled_light_is_exact_for_straight_pieces():
    """A cone of height 1 and radius 3 holds pi 3**2 / 3."""
    radii = np.array([0.0, 1.0, 3.0, 5.0])
    cone = np.array([1.0, 2 / 3, 0.0, 0.0])
    assert_allclose(encircled(cone, radii)[-2:], 3 * np.pi)
    assert encircled(cone, radii)[0] == 0.0
    assert_allclose(encircled(np.ones((2, 4)), radii), [np.pi * radii**2] * 2)


def test_encircled_light_of_a_gaussian():
    expected = 1 - np.exp(-(FINE**2) / (2 * 2.0**2))
    assert_allclose(encircled(gaussian(FINE, 2.0), FINE), expected, atol=1e-4)


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_half_width(sigma):
    assert half_width(gaussian(FINE, sigma), FINE) == pytest.approx(
        1.17741 * sigma, rel=1e-3
    )
    assert half_width(5 * gaussian(FINE, sigma), FINE) == pytest.approx(
        1.17741 * sigma, rel=1e-3
    )


def test_profiles_without_half_width():
    assert np.isnan(half_width(np.ones(5), np.arange(5.0)))
    assert np.isnan(half_width(-np.ones(5), np.arange(5.0)))


@pytest.mark.parametrize(("alpha", "beta"), [(3.0, 2.3), (4.0, 2.6), (5.0, 2.9)])
def test_light_taken_for_sky_is_given_back(alpha, beta):
    true = np.tile(moffat(RADII, alpha, beta), (3, 1))
    seen = true - true[:, PEDESTAL].mean(axis=1, keepdims=True)
    found = with_wings(seen, RADII)
    inner = RADII < 25.0
    sampled = encircled(true[0], RADII)[-1] + (1 + (REACH / alpha) ** 2) ** (1 - beta)
    assert_allclose(found[0, inner] * sampled, true[0, inner], rtol=0.15)
    assert found[0, 0] * sampled == pytest.approx(true[0, 0], rel=0.02)


def test_without_wings_the_total_is_one():
    seen = np.tile(3.0 * gaussian(RADII, 2.0), (2, 1))
    seen[:, RADII > 12.0] = -1e-9
    assert_allclose(encircled(with_wings(seen, RADII), RADII)[:, -1], 1.0)


def test_brightness_does_not_change_a_profile():
    seen = np.tile(moffat(RADII), (2, 1)) - 1e-5
    assert_allclose(with_wings(seen, RADII), with_wings(50 * seen, RADII), rtol=1e-9)


@pytest.mark.parametrize("kind", ["gaussian", "moffat", "smoffat"])
def test_fitted_functions_have_unit_volume(kind):
    shape = gaussian(RADII, 2.2) if kind == "gaussian" else moffat(RADII, 3.3, 2.4)
    rows = np.array([4.0 * shape, 0.3 * shape])
    assert_allclose(model_profile(rows, RADII, kind), [shape] * 2, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("kind", ["circle", "square", "auto"])
def test_other_profiles_are_the_measured_one(kind):
    rows = np.tile(moffat(RADII), (2, 1))
    assert_allclose(model_profile(rows, RADII, kind), rows)


def test_share_inside_a_window():
    """Of a Gaussian, 3 FWHM hold all; of a Moffat a circle holds what the formula says."""
    rows = np.array([gaussian(FINE, 2.0), moffat(FINE, 3.0)])
    circle, square = (window_share(rows, FINE, kind) for kind in ("circle", "square"))
    assert_allclose([circle[0], square[0]], 1.0, atol=1e-3)
    reach = 6 * half_width(rows[1], FINE)
    assert circle[1] == pytest.approx(1 - (1 + (reach / 3.0) ** 2) ** -1.6, abs=1e-3)
    assert circle[1] < square[1] < 1.0
    assert_allclose(window_share(rows, FINE, "moffat"), 1.0)


def test_radii_end_where_the_field_does():
    rng = np.random.default_rng(1)
    near = rng.uniform(0.0, 20.0, 50_000).astype("f4")
    assert 15.0 < seen_radii(near)[-1] <= 20.0
    far = rng.uniform(0.0, 100.0, 50_000).astype("f4")
    assert_allclose(seen_radii(far), RADII)
    assert len(seen_radii(np.empty(0, "f4"))) == N_RADII_MIN


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_parabolas_over_bands_stay(n):
    t = np.arange(float(n))
    values = np.stack([1 + 2 * t - 0.3 * t**2, 5 - t], 1)
    assert_allclose(smooth_over_bands(values), values, atol=1e-9)


def test_scatter_over_bands_is_smoothed():
    values = 3 + np.random.default_rng(1).normal(0, 0.1, (40, 1))
    assert np.std(smooth_over_bands(values)) < 0.5 * np.std(values)
