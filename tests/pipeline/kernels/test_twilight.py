"""Tests of the twilight kernels."""

import numpy as np

from pipeline.kernels.twilight import bridge_flagged, divide_by_cube, median_filter

ORIGIN = np.array([-10.0, 5.0, 5000.0])
STEP = np.array([1.0, 1.0, 250.0])


def some_pixels(n=400, seed=1):
    rng = np.random.default_rng(seed)
    x, y, wavelength = rng.uniform((-12, 4, 4800), (12, 16, 6200), (n, 3)).T
    data = rng.normal(100, 5, n)
    return tuple(a.astype(np.float32) for a in (x, y, wavelength, data, np.full(n, 25.0)))


def some_cube(seed=2):
    return np.random.default_rng(seed).uniform(0.5, 2.0, (5, 11, 21)).astype(np.float32)


def test_equals_plain_numpy():
    x, y, wavelength, data, stat = some_pixels()
    cube = some_cube()
    column = np.clip(np.rint(x - ORIGIN[0]), 0, 20).astype(int)
    row = np.clip(np.rint(y - ORIGIN[1]), 0, 10).astype(int)
    z = np.clip((wavelength.astype(float) - 5000) / 250, 0, 4)
    planes = np.arange(5)
    factor = [
        np.interp(a, planes, cube[:, b, c]) for a, b, c in zip(z, row, column, strict=True)
    ]
    expected = data / factor, stat / np.square(factor)
    assert divide_by_cube(x, y, wavelength, data, stat, cube, ORIGIN, STEP) == 0
    np.testing.assert_allclose(data, expected[0], rtol=1e-6)
    np.testing.assert_allclose(stat, expected[1], rtol=1e-6)


def test_scale_of_the_cube_divides_out():
    first, second = some_pixels(), some_pixels()
    divide_by_cube(*first, some_cube(), ORIGIN, STEP)
    divide_by_cube(*second, 2 * some_cube(), ORIGIN, STEP)
    np.testing.assert_allclose(first[3], 2 * second[3], rtol=1e-6)
    np.testing.assert_allclose(first[4], 4 * second[4], rtol=1e-6)


def test_unknown_planes_are_bridged_or_left():
    cube = some_cube()
    cube[:2] = np.nan
    pixels = some_pixels()
    before = pixels[3].copy()
    inside = (pixels[2] > 5250) & (pixels[2] < 5500)
    n_left = divide_by_cube(*pixels, cube, ORIGIN, STEP)
    lost = pixels[2] < 5250
    assert n_left == lost.sum()
    assert (pixels[3][lost] == before[lost]).all()
    column = np.clip(np.rint(pixels[0] + 10), 0, 20).astype(int)[inside]
    row = np.clip(np.rint(pixels[1] - 5), 0, 10).astype(int)[inside]
    np.testing.assert_allclose(
        pixels[3][inside], before[inside] / cube[2, row, column], rtol=1e-6
    )


def test_median_filter_equals_numpy():
    rng = np.random.default_rng(3)
    image = rng.normal(size=(15, 12)).astype(np.float32)
    image[4:6, 3] = np.nan
    filtered = median_filter(image, 5, 7, False)
    for y, x in ((0, 0), (7, 6), (14, 11), (3, 2)):
        box = image[max(y - 3, 0) : y + 4, max(x - 2, 0) : x + 3]
        assert filtered[y, x] == np.float32(np.nanmedian(box))
    assert np.isnan(filtered[4:6, 3]).all() and np.isfinite(filtered).sum() == 178
    filled = median_filter(image, 5, 7, True)
    np.testing.assert_array_equal(filled[np.isfinite(image)], filtered[np.isfinite(image)])
    assert filled[4, 3] == np.float32(np.nanmedian(image[1:8, 1:6]))
    assert np.isnan(median_filter(np.full((3, 3), np.nan, np.float32), 5, 7, True)).all()


def test_median_filter_keeps_a_constant():
    assert (median_filter(np.full((9, 9), 3.0, np.float32), 5, 7, False) == 3).all()


def test_bridges_take_the_neighbours():
    data = np.array([[1, 9, 9, 3, 9], [9, 9, 9, 9, 9]], np.float32)
    stat = np.array([[2, 0, 0, 4, 0], [0, 0, 0, 0, 0]], np.float32)
    dq = np.array([[0, 1, 1, 0, 1], [1, 1, 1, 1, 1]], np.uint32)
    assert bridge_flagged(data, stat, dq) == 5
    np.testing.assert_array_equal(data[0], [1, 2, 2, 3, 3])
    np.testing.assert_array_equal(stat[0], [2, 3, 3, 4, 4])
    assert (data[1] == 9).all()
