"""Sums turned into means and images."""

import numpy as np
from numpy.testing import assert_allclose

from pipeline.kernels.resample import add_planes, weighted_means

SHAPE = (6, 5, 7)


def test_means_of_sums():
    sums = np.zeros((1, 1, 2, 3))
    sums[0, 0, 0] = 2.0, 10.0, 8.0
    data, stat = weighted_means(sums)
    assert (data[0, 0, 0], stat[0, 0, 0]) == (5.0, 2.0)
    assert np.isnan([data[0, 0, 1], stat[0, 0, 1]]).all()


def test_planes_add_up_to_an_image():
    rng = np.random.default_rng(5)
    data, stat = (rng.random(SHAPE).astype("f4") for _ in range(2))
    data[rng.random(SHAPE) < 0.2] = np.nan
    weights = np.array([0.5, 0.0, 1.0, 2.0, -1.0, 0.3])
    sums = np.zeros((3, *SHAPE[1:]))
    add_planes(data[:2].copy(), stat[:2].copy(), weights[:2], sums)
    add_planes(data[2:].copy(), stat[2:].copy(), weights[2:], sums)
    w = np.where(np.isfinite(data), np.clip(weights, 0, None)[:, None, None], 0.0)
    filled = np.nan_to_num(data)
    expected = [w.sum(0), (w * filled).sum(0), (w**2 * stat).sum(0)]
    assert_allclose(sums, expected, rtol=1e-12)
