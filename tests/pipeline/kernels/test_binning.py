"""Tests of the binning kernels."""

import numpy as np
import pytest

from pipeline.kernels.binning import add_to_image, add_to_spectrum, flag_outliers


def some_pixels(n=5000, seed=1, sigma=2.0):
    rng = np.random.default_rng(seed)
    wavelength = rng.uniform(5000.0, 5050.0, n).astype(np.float32)
    data = (10.0 + 0.1 * (wavelength - 5000) + rng.normal(0, sigma, n)).astype(np.float32)
    return wavelength, data, np.zeros(n, np.uint32), np.full(n, sigma**2, np.float32)


def spectrum(columns, step=1.0, n_points=51):
    sums = np.zeros((n_points, 3))
    add_to_spectrum(*columns, 5000.0, step, sums)
    return sums


def test_equals_plain_numpy():
    columns = some_pixels(500)
    expected = np.zeros((51, 3))
    for wavelength, data, _, stat in zip(*columns, strict=True):
        for point in range(51):
            w = max(0.0, 1.0 - abs(float(wavelength) - 5000.0 - point))
            expected[point] += w, w * data, w * w * stat
    np.testing.assert_allclose(spectrum(columns), expected, rtol=1e-6, atol=1e-9)


def test_variance_is_honest():
    pulls = []
    for seed in range(40):
        sums = spectrum(some_pixels(seed=seed))[1:-1]
        truth = 10.0 + 0.1 * np.arange(1, 50)
        pulls.append((sums[:, 1] / sums[:, 0] - truth) * sums[:, 0] / np.sqrt(sums[:, 2]))
    assert np.std(pulls) == pytest.approx(1.0, abs=0.05)


def test_order_of_the_pixels_does_not_matter():
    columns = some_pixels()
    order = np.random.default_rng(2).permutation(len(columns[0]))
    shuffled = tuple(np.ascontiguousarray(column[order]) for column in columns)
    np.testing.assert_allclose(spectrum(columns), spectrum(shuffled), rtol=1e-10)


def test_flagged_and_nan_pixels_are_left_out():
    wavelength, data, dq, stat = some_pixels(100)
    data[3] = np.nan
    dq[7] = 1
    keep = np.ones(100, bool)
    keep[[3, 7]] = False
    expected = spectrum(tuple(np.ascontiguousarray(c[keep]) for c in some_pixels(100)))
    np.testing.assert_array_equal(spectrum((wavelength, data, dq, stat)), expected)


def test_no_pixels_give_zero():
    empty = tuple(np.empty(0, kind) for kind in ("f4", "f4", "u4", "f4"))
    assert (spectrum(empty) == 0).all()


def test_outliers_are_flagged_on_their_side():
    wavelength, data, dq, stat = some_pixels()
    data[10] += 50
    data[20] -= 50
    truth = 10.0 + 0.1 * np.arange(51)
    n = flag_outliers(wavelength, data, dq, stat, 5000.0, 1.0, truth, 8.0, 0.0, 4)
    assert n == 1 and dq[10] == 4 and dq[20] == 0
    n = flag_outliers(wavelength, data, dq, stat, 5000.0, 1.0, truth, 8.0, 8.0, 4)
    assert n == 1 and dq[20] == 4


def test_unknown_spectrum_flags_nothing():
    columns = some_pixels(50)
    unknown = np.full(51, np.nan)
    assert flag_outliers(*columns, 5000.0, 1.0, unknown, 1.0, 1.0, 4) == 0


def test_image_keeps_the_columns_apart():
    wavelength, data, dq, stat = some_pixels(300)
    column = (np.arange(300) % 3 - 0).astype(np.int32)
    column[:9] = -1
    image = np.zeros((51, 3, 3), np.float32)
    add_to_image(column, wavelength, data, dq, stat, 5000.0, 1.0, image)
    for k in range(3):
        mine = tuple(
            np.ascontiguousarray(c[column == k]) for c in (wavelength, data, dq, stat)
        )
        np.testing.assert_allclose(image[:, k], spectrum(mine), rtol=1e-5, atol=1e-5)
