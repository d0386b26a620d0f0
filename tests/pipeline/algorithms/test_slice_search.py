"""Tests of finding the slices in one cut: which is which, and which are missing."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.algorithms.slice_search import locate_slices
from pipeline.instrument import FULL
from pipeline.spec import BadInput

STARTS = np.round(40 + 83.6 * np.arange(48) + 3 * np.sin(np.arange(48) / 5)).astype(int)
WIDTH = 76


def cut(light=None):
    """A cut of the full size; ``light`` by slice number, 1 for the others."""
    values = np.full(4096, 20.0, np.float32)
    for number, start in enumerate(STARTS, start=1):
        values[start : start + WIDTH] = 5000.0 * (light or {}).get(number, 1.0)
    return values


def lost(values):
    left, right = locate_slices(values, FULL)
    there = np.isfinite(left)
    assert_array_equal(left[there], (STARTS - 0.5)[there])
    assert_array_equal(right[there], (STARTS + WIDTH - 0.5)[there])
    return (np.flatnonzero(~there) + 1).tolist()


def test_all_slices_are_found():
    assert lost(cut()) == []


@pytest.mark.parametrize(
    "missing", [[1], [48], [10], [1, 2], [47, 48], [1, 48], [23, 24, 25], [1, 3, 30, 48]]
)
def test_the_missing_ones_are_told_from_the_distances(missing):
    assert lost(cut(dict.fromkeys(missing, 0.0))) == missing


@pytest.mark.parametrize("number", [1, 2, 25, 48])
def test_dim_slices_are_found(number):
    assert lost(cut({number: 0.1})) == []


def test_two_dim_neighbours_are_found():
    assert lost(cut({10: 0.1, 11: 0.3})) == []


def test_a_slice_with_a_trap_is_whole():
    values = cut()
    values[STARTS[7] + 30 : STARTS[7] + 33] = 0.0
    assert lost(values) == []


def test_slices_that_run_into_each_other_are_lost():
    values = cut()
    values[STARTS[7] : STARTS[8] + WIDTH] = 5000.0
    assert lost(values) == [8, 9]


def test_a_narrow_slice_is_lost():
    values = cut()
    values[STARTS[7] : STARTS[7] + 12] = 0.0
    assert lost(values) == [8]


def test_too_many_missing_slices_are_refused():
    with pytest.raises(BadInput, match="35 slices instead of 48") as refused:
        locate_slices(cut(dict.fromkeys(range(10, 23), 0.0)), FULL, "f.fits")
    assert refused.value.file == "f.fits"


def test_noise_is_refused():
    noise = np.random.default_rng(1).normal(0, 1, 4096).astype(np.float32)
    with pytest.raises(BadInput, match="slices instead of 48"):
        locate_slices(noise, FULL)
    with pytest.raises(BadInput, match="slices instead of 48"):
        locate_slices(np.full(4096, np.nan, np.float32), FULL)
