"""Tests of extremes of cells, against numpy."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage

from pipeline.kernels.cells import cell_extremes, field_minimum, longest_runs
from pipeline.kernels.sorting import sort_by_cell

SHAPE = (4, 5, 6)
N_CELLS = 120


def pixels(n=300, seed=1):
    rng = np.random.default_rng(seed)
    cells = rng.integers(-1, N_CELLS - 10, n).astype(np.int32)
    return cells, rng.normal(0, 1, n).astype("f4"), rng.uniform(1, 2, n).astype("f4")


def extremes(cells, data, stat):
    """Return lowest and highest value and lowest variance, plane by plane."""
    start, order = sort_by_cell(cells, N_CELLS)
    light = np.stack([data, stat], axis=1)[order]
    found = np.full((3, *SHAPE), np.nan, "f4")
    for plane in range(SHAPE[0]):
        cell_extremes(start, light, plane * SHAPE[1] * SHAPE[2], *found[:, plane])
    return found


def test_equals_plain_numpy():
    cells, data, stat = pixels()
    found = [plane.ravel() for plane in extremes(cells, data, stat)]
    for cell in range(N_CELLS):
        own = cells == cell
        if own.any():
            expected = [data[own].min(), data[own].max(), stat[own].min()]
        else:
            expected = [np.inf, -np.inf, np.inf]
        assert_array_equal([plane[cell] for plane in found], expected)


def test_order_of_pixels_does_not_matter():
    columns = pixels()
    turned = [column[::-1].copy() for column in columns]
    for a, b in zip(extremes(*columns), extremes(*turned), strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(5, 6), (1, 1), (7, 2), (1, 5)])
def test_minima_equal_scipy(shape):
    values = np.random.default_rng(2).normal(0, 1, shape).astype("f4")
    expected = ndimage.minimum_filter(values, 3, mode="constant", cval=np.inf)
    minimum = np.empty_like(values)
    field_minimum(values, minimum)
    assert_array_equal(minimum, expected)


def test_no_pixels():
    empty = np.empty(0, "f4")
    low, high, quiet = extremes(np.empty(0, np.int32), empty, empty)
    assert (low == np.inf).all() and (high == -np.inf).all() and (quiet == np.inf).all()


def test_longest_runs_are_the_most_pixels_of_an_exposure():
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 9, 30)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    exposures = [np.sort(rng.integers(0, 4, n)) for n in counts]
    slices = rng.integers(0, 0x7FF, start[-1])
    slit = (np.concatenate(exposures) << 11 | slices).astype("i4")
    runs = np.empty((4, 5), np.int32)
    longest_runs(start, slit, 10, runs)
    expected = [np.bincount(e).max() if len(e) else 0 for e in exposures[10:]]
    assert_array_equal(runs.ravel(), expected)
