"""Tests of cutting an image into strips of codes."""

import numpy as np
from numpy.testing import assert_array_equal

from pipeline.kernels.strips import (
    CODES,
    LIGHT,
    LIGHT_STEPS,
    LOWEST,
    NOISE,
    NOISE_STEPS,
    fill_strips,
)

SHAPE, FIRST, WIDTH = (40, 90), np.array([3, 50]), np.array([20, 31])


def planes(seed=1):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 5, SHAPE) + rng.exponential(5000, SHAPE)
    dq = np.where(rng.random(SHAPE) < 0.05, 256, 0)
    data[rng.random(SHAPE) < 0.02] = np.nan
    stat = np.abs(np.nan_to_num(data)) + 9
    return data.astype(np.float32), dq.astype(np.uint32), stat.astype(np.float32)


def strips(data, dq, stat, step=16):
    light = np.zeros((2, 31, SHAPE[0]), np.uint16)
    noise = np.zeros_like(light)
    for row in range(0, SHAPE[0], step):
        here = slice(row, row + step)
        fill_strips(data[here], dq[here], stat[here], row, FIRST, WIDTH, light, noise)
    return light, noise


def test_equals_plain_numpy():
    data, dq, stat = planes()
    light, noise = strips(data, dq, stat)
    good = (dq == 0) & np.isfinite(data) & (data >= LOWEST)
    codes = np.rint(LIGHT_STEPS * np.sqrt(np.where(good, data - LOWEST, 0)))
    errors = np.rint(NOISE_STEPS * np.where(good, stat, 0) ** 0.25)
    for s in range(2):
        part = slice(FIRST[s], FIRST[s] + WIDTH[s])
        for found, wanted in ((light, codes), (noise, errors)):
            there = found[s, : WIDTH[s]].astype(int)
            assert np.abs(there - wanted[:, part].T).max() <= 1
        assert_array_equal(noise[s, : WIDTH[s]].T > 0, good[:, part])


def test_blocks_do_not_matter():
    for whole, parts in zip(
        strips(*planes(), step=40), strips(*planes(), step=7), strict=True
    ):
        assert_array_equal(whole, parts)


def test_rounding_is_far_below_the_photon_noise():
    counts = np.geomspace(1, 1e5, 1000).astype(np.float32)
    image = np.tile(counts[:30], (40, 3))[:, : SHAPE[1]]
    for start in range(0, 990, 30):
        image = np.tile(counts[start : start + 30], (40, 3))
        light, _ = strips(image, np.zeros(SHAPE, np.uint32), image)
        rest = LIGHT[light[0, :20]].T - image[:, 3:23]
        assert (np.abs(rest) < 0.006 * np.sqrt(image[:, 3:23] + 100)).all()


def test_what_no_code_holds_is_not_used():
    data, dq, stat = (np.full(SHAPE, v, t) for v, t in ((9, "f4"), (0, "u4"), (9, "f4")))
    data[5, 5], data[6, 6], data[7, 7] = -101, 2e5, np.inf
    stat[8, 8], stat[9, 9], dq[10, 10] = -1, np.nan, 1
    _, noise = strips(data, dq, stat)
    assert np.argwhere(np.isinf(NOISE[noise[0, :20]])).tolist() == [
        [k - 3, k] for k in range(5, 11)
    ]
    assert NOISE[0] == np.inf and np.isfinite(NOISE[1:]).all() and len(LIGHT) == CODES
