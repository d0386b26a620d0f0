"""Rejection by the next rows of voxels: a plain reference, slabs, too few pixels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.kernels.reject_rows import ALONG_X, ALONG_Y, OBLIQUE, flag_above_rows
from pipeline.kernels.spread import IRAF, MEAN, MEDIAN
from tests.pipeline.sorted_pixels import sorted_pixels

SHAPE = (6, 4, 5)


def some_pixels(n=4000, seed=1):
    rng = np.random.default_rng(seed)
    z, y, x = rng.uniform(-0.5, np.array(SHAPE) - 0.51, (n, 3)).astype("f4").T
    stat = rng.uniform(1, 3, n).astype("f4")
    data = (100 + rng.normal(0, np.sqrt(stat))).astype("f4")
    data[::97] += 60
    columns = (np.ascontiguousarray(c) for c in (x, y, z))
    return (*columns, data, stat, np.zeros(n, np.int32))


def flags(pixels, kind=MEDIAN, slices=ALONG_X, sigma=8.0, first=0, n=SHAPE[0], judged=None):
    shape = (n, *SHAPE[1:])
    sorted_ones = sorted_pixels(*pixels, shape=shape, first=first)
    found = flag_above_rows(
        sorted_ones.start,
        sorted_ones.light,
        judged or (0, n),
        shape,
        kind,
        sigma,
        slices,
    )
    return sorted_ones.unsorted(found)


def reference(pixels, kind, slices, sigma=8.0):
    x, y, z, data, stat, _ = pixels
    cx, cy, cz = (np.floor(a + 0.5).astype(int) for a in (x, y, z))
    expected = np.zeros(len(x), np.uint8)
    for i in range(len(x)):
        near = (abs(cx - cx[i]) < 2) & (abs(cy - cy[i]) < 2) & (abs(cz - cz[i]) < 2)
        if slices == ALONG_X:
            near &= cy != cy[i]
        elif slices == ALONG_Y:
            near &= cx != cx[i]
        near |= (cx == cx[i]) & (cy == cy[i]) & (cz == cz[i])
        values = data[near].astype(float)
        if kind == MEDIAN:
            level = np.median(values)
            spread = np.median(abs(values - level))
        elif kind == MEAN:
            level, spread = values.mean(), values.std(ddof=1)
        else:
            level, spread = values.mean(), np.sqrt(stat[near].sum()) / near.sum()
        expected[i] = data[i] > level + sigma * spread
    return expected


@pytest.mark.parametrize("slices", [ALONG_X, ALONG_Y, OBLIQUE])
@pytest.mark.parametrize("kind", [IRAF, MEAN, MEDIAN])
def test_equals_plain_numpy(kind, slices):
    pixels = some_pixels()
    sigma = 4.0 if kind == MEAN else 8.0
    expected = reference(pixels, kind, slices, sigma)
    assert 0 < expected.sum() < len(expected) / 2
    assert_array_equal(flags(pixels, kind, slices, sigma), expected)


def test_hits_and_nothing_else_are_flagged():
    assert_array_equal(np.flatnonzero(flags(some_pixels())), np.arange(0, 4000, 97))


def test_slabs_equal_the_whole():
    pixels = some_pixels()
    whole, part = flags(pixels), flags(pixels, first=1, n=4, judged=(1, 3))
    judged = (np.floor(pixels[2] + 0.5) >= 2) & (np.floor(pixels[2] + 0.5) < 4)
    assert whole[judged].any()
    assert_array_equal(part[judged], whole[judged])
    assert not part[~judged].any()


def test_too_few_pixels_are_not_judged():
    pixels = some_pixels(2)
    pixels[3][0] = 1e6
    assert not flags(pixels).any()
