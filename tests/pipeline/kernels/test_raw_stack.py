"""The fused kernel must equal the two kernels that it is made of."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.kernels.combine import AVERAGE, MEDIAN, MINMAX, SCATTER, SIGCLIP, combine
from pipeline.kernels.detector import calibrate
from pipeline.kernels.raw_stack import combine_raw
from pipeline.kernels.statistics import add_to_statistics

SCAN, NX, NY, N = 4, 60, 12, 5
SATURATED = 4096


def planes(*shape):
    return [np.zeros(shape, kind) for kind in (np.float32, np.uint32, np.float32)]


def none():
    """No statistics."""
    return 0.0, 1.0, np.zeros((0, 5)), np.zeros((0, 1), np.int32)


def inputs(photons):
    rng = np.random.default_rng(3)
    raw = rng.normal(1000, 3, (N, NY, NX + 4 * SCAN)).round().astype(np.uint16)
    raw[1, 3, 10:20] += 900
    raw[:, 5, SCAN + 7] = 65535
    raw[2, 6, SCAN + 7] = 0
    level = rng.normal(1000, 1, (N, NY, 2))
    bias = [rng.normal(0, 1, (NY, NX)).astype("f4"), np.zeros((NY, NX), "u4")]
    bias.append(np.full((NY, NX), 0.5, np.float32))
    bias[1][8, 8] = 64
    gain = rng.uniform(1.0, 1.2, (N, 2))
    return raw, level, SCAN, *bias, gain, 9 * gain**2, photons


@pytest.mark.parametrize("method", [AVERAGE, MEDIAN, MINMAX, SIGCLIP, SCATTER])
@pytest.mark.parametrize("photons", [False, True])
def test_equals_calibration_and_combination(method, photons):
    raw, level, scan, *bias, gain, variance, photons = inputs(photons)
    factor = np.array([1, 2, 1, 1.5, 1], np.float32)
    data, dq, stat = planes(N, NY, NX)
    for i in range(N):
        one = data[i], dq[i], stat[i]
        calibrate(raw[i], level[i], scan, *bias, gain[i], variance[i], photons, *one)
        data[i] *= factor[i]
        stat[i] *= factor[i] ** 2
    expected = planes(NY, NX)
    ones = np.ones(N + 1)
    combine(data, dq, stat, method, 1, 1, 1, 3.0, 3.0, ones, *expected)
    found, saturated = planes(NY, NX), np.zeros(N + 1, np.int64)
    limits, sigma = np.array([1, 1, 1]), np.array([3.0, 3.0])
    combine_raw(
        *inputs(photons),
        factor,
        0.0,
        method,
        limits,
        sigma,
        ones,
        *found,
        saturated,
        *none(),
    )
    for a, b in zip(found, expected, strict=True):
        assert_array_equal(a, b)
    counted = [np.count_nonzero(flags & SATURATED) for flags in (*dq, expected[1])]
    assert_array_equal(saturated, counted)
    assert saturated[-1] == 1 and found[1][8, 8] == 64


def test_what_exposures_share_is_added():
    raw, level, scan, *bias, gain, variance, photons = inputs(True)
    rest = scan, *bias, gain, variance, photons, np.ones(N, np.float32)
    more = SIGCLIP, np.array([1, 1, 1]), np.array([3.0, 3.0]), np.ones(N + 1)
    found = [planes(NY, NX) for _ in range(2)]
    for out, shared in zip(found, (0.0, 0.8), strict=True):
        n_saturated = np.zeros(N + 1, np.int64)
        combine_raw(raw, level, *rest, shared, *more, *out, n_saturated, *none())
    share = 0.8 * 0.5 * np.repeat(gain[0] ** 2, NX // 2)
    assert_allclose(found[1][2] - found[0][2], np.tile(share, (NY, 1)), atol=5e-3)


def test_rows_are_independent():
    raw, level, scan, *bias, gain, variance, photons = inputs(True)
    rest = scan, *bias, gain, variance, photons, np.ones(N, np.float32), 0.5, SIGCLIP
    rest += (np.array([1, 1, 1]), np.array([3.0, 3.0]), np.ones(N + 1))
    whole = planes(NY, NX)
    combine_raw(raw, level, *rest, *whole, np.zeros(N + 1, np.int64), *none())
    part = planes(4, NX)
    rows = slice(3, 7)
    cut = [np.ascontiguousarray(plane[rows]) for plane in bias]
    rest = scan, *cut, *rest[4:]
    few = np.ascontiguousarray(raw[:, rows]), np.ascontiguousarray(level[:, rows])
    combine_raw(*few, *rest, *part, np.zeros(N + 1, np.int64), *none())
    for a, b in zip(part, whole, strict=True):
        assert_array_equal(a, b[rows])


def test_statistics_are_those_of_the_calibrated_and_scaled_exposures():
    raw, level, scan, *bias, gain, variance, photons = inputs(True)
    factor = np.array([1, 2, 1, 1.5, 1], np.float32)
    sums = np.tile([0.0, 0.0, 0.0, np.inf, -np.inf], (N, 1))
    histograms = np.zeros((N, 400), np.int32)
    rest = np.array([1, 1, 1]), np.array([3.0, 3.0]), np.ones(N + 1), *planes(NY, NX)
    rest += (np.zeros(N + 1, np.int64), -100.0, 0.5, sums, histograms)
    combine_raw(*inputs(True), factor, 0.0, AVERAGE, *rest)
    for i in range(N):
        one = planes(NY, NX)
        calibrate(raw[i], level[i], scan, *bias, gain[i], variance[i], photons, *one)
        expected = one[0] * factor[i]
        alone, histogram = np.array([0.0, 0, 0, np.inf, -np.inf]), np.zeros(400, np.int32)
        add_to_statistics(expected, -100.0, 0.5, alone, histogram)
        assert_allclose(sums[i], alone)
        assert_array_equal(histograms[i], histogram)
