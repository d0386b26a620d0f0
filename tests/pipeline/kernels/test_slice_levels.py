"""Tests of the sums over slices, against numpy."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.kernels.slice_levels import add_to_columns, multiply_slices, range_of

EDGES = np.array([0.0, 5000.0, 5100.0, 6000.0])
ROW_OF = np.full(2048, -1, np.int32)
ROW_OF[1 << 6 | 1], ROW_OF[1 << 6 | 2] = 0, 1
MASK = np.zeros((4, 6), np.bool_)
MASK[1:3, 1:5] = True
CORNER = (-2.0, 1.0)


def pixels(n=4000, seed=1):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-4, 6, n).astype("f4"), rng.uniform(-1, 6, n).astype("f4")
    wavelength = rng.uniform(4900, 6100, n).astype("f4")
    data = rng.normal(10, 3, n).astype("f4")
    dq = (rng.random(n) < 0.1).astype("u4")
    number, column = rng.integers(1, 4, n), rng.integers(0, 12, n)
    origin = (column << 24 | 7 << 11 | 1 << 6 | number).astype("u4")
    return x, y, wavelength, data, dq, origin


def added(*parts):
    sums = np.zeros((2, 3, 10, 2))
    for part in parts:
        add_to_columns(*part, CORNER, MASK, EDGES, ROW_OF, sums)
    return sums


def test_sums_are_numpys():
    x, y, wavelength, data, dq, origin = every = pixels()
    a, b = np.floor(x - CORNER[0] + 0.5).astype(int), np.floor(y - 0.5).astype(int)
    used = (a >= 0) & (a < 6) & (b >= 0) & (b < 4) & (dq == 0) & (wavelength < 6000)
    used[used] &= MASK[b[used], a[used]]
    row, column = (origin & 63).astype(int) - 1, (origin >> 24).astype(int)
    used &= (row < 2) & (column < 10)
    place = row[used], np.searchsorted(EDGES, wavelength[used], "right") - 1, column[used]
    expected = np.zeros((2, 3, 10, 2))
    np.add.at(expected[..., 0], place, 1)
    np.add.at(expected[..., 1], place, data[used])
    assert_allclose(added(every), expected)
    assert expected.sum() > 0


def test_blocks_of_pixels_add_up():
    every = pixels()
    parts = [[c[:700] for c in every], [c[700:] for c in every]]
    assert_allclose(added(*parts), added(every))


def test_data_that_are_not_finite_do_not_count():
    every = pixels(50)
    every[3][:] = np.nan
    assert not added(every).any()


def test_every_wavelength_has_one_range():
    for last in (-1, 0, 1, 2):
        found = [range_of(w, EDGES, last) for w in (-1.0, 0.0, 4999.9, 5000.0, 5999.0, 6e3)]
        assert found == [-1, 0, 0, 1, 2, -1]
    assert range_of(np.nan, EDGES, 1) == -1


def test_factors_change_values_and_their_variance():
    _, _, wavelength, data, _, origin = pixels(600)
    stat = np.full(600, 4.0, np.float32)
    factors = np.array([[1.0, 2.0, 3.0], [0.5, 0.25, 4.0]])
    row = (origin & 63).astype(int) - 1
    expected = np.ones(600)
    known = (row < 2) & (wavelength < 6000)
    ranges = np.searchsorted(EDGES, wavelength[known], "right") - 1
    expected[known] = factors[row[known], ranges]
    before = data.copy()
    multiply_slices(wavelength, data, stat, origin, EDGES, ROW_OF, factors)
    assert_allclose(data, before * expected, rtol=1e-6)
    assert_allclose(stat, 4 * expected**2, rtol=1e-6)
    assert_array_equal(expected[~known], 1.0)
