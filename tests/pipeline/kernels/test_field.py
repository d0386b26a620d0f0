"""Tests of shifts in the field of view."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.kernels.field import shift_by_spectrum

FIRST, STEP = 4000.0, 50.0
SHIFT_X = np.sin(np.arange(101) / 9.0)
SHIFT_Y = np.cos(np.arange(101) / 7.0)


def shifted(wavelength, x, y):
    x, y = x.copy(), y.copy()
    shift_by_spectrum(wavelength.astype("f4"), x, y, FIRST, STEP, SHIFT_X, SHIFT_Y)
    return x, y


def pixels(n=500, seed=1):
    rng = np.random.default_rng(seed)
    wavelength = rng.uniform(FIRST, FIRST + 100 * STEP, n).astype("f4")
    return wavelength, *(rng.uniform(-150, 150, n).astype("f4") for _ in "xy")


def test_equals_numpys_interpolation():
    wavelength, x, y = pixels()
    grid = FIRST + STEP * np.arange(101)
    expected = [a + np.interp(wavelength, grid, s) for a, s in ((x, SHIFT_X), (y, SHIFT_Y))]
    assert_allclose(shifted(wavelength, x, y), expected, atol=2e-5)


def test_place_does_not_change_the_shift():
    wavelength, x, y = pixels()
    here = np.array(shifted(wavelength, x, y)) - (x, y)
    origin = shifted(wavelength, np.zeros_like(x), np.zeros_like(y))
    assert_allclose(here, origin, atol=2e-5)


def test_beyond_the_ends_the_last_shift_holds():
    zero = np.zeros(2, "f4")
    x, y = shifted(np.array([3000.0, 1e5]), zero, zero)
    assert_array_equal(x, SHIFT_X[[0, -1]].astype("f4"))
    assert_array_equal(y, SHIFT_Y[[0, -1]].astype("f4"))


def test_no_pixels():
    empty = np.empty(0, "f4")
    assert [len(a) for a in shifted(empty, empty, empty)] == [0, 0]
