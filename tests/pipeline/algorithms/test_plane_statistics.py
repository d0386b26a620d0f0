import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pipeline.algorithms.plane_statistics import plane_statistics
from pipeline.kernels.statistics import mean_distance, mean_value

NUMBERS = st.floats(-1e4, 1e4, width=32) | st.sampled_from([0.0, -0.0, 1.0, np.nan])


@given(st.lists(NUMBERS, min_size=12, max_size=12))
def test_equals_plain_numpy(values):
    data = np.array(values, np.float32).reshape(3, 4)
    found = plane_statistics(data)
    good = data[~np.isnan(data)].astype(float)
    if len(good) == 0:
        assert np.isnan([found.median, found.mean, found.low]).all()
        return
    assert found.median == np.median(good)
    assert_allclose(found.mean, good.mean(), rtol=1e-12, atol=1e-9)
    assert (found.low, found.high) == (good.min(), good.max())
    if len(good) > 1:
        assert found.stdev == pytest.approx(good.std(ddof=1), rel=1e-9, abs=1e-3)


def test_part_of_an_image():
    data = np.random.default_rng(1).normal(5, 2, (30, 41)).astype(np.float32)
    found = plane_statistics(data, slice(7, 20))
    part = data[:, 7:20].astype(float)
    assert found.median == np.median(data[:, 7:20])
    assert_allclose(found.columns, part.mean(axis=0))
    assert_allclose(found.scatter, part.std(axis=0, ddof=1))
    assert_allclose(found.rows, part.mean(axis=1))
    distance = mean_distance(data, 7, 20, found.median)
    assert_allclose(distance, np.mean(abs(part - found.median)))
    data[3, 9] = np.nan
    assert_allclose(mean_value(data, 7, 20), np.nanmean(data[:, 7:20], dtype=float))
    assert np.isnan(mean_value(np.full((1, 1), np.nan, np.float32), 0, 1))


def test_missing_values_are_left_out():
    data = np.arange(24, dtype=np.float32).reshape(4, 6)
    data[1], data[2, 3] = np.nan, np.nan
    found = plane_statistics(data)
    assert_allclose(found.columns[3], (3 + 21) / 2)
    assert_allclose(found.scatter[3], np.std([3, 21], ddof=1))
    expected = [data[0].mean(), np.nan, np.nanmean(data[2]), data[3].mean()]
    assert_allclose(found.rows, expected)
