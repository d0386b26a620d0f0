"""Resampling onto the grid: reference, honest variance, independence of slabs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.kernels.resample import (
    add_planes,
    cell_numbers,
    drizzle,
    nearest,
    overlap,
    reached_spaxels,
    sort_by_cell,
    weighted_means,
)

SHAPE = (6, 5, 7)


def cloud(n=400, seed=1, variance=4.0):
    """Pixels scattered over the grid and a little beyond it."""
    rng = np.random.default_rng(seed)
    nz, ny, nx = SHAPE
    x, y, z = (rng.uniform(-0.5, size - 0.5, n).astype("f4") for size in (nx, ny, nz))
    data = rng.normal(10.0, np.sqrt(variance), n).astype("f4")
    return x, y, z, data, np.full(n, variance, "f4")


def drizzled(
    x, y, z, data, stat, *, drop=(0.8, 0.8, 0.8), shape=SHAPE, first=0, weights=(1.0,)
):
    bounds = np.linspace(0, len(x), len(weights) + 1).astype(np.int64)
    rejected = np.zeros(len(x), np.uint8)
    sums = drizzle(
        x, y, z, data, stat, rejected, bounds, np.array(weights), drop, 1, shape, first
    )
    return weighted_means(sums)


def reference(x, y, z, data, stat, drop, weights):
    """The same by plain numpy: voxel by voxel over all pixels."""
    weight = np.repeat(
        weights, np.diff(np.linspace(0, len(x), len(weights) + 1).astype(int))
    )
    planes, rows, columns = np.indices(SHAPE, float)
    mean, variance = np.full(SHAPE, np.nan), np.full(SHAPE, np.nan)
    for c in np.ndindex(SHAPE):
        w = weight.copy()
        for place, at, size in zip(
            (x, y, z), (columns[c], rows[c], planes[c]), drop, strict=True
        ):
            low = np.maximum(place.astype(float) - size / 2, at - 0.5)
            high = np.minimum(place.astype(float) + size / 2, at + 0.5)
            w *= np.maximum(high - low, 0) / size
        if w.sum() > 0:
            mean[c] = (w * data).sum() / w.sum()
            variance[c] = (w**2 * stat).sum() / w.sum() ** 2
    return mean, variance


@pytest.mark.parametrize("drop", [(0.8, 0.8, 0.8), (0.6, 0.4, 1.3)])
def test_equals_the_plain_computation(drop):
    pixels = cloud()
    data, stat = drizzled(*pixels, drop=drop, weights=(1.0, 2.5))
    mean, variance = reference(*pixels, drop, np.array([1.0, 2.5]))
    assert_allclose(data, mean, rtol=1e-5)
    assert_allclose(stat, variance, rtol=1e-4)


def test_a_drop_loses_nothing():
    for offset in (0.0, 0.2, 0.49):
        total = sum(overlap(offset - k, 0.8) for k in (-1, 0, 1))
        assert total == pytest.approx(1.0)


def test_variance_is_honest():
    x, y, z, _, stat = cloud()
    rng = np.random.default_rng(2)
    noise = [rng.normal(0, 2, len(x)).astype("f4") for _ in range(300)]
    cubes = [drizzled(x, y, z, data, stat) for data in noise]
    pull = np.array([cube[0] for cube in cubes]) / np.sqrt(cubes[0][1])
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.01)


def test_slabs_equal_the_whole():
    pixels = cloud()
    whole = drizzled(*pixels)
    for first in (0, 2, 4):
        part = drizzled(*pixels, shape=(2, *SHAPE[1:]), first=first)
        assert_array_equal(part, [plane[first : first + 2] for plane in whole])


def test_rejected_and_missing_pixels_leave_nothing():
    x, y, z, data, stat = cloud(20)
    bounds, weights = np.array([0, 20]), np.ones(1)
    all_bad = np.ones(20, np.uint8)
    sums = drizzle(x, y, z, data, stat, all_bad, bounds, weights, (0.8,) * 3, 1, SHAPE, 0)
    assert np.isnan(weighted_means(sums)).all()


def test_cells_are_sorted_and_keep_their_order():
    x, y, z, *_ = cloud()
    x[:3] = np.nan, 99, -0.7
    cells = cell_numbers(x, y, z, SHAPE, 0)
    assert (cells[:3] == -1).all()
    start, order = sort_by_cell(cells, int(np.prod(SHAPE)))
    expected = np.argsort(cells, kind="stable")[3:]
    assert_array_equal(order, expected)
    assert_array_equal(np.diff(start), np.bincount(cells[3:], minlength=len(start) - 1))


def test_nearest_takes_the_closest_pixel():
    x, y, z, data, stat = cloud(800)
    start, order = sort_by_cell(cell_numbers(x, y, z, SHAPE, 0), int(np.prod(SHAPE)))
    rejected = np.zeros(len(x), np.uint8)
    rejected[::7] = 1
    values, variances = nearest(
        x, y, z, data, stat, rejected, start, order, (2, *SHAPE[1:]), 3, 0
    )
    for c, b, a in np.ndindex(values.shape):
        d = (x - a) ** 2 + (y - b) ** 2 + (z - c - 3) ** 2
        own = (abs(x - a) <= 0.5) & (abs(y - b) <= 0.5) & (abs(z - c - 3) <= 0.5)
        d[(rejected > 0) | ~own] = np.inf
        if np.isfinite(d.min()):
            assert values[c, b, a] == data[d.argmin()]
        else:
            assert np.isnan(values[c, b, a]) and np.isnan(variances[c, b, a])


def test_spaxels_with_pixels_are_marked():
    rng = np.random.default_rng(4)
    nz, ny, nx = SHAPE
    cells = rng.integers(-1, nz * ny * nx, 60).astype(np.int32)
    reached = reached_spaxels(cells, np.array([0, 20, 20, 60]), SHAPE)
    for k, part in enumerate((cells[:20], cells[20:20], cells[20:])):
        used = set((part[part >= 0] % (ny * nx)).tolist())
        assert set(np.flatnonzero(reached[k]).tolist()) == used


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
