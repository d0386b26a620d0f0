"""Lowest and highest values of the columns of a pixel table."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.kernels.extremes import extremes


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_extremes_are_those_of_numpy(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(0, 100, (2, n)).astype(np.float32)
    wavelength = rng.uniform(4750, 9350, n).astype(np.float32)
    ifu, number, other = rng.integers((1, 1, 0), (25, 49, 1 << 21), (n, 3)).T
    origin = (ifu << 6 | number | other << 11).astype(np.uint32)
    low, high = extremes((x, y, wavelength), origin)
    values = (x, y, wavelength, ifu, number)
    assert_array_equal(low, [v.min() for v in values])
    assert_array_equal(high, [v.max() for v in values])


def test_numbers_of_one_sign_zeros_and_infinities():
    below = np.array([-1e30, -1.0, -1e-40, -0.0], np.float32)
    above = np.array([0.0, 1e-40, 2.0, np.inf], np.float32)
    low, high = extremes((below, above), np.full(4, 24 << 6 | 48, np.uint32))
    assert_array_equal(low, [np.float32(-1e30), 0.0, 24, 48])
    assert_array_equal(high, [0.0, np.inf, 24, 48])
