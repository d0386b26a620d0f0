"""Tests of sums over pixels gathered block by block."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.kernels.statistics import add_to_statistics

FIRST, WIDTH, N_BINS = -10.0, 0.5, 60


def gathered(*blocks):
    sums = np.array([0.0, 0.0, 0.0, np.inf, -np.inf])
    histogram = np.zeros(N_BINS, np.int32)
    for block in blocks:
        add_to_statistics(block, FIRST, WIDTH, sums, histogram)
    return sums, histogram


def image(shape=(40, 50), seed=1):
    return np.random.default_rng(seed).normal(3.0, 4.0, shape).astype("f4")


def test_equals_numpy():
    data = image()
    sums, histogram = gathered(data)
    wide = data.astype(float)
    expected = [wide.size, wide.sum(), (wide**2).sum(), wide.min(), wide.max()]
    assert_allclose(sums, expected, rtol=1e-12)
    edges = FIRST + WIDTH * np.arange(N_BINS + 1)
    counts, _ = np.histogram(np.clip(wide, FIRST, edges[-1] - 0.1), edges)
    assert_array_equal(histogram, counts)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_blocks_add_up(n):
    data = image()
    whole, parts = gathered(data), gathered(*(data[k : k + n] for k in range(0, 40, n)))
    assert_allclose(parts[0], whole[0], rtol=1e-12)
    assert_array_equal(parts[1], whole[1])


def test_values_beyond_the_histogram_count_in_its_last_bins():
    sums, histogram = gathered(np.array([[-1e6, 1e6, 1e30]], "f4"))
    assert (histogram[0], histogram[-1], histogram.sum()) == (1, 2, 3)
    assert (sums[3], sums[4]) == (-1e6, np.float32(1e30))


def test_nan_is_no_value():
    data = image()
    data[::2] = np.nan
    sums, histogram = gathered(data)
    assert sums[0] == histogram.sum() == 1000
    assert sums[1] == pytest.approx(np.nansum(data, dtype=float))


@pytest.mark.parametrize("data", [np.empty((0, 5), "f4"), np.full((3, 3), np.nan, "f4")])
def test_nothing_leaves_the_sums_as_they_are(data):
    sums, histogram = gathered(data)
    assert_array_equal(sums, [0.0, 0.0, 0.0, np.inf, -np.inf])
    assert not histogram.any()


@pytest.mark.parametrize("value", [40000.3, 7.1, 0.1])
def test_constant_pixels_have_no_variance(value):
    """The squares need double precision: in single they are off by a count or more."""
    sums, _ = gathered(np.full((100, 100), value, "f4"))
    variance = sums[2] / sums[0] - (sums[1] / sums[0]) ** 2
    assert abs(variance) < 1e-12 * value**2
