"""Tests of the search for cosmic rays in one image."""

import numpy as np
import pytest

from pipeline.flags import Flag
from pipeline.kernels.cosmics import flag_cosmics, gap_limit, may_have_gap


def image(seed=1, shape=(120, 60)):
    rng = np.random.default_rng(seed)
    return rng.normal(100.0, 5.0, shape).astype(np.float32), np.zeros(shape, np.uint32)


def test_limit_lies_below_the_outlier():
    data, dq = image()
    data[5, 5] = 400.0
    limit = gap_limit(data, dq, (0, 40, 0, 15), 5.8)
    assert np.sort(data[:40, :15].ravel())[-2] == np.float32(limit)


def test_all_hits_and_nothing_else_are_flagged():
    data, dq = image()
    hits = [(3, 3), (60, 30), (119, 59), (61, 30)]
    for y, x in hits:
        data[y, x] += 300.0
    assert flag_cosmics(data, dq, 15, 40, 2, 5.8) == len(hits)
    assert all(dq[y, x] == Flag.COSMIC_RAY for y, x in hits)


def test_brightness_of_the_sky_does_not_matter():
    data, dq = image()
    data[50, 20] += 300.0
    shifted = dq.copy()
    flag_cosmics(data, dq, 15, 40, 2, 5.8)
    flag_cosmics(data + np.float32(4096.0), shifted, 15, 40, 2, 5.8)
    np.testing.assert_array_equal(dq, shifted)


def test_flagged_and_constant_images_have_no_cosmics():
    data, dq = image()
    dq[:] = 1
    assert flag_cosmics(data, dq, 15, 40, 2, 5.8) == 0
    flat = np.full((50, 50), 7, np.float32)
    assert flag_cosmics(flat, np.zeros((50, 50), np.uint32), 15, 40, 1, 5.8) == 0


def test_boxes_larger_than_the_image():
    data, dq = image(shape=(10, 8))
    data[4, 4] += 500.0
    assert flag_cosmics(data, dq, 15, 40, 2, 5.8) == 1


@pytest.mark.parametrize("width", [0.01, 0.5, 3.0, 40.0])
def test_gaps_are_those_of_the_sorted_values(width):
    rng = np.random.default_rng(4)
    n_seen = 0
    for _ in range(200):
        values = (rng.normal(0.0, 1.0, 60) ** 3).astype(np.float32)
        ends = float(values.min()), float(values.max())
        has = bool((np.diff(np.sort(values)) > width).any())
        found = may_have_gap(values, len(values), *ends, width)
        n_seen += has
        assert found == has or ends[1] - ends[0] > 900 * width
    assert n_seen > 0 or width == 40.0
