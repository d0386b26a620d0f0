"""Tests of what bounds the pixels of cells, against numpy."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from pipeline.kernels.cells import (
    HIGHEST,
    LOWEST,
    NUMBER,
    QUIETEST,
    SECOND,
    SPARE,
    clear_cells,
    describe_cells,
    field_minimum,
)
from pipeline.kernels.sorting import sort_by_cell

SHAPE = (4, 5, 6)
N_CELLS = 120


def pixels(n=300, seed=1):
    rng = np.random.default_rng(seed)
    cells = rng.integers(-1, N_CELLS - 10, n).astype(np.int32)
    slit = (rng.integers(0, 3, n) << 11 | rng.integers(0, 40, n)).astype(np.int32)
    data = rng.integers(-9, 9, n).astype("f4")
    return cells, data, rng.uniform(1, 2, n).astype("f4"), slit


def described(cells, data, stat, slit):
    """Return what is known of each cell, the marks and the values of the sorted pixels."""
    start, order = sort_by_cell(cells, N_CELLS)
    light = np.stack([data, stat], axis=1)[order]
    values = np.full(len(order), np.nan, "f4")
    known = np.empty((SHAPE[0], 6, SHAPE[1] + 2, SHAPE[2] + 2), "f4")
    marks = np.empty((SHAPE[0], *known.shape[2:]), np.uint32)
    for plane in range(SHAPE[0]):
        here = known[plane], marks[plane]
        clear_cells(*here)
        describe_cells(start, light, slit[order], plane * 30, values, *here)
    assert_array_equal(values, data[order])
    return known, marks


def inside(known):
    """Return it for each cell, without the borders."""
    return np.moveaxis(known[..., 1:-1, 1:-1], 0, -3).reshape(*known.shape[1:-2], -1)


def test_equals_plain_numpy():
    cells, data, stat, slit = pixels()
    found = inside(described(cells, data, stat, slit)[0])
    for cell in range(N_CELLS):
        own = cells == cell
        two = np.sort([*data[own], np.inf, np.inf])[:2]
        high, quiet = data[own].max(initial=-np.inf), stat[own].min(initial=np.inf)
        kinds = [LOWEST, SECOND, HIGHEST, QUIETEST, NUMBER]
        assert_array_equal(found[kinds, cell], [*two, high, quiet, own.sum()])


def test_spare_pixels_are_not_of_one_slice_whichever_it_is():
    cells, data, stat, slit = pixels(600)
    spare = inside(described(cells, data, stat, slit)[0])[SPARE]
    most = [np.bincount(slit[cells == cell]).max(initial=0) for cell in range(N_CELLS)]
    number = np.bincount(cells[cells >= 0], minlength=N_CELLS)
    assert (spare >= 0).all() and (spare <= number - most).all()
    assert spare.sum() > 0.8 * (number - most).sum()


def test_cells_without_a_common_mark_have_no_common_slice():
    cells, data, stat, slit = pixels()
    marks = inside(described(cells, data, stat, slit)[1][:, None])[0]
    n_apart = 0
    for one in range(N_CELLS):
        slices = slit[cells == one]
        for other in np.nonzero((marks & marks[one]) == 0)[0]:
            n_apart += 1
            assert not np.isin(slices, slit[cells == other]).any()
    assert n_apart > N_CELLS**2 / 2


def test_order_of_pixels_does_not_matter():
    columns = pixels()
    turned = [column[::-1].copy() for column in columns]
    for a, b in zip(described(*columns), described(*turned), strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(5, 6), (1, 1), (7, 2), (1, 5)])
def test_minima_equal_scipy(shape):
    values = np.random.default_rng(2).normal(0, 1, shape).astype("f4")
    expected = ndimage.minimum_filter(values, 3, mode="constant", cval=np.inf)
    minimum = np.empty_like(values)
    field_minimum(np.pad(values, 1, constant_values=np.inf), minimum)
    assert_array_equal(minimum, expected)


def test_no_pixels():
    empty, none = np.empty(0, "f4"), np.empty(0, np.int32)
    known, marks = described(none, empty, empty, none)
    assert (known[:, [LOWEST, SECOND, QUIETEST]] == np.inf).all()
    assert (known[:, HIGHEST] == -np.inf).all()
    assert not known[:, [NUMBER, SPARE]].any() and not marks.any()
