"""Tests of resampling arcs onto rows of equal wavelength."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.kernels.arc_rows import resample_slice

NY, WIDTH, FIRST, STEP = 200, 20, 7, 1.25
LEFT, RIGHT = np.full(NY, FIRST + 1.0), np.full(NY, FIRST + WIDTH + 0.0)
WAVES = np.array([[5000.0, 1.25], [0.3, 0.0]])
"""5000 + 1.25 y + 0.3 x: lines are tilted by 0.24 rows a column."""


def resample(light, noise=None, n_rows=190, width=WIDTH):
    image = np.full((n_rows, width), -1.0, np.float32)
    noise = np.ones_like(light) if noise is None else noise
    resample_slice(
        light, noise, FIRST, LEFT, RIGHT, WAVES, 5010.0, STEP, 1.25 * STEP, image
    )
    return image


def wavelengths():
    x, y = FIRST + 1 + np.arange(WIDTH)[:, None], 1 + np.arange(NY)
    return 5000 + 1.25 * y + 0.3 * x


def test_equals_the_weighted_mean_of_near_pixels():
    light = np.random.default_rng(1).normal(100, 10, (WIDTH, NY)).astype(np.float32)
    image, waves, radius = resample(light), wavelengths(), 1.25 * STEP
    for row, column in ((3, 0), (77, 9), (150, 19)):
        c = WIDTH - 1 - column  # columns run against those of the detector
        r = np.abs(waves[c] - (5010 + row * STEP))
        weight = np.where(r < radius, ((radius - r) / (radius * r)) ** 2, 0)
        wanted = np.average(light[c], weights=weight)
        assert image[row, column] == pytest.approx(wanted, rel=1e-5)


def test_a_tilted_line_becomes_straight():
    light = np.exp(-0.5 * ((wavelengths() - 5120.3) / 1.3) ** 2).astype(np.float32)
    image, waves = resample(light), 5010 + STEP * np.arange(190)
    centre = (image * waves[:, None]).sum(axis=0) / image.sum(axis=0)
    assert_allclose(centre, 5120.3, atol=0.35)  # the wiggles of near neighbours
    before = (light * (1 + np.arange(NY))).sum(axis=1) / light.sum(axis=1)
    assert np.ptp(before) * STEP > 5.5 > 7 * np.ptp(centre)


def test_bad_pixels_take_no_part_and_empty_places_keep_their_value():
    light = np.full((WIDTH, NY), 50.0, np.float32)
    noise = np.ones_like(light)
    light[4, 90], noise[4, 90] = 1e6, np.inf
    noise[5] = np.inf
    image = resample(light, noise)
    assert (image[:, WIDTH - 1 - 5] == -1).all()
    others = np.delete(image, WIDTH - 1 - 5, axis=1)
    assert_allclose(others, 50.0, rtol=1e-6)
