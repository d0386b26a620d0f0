"""Tests of the tracing of slices on synthetic flats of the mini size."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtr

from pipeline.algorithms.trace import Cuts, locate_slices, trace_slices
from pipeline.algorithms.trace_products import (
    corner_slices,
    samples_table,
    trace_qc,
    trace_table,
)
from pipeline.instrument import FULL, MINI
from pipeline.spec import BadInput, Planes


def slices(y):
    """Left and right edges [pix, 1-based] of the slices at rows, [n_slices, n]."""
    t = (y - 672) / 672
    middle = 4.0 + (np.arange(12)[:, None] + 0.5) * 36.6
    middle = middle + np.linspace(-1, 1, 12)[:, None] * 1.5 * t**2 + 0.01 * np.sin(9 * t)
    half = 15.1 + 0.05 * t
    return middle - half, middle + half


def flat(*, noise=0.003, seed=2):
    """A flat-field exposure, float32[ny, nx] [count]."""
    y, x = np.arange(1.0, 1345), np.arange(1.0, 449)
    left, right = slices(y)
    image = np.zeros((1344, 448))
    for a, b in zip(left, right, strict=True):
        image += ndtr((x - a[:, None]) / 0.68) - ndtr((x - b[:, None]) / 0.68)
    image *= 5000.0 * np.random.default_rng(seed).normal(1, noise, image.shape)
    return image.astype(np.float32)


def cuts_of(image, dq=None, n_sum=32):
    cuts = Cuts(MINI.shape, n_sum)
    dq = np.zeros(image.shape, np.uint32) if dq is None else dq
    for start in range(0, len(image), 100):
        rows = slice(start, min(start + 100, len(image)))
        cuts.add(rows, Planes(image[rows], dq[rows], image[rows]))
    return cuts


@pytest.fixture(scope="module")
def trace():
    return trace_slices(cuts_of(flat()), MINI)


def test_cuts_are_means_of_unflagged_pixels():
    image = flat()
    dq = np.zeros(image.shape, np.uint32)
    dq[:32, 30] = 1
    dq[40, 31] = 1
    cuts = cuts_of(image, dq)
    assert cuts.y[0] == 16.5 and len(cuts.y) == 42
    assert np.isnan(cuts.light[0, 30])
    assert_allclose(cuts.light[2], image[64:96].mean(axis=0), rtol=1e-5)
    assert cuts.light[1, 31] == pytest.approx(
        np.delete(image[32:64, 31], 8).mean(dtype=float), rel=1e-6
    )


def test_a_short_last_group_is_left_out():
    assert len(Cuts((100, 10), 32).y) == 3
    assert len(Cuts((115, 10), 32).y) == 4


def test_edges_agree_with_the_truth(trace):
    y = np.arange(1.0, 1345)
    left, right = slices(y)
    expected = np.stack([(left + right) / 2, left, right], axis=1)
    assert_allclose(trace.at(y), expected, atol=0.025)
    assert np.sqrt(np.mean((trace.at(y) - expected) ** 2)) < 0.01


def test_flagged_and_dark_columns_do_not_matter(trace):
    image = flat()
    image[:700, [25, 150, 201]] *= 0.1
    image[300:330, 95:105] = 0.0
    dq = np.zeros(image.shape, np.uint32)
    dq[:700, [25, 150]] = 512
    again = trace_slices(cuts_of(image, dq), MINI)
    y = np.arange(1.0, 1345)
    assert np.abs(again.at(y) - trace.at(y)).max() < 0.03


def test_table_evaluates_to_the_trace(trace):
    table = trace_table(trace)
    row = 77.0
    for curve in range(3):
        value = sum(table.columns[f"tc{curve}_{k:02d}"] * row**k for k in range(6))
        assert_allclose(value, trace.at(row)[:, curve])
    assert list(table.columns)[:3] == ["SliceNo", "Width", "tc0_00"]
    assert table.columns["SliceNo"].dtype == np.int32
    assert_allclose(table.columns["Width"], 30.2, atol=0.1)
    assert set(table.units) == set(table.columns)


def test_samples_hold_every_measured_place(trace):
    samples = samples_table(trace).columns
    assert len(samples["y"]) == 12 * 42
    assert_allclose(samples["mid"], (samples["left"] + samples["right"]) / 2, rtol=1e-6)


def test_qc_has_the_genuine_names(trace):
    qc = dict(trace_qc(trace, MINI))
    assert qc["SLICE_L XPOS"] == pytest.approx(trace.at(672.0)[0, 0])
    assert sum(name.endswith("MAXSLOPE") for name in qc) == 12
    assert qc["GAPS MEDIAN"] == pytest.approx(6.4, abs=0.2)
    assert {f"SLICE{s} WIDTH" for s in corner_slices(MINI)} <= set(qc)
    assert corner_slices(FULL) == (3, 10, 39, 46)


def test_a_dark_exposure_is_no_flat():
    noise = np.random.default_rng(0).normal(0, 1, MINI.shape).astype(np.float32)
    with pytest.raises(BadInput, match="slices instead of 12"):
        trace_slices(cuts_of(noise), MINI, file="dark.fits")


def test_slices_of_wrong_width_are_named():
    image = flat()
    with pytest.raises(BadInput, match="slice 1 is"):
        locate_slices(np.where(np.arange(448) < 14, 0, image[700]).astype(np.float32), MINI)


def test_a_slice_that_fades_is_named():
    image = flat()
    image[:600, 40:75] = 0.0
    with pytest.raises(BadInput, match="slice 2 cannot be followed"):
        trace_slices(cuts_of(image), MINI, file="flat.fits")
