"""Tests of finding stars in images."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.daofind import (
    Shape,
    SourceFinder,
    find_enough,
    sky_level,
)

SHAPE = Shape(4.0, (0.2, 1.0), (-1.0, 1.0))
STARS = np.array([[12.3, 20.7, 100.0], [40.0, 31.5, 60.0], [55.8, 8.2, 30.0]])
"""x, y [pix, 0-based], height."""


def picture(stars=STARS, noise=0.5, seed=1, shape=(44, 70), level=7.0, fwhm=4.0):
    y, x = np.indices(shape)
    image = (
        np.random.default_rng(seed).normal(level, noise, shape)
        if noise
        else np.full(shape, level)
    )
    for a, b, height in stars:
        image += height * np.exp(
            -0.5 * ((x - a) ** 2 + (y - b) ** 2) / (fwhm / 2.3548) ** 2
        )
    return image


def found_in(image, threshold=10.0, bad_distance=5.0, shape=SHAPE):
    level, _ = sky_level(image, 0.05, 0.3)
    return SourceFinder(image, level, shape, bad_distance).above(threshold)


def test_stars_are_found_where_they_are():
    found = found_in(picture())
    assert_allclose(found.x, STARS[:, 0] + 1, atol=0.05)
    assert_allclose(found.y, STARS[:, 1] + 1, atol=0.05)
    assert_allclose(found.flux, STARS[:, 2], rtol=0.1)
    assert np.all(np.diff(found.flux) < 0)


def test_without_noise_centres_are_exact():
    found = found_in(picture(noise=0.0))
    assert_allclose(found.x, STARS[:, 0] + 1, atol=2e-3)
    assert_allclose(found.y, STARS[:, 1] + 1, atol=2e-3)


def test_a_level_adds_nothing():
    low, high = found_in(picture(level=0.0)), found_in(picture(level=1e4))
    for a, b in zip(low, high, strict=True):
        assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def test_a_turned_image_has_turned_stars():
    image = picture()
    found, turned = found_in(image), found_in(np.rot90(image).copy())
    assert_allclose(turned.x, found.y, atol=1e-3)
    assert_allclose(turned.y, image.shape[1] + 1 - found.x, atol=1e-3)
    assert_allclose(turned.roundness, -found.roundness, atol=1e-6)


def test_a_gap_does_not_pull_stars():
    image = picture(noise=0.0)
    image[:, 46:] = np.nan
    found = found_in(image, bad_distance=4.0)
    assert_allclose(found.x, STARS[:2, 0] + 1, atol=0.02)
    assert_allclose(found.y, STARS[:2, 1] + 1, atol=0.02)


def test_stars_beside_a_gap_are_left_out_on_demand():
    image = picture()
    image[20:23, 15] = np.nan
    assert len(found_in(image, bad_distance=5.0).x) == 2
    assert len(found_in(image, bad_distance=1.0).x) == 3


def test_cosmic_rays_and_trails_are_no_stars():
    image = picture(stars=[])
    image[20, 20] += 500.0
    image[30:33, :] += 40.0
    assert len(found_in(image).x) == 0
    any_shape = Shape(4.0, (-9.0, 99.0), (-np.inf, np.inf))
    assert len(found_in(image, shape=any_shape).x) > 0


def test_noise_is_no_star():
    for seed in range(5):
        assert len(found_in(picture(stars=[], seed=seed), threshold=0.0).x) == 0


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_empty_images_have_no_stars(value):
    image = np.full((20, 20), value)
    assert len(found_in(image).x) == 0
    assert sky_level(image, 0.05, 0.3) == (0.0, 0.0)


def test_one_pixel():
    assert len(found_in(np.array([[3.0]])).x) == 0


def test_sky_is_the_dark_part():
    values = np.arange(100.0).reshape(10, 10)
    values[0, 0] = np.nan
    level, deviation = sky_level(values, 0.1, 0.2)
    dark = np.arange(1.0, 100.0)[9:28]
    assert level == np.median(dark)
    assert deviation == np.median(abs(dark - level))


def test_threshold_falls_until_enough_are_found():
    finder = SourceFinder(picture(), 7.0, SHAPE, 0.0)
    found, threshold = find_enough(finder, 200.0, 10.0, (2, 10), 100)
    assert len(found.x) == 2 and 40.0 < threshold < 60.0


def test_threshold_rises_until_few_are_found():
    finder = SourceFinder(picture(), 7.0, SHAPE, 0.0)
    found, threshold = find_enough(finder, 10.0, 10.0, (1, 1), 100)
    assert len(found.x) == 1 and 55.0 < threshold < 75.0


def test_threshold_stays_above_the_noise_and_rounds_end():
    finder = SourceFinder(picture(), 7.0, SHAPE, 0.0)
    found, threshold = find_enough(finder, 200.0, 1.0, (50, 90), 10_000)
    assert len(found.x) == 3 and threshold == finder.floor > 0
    _, threshold = find_enough(finder, 200.0, 1.0, (50, 90), 3)
    assert threshold == 197.0
