"""Pixels sorted by cell: numpy's stable sort is the reference."""

import numpy as np
from numpy.testing import assert_array_equal

from pipeline.kernels.sorting import cell_numbers, reached_spaxels, sort_by_cell
from tests.pipeline.kernels.test_planes import SHAPE, cloud
from tests.pipeline.sorted_pixels import sorted_pixels

N_CELLS = int(np.prod(SHAPE))


def test_cells_are_sorted_and_keep_their_order():
    x, y, z, *_ = cloud()
    x[:3] = np.nan, 99, -0.7
    cells = cell_numbers(x, y, z, SHAPE, 0)
    assert (cells[:3] == -1).all()
    start, order = sort_by_cell(cells, N_CELLS)
    expected = np.argsort(cells, kind="stable")[3:]
    assert_array_equal(order, expected)
    assert_array_equal(np.diff(start), np.bincount(cells[3:], minlength=len(start) - 1))


def test_columns_are_sorted_like_their_numbers():
    x, y, z, data, stat = cloud()
    z[:5] = -3
    slit = np.sort(np.random.default_rng(3).integers(0, 3 << 11, len(x))).astype("i4")
    pixels = sorted_pixels(x, y, z, data, stat, slit, shape=SHAPE)
    start, order = sort_by_cell(pixels.cells, N_CELLS)
    assert_array_equal(pixels.start, start)
    assert_array_equal(pixels.place, np.stack([x, y, z], axis=1)[order])
    assert_array_equal(pixels.light, np.stack([data, stat], axis=1)[order])
    assert_array_equal(pixels.slit, slit[order])


def test_spaxels_with_pixels_are_marked():
    x, y, z, data, stat = cloud(60)
    slit = np.repeat([0, 0, 2], 20).astype("i4") << 11
    pixels = sorted_pixels(x, y, z, data, stat, slit, shape=SHAPE)
    reached = np.zeros((3, *SHAPE[1:]), np.bool_)
    half = SHAPE[0] // 2 * SHAPE[1] * SHAPE[2]
    reached_spaxels(pixels.start[: half + 1], pixels.slit, reached)
    reached_spaxels(pixels.start[half:], pixels.slit, reached)
    for k, part in enumerate((pixels.cells[:40], pixels.cells[:0], pixels.cells[40:])):
        used = set((part[part >= 0] % (SHAPE[1] * SHAPE[2])).tolist())
        assert set(np.flatnonzero(reached[k]).tolist()) == used


def test_no_pixels():
    nothing = np.empty(0, "f4")
    pixels = sorted_pixels(*[nothing] * 5, np.empty(0, "i4"), shape=SHAPE)
    assert not pixels.start.any() and len(pixels.slit) == 0
    reached = np.zeros((1, *SHAPE[1:]), np.bool_)
    reached_spaxels(pixels.start, pixels.slit, reached)
    assert not reached.any()
