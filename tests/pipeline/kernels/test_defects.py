"""Tests of the search for defective pixels in a flat field."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.flags import Flag
from pipeline.kernels.defects import flag_defects, median_near
from pipeline.kernels.spread import median


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6)))
def test_median_equals_numpy(values):
    assert median(values.copy(), len(values)) == pytest.approx(np.median(values))


@given(
    arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e6, 1e6, width=32)),
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
)
def test_median_near_any_guess_equals_numpy(values, guess, window):
    found = median_near(values, guess, window, np.empty(len(values)))
    assert found == pytest.approx(np.median(values.astype(float)))


def flags_of(data, *, left=10.4, right=49.6, sigma=5.0):
    dq = np.zeros(data.shape, np.uint32)
    edges = np.full((1, len(data)), left), np.full((1, len(data)), right)
    flag_defects(data, dq, *edges, sigma, sigma, float(data.mean()))
    return dq


@pytest.fixture
def flat():
    rng = np.random.default_rng(3)
    data = np.zeros((20, 60), np.float32)
    data[:, 10:49] = rng.normal(1000, 10, (20, 39))
    return data + np.float32(0.5)


def test_dark_and_bright_pixels_are_flagged(flat):
    flat[4, 30], flat[5, 30], flat[6, 31] = 700.0, 50.0, 1500.0
    dq = flags_of(flat)
    assert dq[4, 30] == Flag.DARK_PIXEL
    assert dq[5, 30] == Flag.DARK_PIXEL | Flag.LOW_QUANTUM_EFFICIENCY
    assert dq[6, 31] == Flag.HOT_PIXEL
    assert np.count_nonzero(dq) == 3


def test_equals_plain_numpy(flat):
    flat[4, 30], flat[6, 31] = 700.0, 1500.0
    dq = flags_of(flat, sigma=3.0)
    part = flat[:, 10:49].astype(float)
    middle = np.median(part, axis=1, keepdims=True)
    spread = np.abs(part - middle).mean(axis=1, keepdims=True)
    dark, hot = part < middle - 3 * spread, part > middle + 3 * spread
    inner = slice(10, 29)
    assert (((dq[:, 10:49] & Flag.DARK_PIXEL) > 0) == dark)[:, inner].all()
    assert (((dq[:, 10:49] & Flag.HOT_PIXEL) > 0) == hot).all()


def test_a_scaled_flat_has_the_same_flags(flat):
    flat[4, 30], flat[6, 31] = 700.0, 1500.0
    assert (flags_of(flat) == flags_of(flat / np.float32(1024))).all()


def test_the_dark_rim_of_a_slice_is_no_defect(flat):
    flat[:, 10:13] = 400.0
    assert np.count_nonzero(flags_of(flat)) == 0


def test_pixels_without_light_are_flagged_everywhere(flat):
    flat[3, 5], flat[4, 5], flat[5, 5] = 0.0, -1.0, np.nan
    assert (flags_of(flat)[3:6, 5] == Flag.BAD_OTHER).all()


def test_a_lost_slice_has_no_defects(flat):
    flat[4, 30] = 700.0
    assert not flags_of(flat, left=np.nan, right=np.nan).any()
