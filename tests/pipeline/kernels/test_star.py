"""The kernels that find the pixels of a star, against plain numpy."""

import numpy as np
import pytest

from pipeline.kernels.star import (
    farthest,
    nodes_below,
    pixels_near,
    radial_places,
    sample_beyond,
    windowed_moments,
)

RADII = np.array([0.0, 1.0, 2.5, 4.0, 8.0])
BANDS = (4999.375, 25.0, 2)


def field(n=3000, seed=1):
    """Coordinates and wavelengths of pixels."""
    rng = np.random.default_rng(seed)
    dx, dy = (rng.uniform(-8, 8, n).astype(np.float32) for _ in range(2))
    return dx, dy, rng.uniform(4999.4, 5049.3, n).astype(np.float32)


def test_nodes_stand_before_the_cells():
    below = nodes_below(RADII, 4)
    starts = np.arange(below.size) / 4
    expected = np.searchsorted(RADII, starts, "right") - 1
    np.testing.assert_array_equal(below, np.minimum(expected, 3))
    assert starts[-1] == RADII[-1]


@pytest.mark.parametrize("n_bands", [1, 2])
def test_places_are_distances_from_a_drifting_star(n_bands):
    dx, dy, wavelength = field()
    bands = (BANDS[0], 50.0 / n_bands, n_bands)
    centre = np.array([[0.1, -0.2], [0.3, 0.1]])[:n_bands]
    place = radial_places(dx, dy, wavelength, bands, centre, RADII)
    u = np.clip((wavelength - BANDS[0]) / BANDS[1] - 0.5, 0, 1) * (n_bands - 1)
    r = np.hypot(dx - (0.1 + 0.2 * u), dy - (-0.2 + 0.3 * u))
    np.testing.assert_allclose(place, np.interp(r, RADII, np.arange(5.0)), atol=1e-5)


def test_places_at_the_nodes_are_whole_numbers():
    dx = np.append(RADII, 9.0).astype(np.float32)
    dy, wavelength = np.zeros_like(dx), np.full(dx.size, 5000, np.float32)
    place = radial_places(dx, dy, wavelength, (0.0, 1e4, 1), np.zeros((1, 2)), RADII)
    np.testing.assert_array_equal(place, [0, 1, 2, 3, 4, 4])


def test_pixels_near_a_place_are_good_and_nearest_to_it():
    x, y, wavelength = field()
    rng = np.random.default_rng(2)
    data, stat = (rng.normal(size=x.size).astype(np.float32) for _ in range(2))
    dq = (rng.random(x.size) < 0.1).astype(np.uint32) * np.uint32(1 << 31)
    data[rng.random(x.size) < 0.1] = np.nan
    place, others = np.array([1, 2], np.float32), np.array([[4, 2], [1, -7]], np.float32)
    away = np.hypot(x - 1, y - 2)
    near = (away < 5) & (dq == 0) & np.isfinite(data)
    for a, b in others:
        near &= away <= np.hypot(x - a, y - b)
    columns = x, y, wavelength, data, dq, stat
    found = pixels_near(*columns, place, others, 5.0)
    expected = (x - 1)[near], (y - 2)[near], wavelength[near], data[near], stat[near]
    for got, column in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, column)
        assert got.flags.c_contiguous
    alone = pixels_near(*columns, place, np.empty((0, 2), np.float32), 5.0)
    assert len(alone[0]) > len(found[0]) > 100
    assert not len(pixels_near(*columns, place + 100, others, 5.0)[0])


def test_what_lies_beyond_is_sampled():
    dx, dy, wavelength = field()
    data = np.arange(dx.size, dtype=np.float32)
    found = sample_beyond(dx, dy, wavelength, data, 7, 3.0)
    chosen = np.arange(0, dx.size, 7)
    chosen = chosen[np.hypot(dx, dy)[chosen] > 3.0]
    np.testing.assert_array_equal(found, [wavelength[chosen], data[chosen]])
    assert farthest(dx, dy) == pytest.approx(np.hypot(dx, dy).max())
    assert farthest(dx[:0], dy[:0]) == 0.0
    assert sample_beyond(dx[:0], dy[:0], wavelength[:0], data[:0], 7, 3.0).shape == (2, 0)


def test_moments_are_those_of_the_light_under_the_window():
    dx, dy, wavelength = field()
    rng = np.random.default_rng(3)
    data, used = rng.normal(9, 1, dx.size).astype(np.float32), rng.random(dx.size) < 0.8
    centre, sky = np.array([[0.4, 0.0], [-1.5, 2.5]]), np.array([1.0, 2.0])
    found = windowed_moments(dx, dy, wavelength, data, used, BANDS, centre, sky, 1.2)
    band = ((wavelength - BANDS[0]) / BANDS[1]).astype(int)
    x, y = dx - centre[band, 0], dy - centre[band, 1]
    exponent = (x * x + y * y) / (2 * 1.2**2)
    light = np.where(used & (exponent <= 8), np.exp(-exponent), 0.0) * (data - sky[band])
    for b in range(2):
        terms = [light, light * x, light * y, light * x * x, light * y * y, light * x * y]
        expected = [term[band == b].sum() for term in terms]
        np.testing.assert_allclose(found[b], expected, rtol=1e-5, atol=1e-3)


def test_moments_of_a_centred_window_vanish():
    rng = np.random.default_rng(7)
    dx, dy = (rng.uniform(-8, 8, 200000).astype(np.float32) for _ in range(2))
    wavelength = np.full(dx.size, 5010, np.float32)
    data = (100 * np.exp(-((dx - 0.4) ** 2 + dy**2) / 8)).astype(np.float32)
    sums = windowed_moments(
        dx, dy, wavelength, data, np.ones(dx.size, np.bool_), (5000.0, 20.0, 1),
        np.array([[0.4, 0.0]]), np.zeros(1), 2.0,
    )  # fmt: skip
    mean = sums[0, 1:] / sums[0, 0]
    np.testing.assert_allclose(mean[:2], 0, atol=0.02)
    np.testing.assert_allclose(mean[2:4], 2.0, atol=0.05)  # 1 / (1/4 + 1/4)
