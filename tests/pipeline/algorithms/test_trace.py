"""Tests of the tracing of slices on synthetic flats of the mini size."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import ndtr

from pipeline.algorithms.trace import cut_rows, trace_slices
from pipeline.algorithms.trace_products import (
    corner_slices,
    samples_table,
    trace_qc,
    trace_table,
    traced_slices,
)
from pipeline.instrument import FULL, MINI
from pipeline.memory import MemorySpool, MemoryTable
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
    dq = np.zeros(image.shape, np.uint32) if dq is None else dq
    return cut_rows(MemorySpool(Planes(image, dq, image)), n_sum)


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
    assert_allclose(cuts.light[2], image[64:96].mean(axis=0), rtol=5e-4)
    assert cuts.light[1, 31] == pytest.approx(
        np.delete(image[32:64, 31], 8).mean(dtype=float), rel=1e-6
    )


def test_a_short_last_group_is_left_out():
    assert len(cuts_of(np.ones((100, 10), np.float32)).y) == 3
    assert len(cuts_of(np.ones((115, 10), np.float32)).y) == 4


def test_defective_pixels_are_left_out_of_cuts():
    image = flat()
    bad = np.random.default_rng(3).random(image.shape) < 0.01
    hot = cuts_of(np.where(bad, image + 20000, image).astype(np.float32))
    good = cuts_of(image)
    lit = good.light > 1000
    assert np.median(hot.light[lit] / good.light[lit]) == pytest.approx(1.0, abs=1e-4)
    assert np.quantile(np.abs(hot.light[lit] / good.light[lit] - 1), 0.99) < 0.003


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


def test_a_slice_that_fades_is_lost_and_named(trace):
    image = flat()
    image[:600, 40:75] = 0.0
    found = trace_slices(cuts_of(image), MINI, file="flat.fits")
    assert list(found.lost) == [2]
    assert "groups of rows, from row 592" in found.lost[2]
    assert np.isnan(found.coefficients[1]).all() and np.isnan(found.widths[1])
    others = np.delete(np.arange(12), 1)
    assert_allclose(found.at(672.0)[others], trace.at(672.0)[others], atol=0.002)


def test_a_slice_that_ends_early_is_not_extrapolated():
    image = flat()
    image[1344 - 200 :, 40:75] = 0.0
    assert list(trace_slices(cuts_of(image), MINI).lost) == [2]


@pytest.mark.parametrize("number", [1, 6, 12])
def test_a_missing_slice_keeps_the_numbers_of_the_others(trace, number):
    image = flat()
    left, right = slices(np.arange(1.0, 1345))
    a, b = int(left[number - 1].min()) - 2, int(right[number - 1].max()) + 2
    image[:, max(a, 0) : b] = 0.0
    found = trace_slices(cuts_of(image), MINI)
    assert list(found.lost) == [number] and "not seen" in found.lost[number]
    others = np.delete(np.arange(12), number - 1)
    assert_allclose(found.at(672.0)[others], trace.at(672.0)[others], atol=0.002)


def test_a_slice_cut_by_the_edge_of_the_detector_is_lost(trace):
    image = np.roll(flat(), -12, axis=1)
    image[:, -12:] = 0.0
    found = trace_slices(cuts_of(image), MINI)
    assert list(found.lost) == [1]
    assert_allclose(found.at(672.0)[1:], trace.at(672.0)[1:] - 12, atol=0.02)


def test_a_vignetted_slice_is_traced(trace):
    image = flat()
    image[:, 38:76] *= 0.1
    found = trace_slices(cuts_of(image), MINI)
    assert not found.lost
    assert_allclose(found.at(672.0), trace.at(672.0), atol=0.02)


def test_a_dead_port_is_refused():
    image = flat()
    image[:672, :224] = 0.0
    with pytest.raises(BadInput, match="6 of 12 slices cannot be traced, the first is"):
        trace_slices(cuts_of(image), MINI, file="flat.fits")


@pytest.fixture(scope="module")
def found():
    """A trace that lost slices 2 and 12."""
    image = flat()
    image[:, 38:76] = 0.0
    image[:600, 405:] = 0.0
    return trace_slices(cuts_of(image), MINI)


def test_rows_of_lost_slices_hold_no_numbers(found):
    columns = trace_table(found).columns
    assert columns["SliceNo"].tolist() == list(range(1, 13))
    lost = np.isnan(columns["tc1_00"])
    assert np.flatnonzero(lost).tolist() == [1, 11]
    for name in ("Width", "MSE0", "tc0_00", "tc2_05"):
        assert (np.isnan(columns[name]) == lost).all()


def test_qc_leaves_lost_slices_out(found):
    qc = dict(trace_qc(found, MINI))
    assert not any(name.startswith(("SLICE2 ", "SLICE12 ", "SLICE_R")) for name in qc)
    assert qc["GAPS MAX"] < 8 and np.isfinite(list(qc.values())).all()


def test_readers_leave_lost_slices_out_with_a_warning(found, caplog):
    frame = MemoryTable({"": trace_table(found)}, {}, "TRACE_TABLE", 1, "t.fits")
    read = traced_slices(frame)
    assert read.numbers.tolist() == [1, *range(3, 12)] and read.n_slices == 12
    assert_allclose(read.curves, found.coefficients[read.numbers - 1])
    assert "t.fits: no solution for slice 2, 12 of IFU 1" in caplog.text


def test_an_empty_table_is_refused(found):
    table = trace_table(found)
    table.columns["tc0_00"][:] = np.nan
    with pytest.raises(BadInput, match="no traced slice"):
        traced_slices(MemoryTable({"": table}, {}, "TRACE_TABLE", 1))
