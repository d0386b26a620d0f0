"""Tests of the division by a flat."""

import numpy as np
import pytest

from pipeline.flags import Flag
from pipeline.kernels.flatfield import divide_by_flat


def planes(value, variance, shape=(20, 30)):
    return (
        np.full(shape, value, np.float32),
        np.zeros(shape, np.uint32),
        np.full(shape, variance, np.float32),
    )


def test_equals_plain_numpy():
    rng = np.random.default_rng(1)
    data, dq, stat = (a.copy() for a in planes(50.0, 9.0))
    data += rng.normal(0, 3, data.shape).astype(np.float32)
    flat, flat_dq, flat_stat = planes(0.8, 0.01)
    flat += rng.uniform(-0.2, 0.2, flat.shape).astype(np.float32)
    flat_dq[3, 3] = 64
    expected = data / flat, (stat + (data / flat) ** 2 * flat_stat) / flat**2
    divide_by_flat(data, dq, stat, flat, flat_dq, flat_stat)
    np.testing.assert_allclose(data, expected[0], rtol=1e-6)
    np.testing.assert_allclose(stat, expected[1], rtol=1e-5)
    assert dq[3, 3] == 64 and dq.sum() == 64


def test_variance_is_honest():
    rng = np.random.default_rng(2)
    shape = (300, 300)
    data = rng.normal(100.0, 4.0, shape).astype(np.float32)
    flat = rng.normal(0.9, 0.01, shape).astype(np.float32)
    stat, flat_stat = np.full(shape, 16, np.float32), np.full(shape, 1e-4, np.float32)
    dq = np.zeros(shape, np.uint32)
    divide_by_flat(data, dq, stat, flat, dq.copy(), flat_stat)
    pull = (data - 100 / 0.9) / np.sqrt(stat)
    assert pull.std() == pytest.approx(1.0, abs=0.02)


def test_flat_of_one_changes_nothing():
    data, dq, stat = planes(7.0, 2.0)
    divide_by_flat(data, dq, stat, *planes(1.0, 0.0))
    assert (data == 7).all() and (stat == 2).all() and (dq == 0).all()


def test_flat_without_value_flags_the_pixel():
    data, dq, stat = planes(7.0, 2.0)
    flat = planes(1.0, 0.0)
    flat[0][0, :2] = 0.0, np.nan
    divide_by_flat(data, dq, stat, *flat)
    assert (dq[0, :2] == Flag.BAD_OTHER).all()
    assert np.isfinite(data).all() and np.isfinite(stat).all()
