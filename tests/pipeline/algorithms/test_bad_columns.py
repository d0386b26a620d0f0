"""Tests of the search for bad columns in a master bias."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.algorithms.bad_columns import BAD, flag_bad_columns
from pipeline.algorithms.plane_statistics import plane_statistics
from pipeline.flags import Flag

NOISE = 2.5


def master(shape=(300, 200), seed=1):
    return np.random.default_rng(seed).normal(0.0, NOISE / np.sqrt(5), shape).astype("f4")


def flags_of(data, dq=None, low=30.0, high=3.0, noise=NOISE):
    dq = np.zeros(data.shape, np.uint32) if dq is None else dq
    port = plane_statistics(data)
    return flag_bad_columns(data, dq, port, noise, low, high), dq


def test_a_good_port_has_none():
    for seed in range(5):
        n, dq = flags_of(master(seed=seed))
        assert n == 0 and not dq.any()


@pytest.mark.parametrize(("start", "stop"), [(100, 300), (0, 120), (80, 220)])
def test_part_of_a_column_is_found(start, stop):
    data = master()
    data[start:stop, 50] += 40.0
    n, dq = flags_of(data)
    columns = np.flatnonzero(dq.any(axis=0))
    assert_array_equal(columns, [50])
    rows = np.flatnonzero(dq[:, 50])
    assert abs(rows[0] - start) <= 15 and abs(rows[-1] + 1 - stop) <= 15
    assert n == np.count_nonzero(dq) and set(dq[rows, 50]) == {BAD}


def test_a_dark_column_is_found():
    data = master()
    data[:, 50] -= 40.0
    n, dq = flags_of(data, low=30.0)
    assert n == 300 and dq[:, 50].all()


def test_a_column_high_all_along_is_left_to_the_bias():
    data = master()
    data[:, 50] += 40.0
    assert flags_of(data)[0] == 0


def test_level_of_the_port_does_not_matter():
    data = master()
    data[100:, 50] += 40.0
    assert_array_equal(flags_of(data)[1], flags_of(data + np.float32(1000.0))[1])


def test_known_bad_pixels_make_no_column_bad():
    data = master()
    dq = np.zeros(data.shape, np.uint32)
    data[10:14, 50], dq[10:14, 50] = 6e4, Flag.AD_SATURATED
    n, found = flags_of(data, dq.copy())
    assert n == 0
    assert_array_equal(found, dq)


def test_old_flags_stay():
    data = master()
    data[100:, 50] += 40.0
    dq = np.zeros(data.shape, np.uint32)
    dq[200, 50] = Flag.COSMIC_RAY
    _, found = flags_of(data, dq)
    assert found[200, 50] == BAD | Flag.COSMIC_RAY


def test_constant_and_single_pixels():
    assert flags_of(np.full((300, 20), 5.0, np.float32))[0] == 0
    assert flags_of(np.full((1, 1), 5.0, np.float32))[0] == 0
