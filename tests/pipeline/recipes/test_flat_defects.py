"""Flats with something wrong: a clear warning or refusal, never a wrong table."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.flags import Flag
from pipeline.instrument import MINI
from pipeline.memory import MemoryOutputs
from pipeline.recipes.flat import FlatParams, flat
from pipeline.simulator.optics import optics
from pipeline.spec import BadInput
from tests.pipeline.mini_calibrations import flats, master_bias

SCAN, NY, NX = MINI.scan, MINI.quadrant_ny, MINI.quadrant_nx
LEVEL = 1000


def make(frames, **params):
    out = MemoryOutputs()
    inputs = {"FLAT": list(frames), "MASTER_BIAS": [master_bias()]}
    flat.run(inputs, FlatParams(**params), out)
    return out


def changed(change, frames=None):
    """Return flats whose raw counts have been changed by a function."""
    found = []
    for raw in frames or flats():
        counts = raw.data.astype(float)
        change(counts)
        found.append(replace(raw, data=np.clip(counts, 0, 65535).astype(np.uint16)))
    return found


def trimmed(y, x):
    """Return the raw place of a trimmed pixel."""
    return y + SCAN * (1 if y < NY else 3), x + SCAN * (1 if x < NX else 3)


def dim(number, part, rows=slice(None)):
    """Return what takes light away from a slice, in some trimmed rows."""
    truth = optics(MINI, 1)

    def change(counts):
        for y in range(*rows.indices(2 * NY)):
            left, right = truth.left[number - 1, y], truth.right[number - 1, y]
            for x in range(max(int(left) - 3, 0), min(int(right) + 3, 2 * NX)):
                place = trimmed(y, x)
                counts[place] = LEVEL + part * (counts[place] - LEVEL)

    return change


def curves(products):
    columns = products["TRACE_TABLE"].tables[""].columns
    y = np.arange(1.0, 2 * NY + 1)[::50]
    return np.array(
        [sum(columns[f"tc{c}_{k:02d}"][:, None] * y**k for k in range(6)) for c in range(3)]
    )


@pytest.fixture(scope="module")
def whole():
    return make(flats())


@pytest.mark.parametrize("number", [1, 5, 12])
def test_a_missing_slice_is_named_and_the_others_are_kept(whole, number, caplog):
    found = make(changed(dim(number, 0.0)), samples=True)
    assert f"slice {number} of IFU 1 cannot be traced" in caplog.text
    assert "--samples" in caplog.text and "8 degrees" in caplog.text
    others = np.delete(np.arange(12), number - 1)
    assert np.isnan(curves(found)[:, number - 1]).all()
    assert_allclose(curves(found)[:, others], curves(whole)[:, others], atol=0.02)
    master = found["MASTER_FLAT"]
    assert f"QC FLAT MASTER SLICE{number} MEAN" not in master.qc
    assert sum(name.endswith(" MEAN") for name in master.qc) == 3 + 1 + 11
    assert number not in found["TRACE_SAMPLES"].tables[""].columns["slice"]


def test_a_slice_seen_in_few_rows_is_no_wrong_trace(whole, caplog):
    """The genuine pipeline extrapolates its polynomial over the whole detector."""
    frames = changed(dim(5, 0.01, slice(0, 600)), changed(dim(5, 0.01, slice(760, None))))
    found = make(frames)
    assert np.isnan(curves(found)[:, 4]).all()
    assert "slice 5 of IFU 1 cannot be traced: its edges are found in" in caplog.text


@pytest.mark.parametrize(("part", "error"), [(0.35, 0.03), (0.15, 0.1)])
def test_a_vignetted_slice_is_traced(whole, caplog, part, error):
    found = make(changed(dim(10, part)))
    assert_allclose(curves(found), curves(whole), atol=error)
    assert "cannot be traced" not in caplog.text


def test_a_dead_port_is_refused():
    def change(counts):
        counts[: NY + SCAN, : NX + SCAN] = LEVEL

    with pytest.raises(BadInput, match="quadrant 1: the quadrant has no light") as refused:
        make(changed(change))
    assert "repeat the exposure" in refused.value.remedy


def test_hot_pixels_change_no_edge_and_are_flagged(whole):
    bad = np.random.default_rng(7).random(flats()[0].data.shape) < 0.01

    def change(counts):
        counts[bad] += 30000

    found = make(changed(change))
    assert_allclose(curves(found), curves(whole), atol=0.04)
    rms = np.sqrt(np.mean((curves(found) - curves(whole)) ** 2))
    assert rms < 0.012
    truth = optics(MINI, 1)
    inside = np.zeros((2 * NY, 2 * NX), bool)
    for left, right in zip(truth.left, truth.right, strict=True):
        x = np.arange(1, 2 * NX + 1)
        inside |= (x > left[:, None] + 2) & (x < right[:, None] - 2)
    hot = np.array([[bad[trimmed(y, x)] for x in range(2 * NX)] for y in range(2 * NY)])
    flagged = found["MASTER_FLAT"].planes.dq & Flag.HOT_PIXEL > 0
    assert flagged[inside & hot].mean() > 0.99
    assert flagged[inside & ~hot].mean() < 1e-4


def test_a_frame_whose_overscan_is_shifted_is_named(whole, caplog):
    def change(counts):
        middle = slice(NX + SCAN, NX + 3 * SCAN)
        counts[:, middle] += 150

    frames = [flats()[0], *changed(change, flats()[1:2]), flats()[2]]
    found = make(frames)
    (warning,) = [r for r in caplog.records if "between the slices" in r.getMessage()]
    assert flats()[1].name in warning.getMessage()
    assert_allclose(curves(found), curves(whole), atol=0.03)


def test_a_lamp_that_fades_is_named(caplog):
    def change(counts):
        counts[...] = LEVEL + 0.8 * (counts - LEVEL)

    make([*flats()[:2], *changed(change, flats()[2:])])
    assert f"{flats()[2].name}: 0.80 times the light" in caplog.text


def test_good_flats_raise_no_warning(caplog):
    make(flats())
    assert not caplog.records


def test_saturated_flats_are_refused():
    def change(counts):
        counts[counts > 2000] = 65535

    with pytest.raises(BadInput, match="of the pixels are saturated") as refused:
        make(changed(change))
    assert refused.value.keyword == "EXPTIME"


def test_few_saturated_pixels_are_counted_and_flagged():
    def change(counts):
        counts[trimmed(300, 60)] = 65535

    found = make(changed(change))["MASTER_FLAT"]
    assert found.qc["QC FLAT MASTER NSATURATED"] == 1
    assert found.qc["QC FLAT INPUT2 NSATURATED"] == 1
    assert found.planes.dq[300, 60] & Flag.AD_SATURATED


def test_blocks_do_not_change_the_result(whole, monkeypatch):
    monkeypatch.setattr("pipeline.recipes.flat.N_ROWS", 48)
    again = make(flats())
    for a, b in zip(again["MASTER_FLAT"].planes, whole["MASTER_FLAT"].planes, strict=True):
        assert_allclose(a, b, rtol=1e-6)
    assert_array_equal(curves(again), curves(whole))
