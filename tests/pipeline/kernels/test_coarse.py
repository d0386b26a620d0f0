"""Tests of the kernels that put sky flats on deep voxels."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.kernels.coarse import add_by_distance, add_to_cube
from pipeline.kernels.resample import weighted_means
from pipeline.kernels.weighting import (
    LANCZOS,
    LINEAR,
    NEAREST,
    QUADRATIC,
    RENKA,
    distance_weight,
)

SHAPE = (3, 4, 5)
ORIGIN = np.array([-2.0, 10.0, 5000.0])
STEP = np.array([1.0, 1.0, 10.0])
VOXEL = (1.0, 1.0, 8.0)
RADIUS = 4.0
METHODS = {"linear": LINEAR, "quadratic": QUADRATIC, "renka": RENKA, "lanczos": LANCZOS}


def some_pixels(n=600, seed=1, noise=1.0):
    rng = np.random.default_rng(seed)
    low, high = ORIGIN - 0.4 * STEP, ORIGIN + STEP * (np.array(SHAPE[::-1]) - 0.6)
    x, y, wavelength = rng.uniform(low, high, (n, 3)).astype(np.float32).T
    data = rng.normal(100.0, noise, n).astype(np.float32)
    stat = np.full(n, noise**2, np.float32)
    columns = (np.ascontiguousarray(c) for c in (x, y, wavelength))
    return (*columns, data, np.zeros(n, np.uint32), stat)


def sums_of(pixels, method):
    sums = np.zeros((*SHAPE, 3))
    add_by_distance(*pixels, ORIGIN, STEP, VOXEL, method, RADIUS, sums)
    return sums


def plain(pixels, method):
    """Voxel by voxel, over all pixels whose own voxel is this one or next to it."""
    x, y, wavelength, data, _, stat = (np.asarray(c, np.float64) for c in pixels)
    place = np.stack([x, y, wavelength]).T
    place = (place - ORIGIN) / STEP
    own = np.floor(place + 0.5)
    sums = np.zeros((*SHAPE, 3))
    for c, b, a in np.ndindex(SHAPE):
        near = np.all(np.abs(own - [a, b, c]) <= 1, axis=1)
        d = np.abs((place[near] - [a, b, c]) * VOXEL)
        r = np.sqrt((d**2).sum(axis=1))
        if method == LANCZOS:
            w = np.where((d[:, :2] < 1).all(axis=1) & (d[:, 2] <= 1), 1.0, 0.0)
            w = w * np.prod(np.sinc(d) ** 2, axis=1)
        elif method == RENKA:
            w = np.where(r < RADIUS, (1 / r - 1 / RADIUS) ** 2, 0.0)
        else:
            w = 1 / r if method == LINEAR else 1 / r**2
        sums[c, b, a] = w.sum(), (w * data[near]).sum(), (w**2 * stat[near]).sum()
    return sums


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_weights_equal_plain_numpy(method):
    pixels = some_pixels()
    assert_allclose(sums_of(pixels, method), plain(pixels, method), rtol=2e-5, atol=1e-12)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_errors_are_honest(method):
    pulls = []
    for seed in range(60):
        data, stat = weighted_means(sums_of(some_pixels(300, seed), method))
        pulls.append(((data - 100.0) / np.sqrt(stat))[np.isfinite(data)])
    assert np.concatenate(pulls).std() == pytest.approx(1.0, abs=0.05)


def test_nearest_keeps_one_pixel():
    pixels = some_pixels()
    data, stat = weighted_means(sums_of(pixels, NEAREST))
    place = (np.stack(pixels[:3]).T.astype(np.float64) - ORIGIN) / STEP
    own = np.floor(place + 0.5).astype(int)
    for c, b, a in np.ndindex(SHAPE):
        inside = np.flatnonzero((own == [a, b, c]).all(axis=1))
        if len(inside) == 0:
            assert np.isnan(data[c, b, a])
            continue
        distance = (((place[inside] - [a, b, c]) * VOXEL) ** 2).sum(axis=1)
        assert data[c, b, a] == pytest.approx(pixels[3][inside[np.argmin(distance)]])
        assert stat[c, b, a] == pytest.approx(1.0)


def test_order_of_the_pixels_does_not_matter():
    pixels = some_pixels()
    turned = tuple(np.ascontiguousarray(c[::-1]) for c in pixels)
    for method in (NEAREST, LINEAR):
        assert_allclose(sums_of(pixels, method), sums_of(turned, method), rtol=1e-10)


def test_a_pixel_in_the_very_centre_decides():
    assert distance_weight(LINEAR, 0.0, 0.0, 0.0, RADIUS, 1) > 1e38
    x, y, z = (np.array([v], np.float32) for v in ORIGIN + STEP)
    one = np.ones(1, np.float32)
    sums = sums_of((x, y, z, 7 * one, np.zeros(1, np.uint32), one), QUADRATIC)
    data, stat = weighted_means(sums)
    assert (data[1, 1, 1], stat[1, 1, 1]) == (7.0, 1.0)


def test_flagged_pixels_are_left_out():
    pixels = some_pixels()
    flagged = (*pixels[:4], np.ones_like(pixels[4]), pixels[5])
    assert not sums_of(flagged, LINEAR).any()
    sums = np.zeros((*SHAPE, 3))
    add_to_cube(*flagged, ORIGIN, STEP, (1.0, 1.0, 0.125), sums)
    assert not sums.any()
