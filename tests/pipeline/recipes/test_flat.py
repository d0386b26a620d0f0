"""Tests of the master flat on simulated mini exposures."""

import re
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.flags import Flag
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage, MemoryOutputs
from pipeline.recipes.flat import FlatParams, flat
from pipeline.simulator.detector import detector
from pipeline.simulator.optics import optics
from pipeline.spec import BadInput, Planes
from tests.pipeline.mini_calibrations import arcs, flats, master_bias


def make(frames, **params):
    out = MemoryOutputs()
    inputs = {"FLAT": list(frames), "MASTER_BIAS": [master_bias()]}
    flat.run(inputs, FlatParams(**params), out)
    return out


@pytest.fixture(scope="module")
def products():
    return make(flats(), samples=True)


def test_every_row_is_written_and_the_mean_is_one(products):
    master = products["MASTER_FLAT"]
    assert len(master.rows) == MINI.shape[0]
    assert master.unit == "count"
    assert np.mean(master.planes.data, dtype=float) == pytest.approx(1.0, abs=1e-5)


def test_edges_agree_with_the_truth(products):
    columns = products["TRACE_TABLE"].tables[""].columns
    y = np.arange(1.0, MINI.shape[0] + 1)
    truth = optics(MINI, 1)
    for curve, edges in ((1, truth.left), (2, truth.right)):
        found = sum(columns[f"tc{curve}_{k:02d}"][:, None] * y**k for k in range(6))
        assert np.sqrt(np.mean((found - edges) ** 2)) < 0.012
        assert abs(np.mean(found - edges)) < 0.005


def test_the_variance_is_honest(products):
    again = make(flats(6)[3:])
    one, two = products["MASTER_FLAT"].planes, again["MASTER_FLAT"].planes
    good = (one.dq == 0) & (two.dq == 0) & (one.data > 0.1)
    pull = (one.data - two.data)[good] / np.sqrt((one.stat + two.stat)[good])
    assert pull.std() == pytest.approx(1.0, abs=0.02)


def test_pixels_that_respond_weakly_are_flagged(products):
    planes, truth, ccd = products["MASTER_FLAT"].planes, optics(MINI, 1), detector(MINI, 1)
    weak = [
        (y, x)
        for y, x in ccd.dark
        if ((truth.left[:, y] + 2 < x) & (x + 2 < truth.right[:, y])).any()
        and ccd.response[y, x] < 0.5
    ]
    assert len(weak) > 20
    flagged = [planes.dq[y, x] & Flag.DARK_PIXEL > 0 for y, x in weak]
    assert np.mean(flagged) > 0.99


def test_qc_is_declared_and_plausible(products):
    declared = {re.compile(q.name.replace("#", r"\d+") + "$") for q in flat.qc}
    for product in (products["MASTER_FLAT"], products["TRACE_TABLE"]):
        for name in product.qc:
            assert any(pattern.match(name) for pattern in declared), name
    qc = products["MASTER_FLAT"].qc
    assert qc["QC FLAT MASTER MEAN"] == pytest.approx(qc["QC FLAT INPUT1 MEAN"], rel=0.01)
    assert qc["QC FLAT MASTER INTFLUX"] == pytest.approx(
        qc["QC FLAT MASTER MEAN"] * MINI.shape[0] * MINI.shape[1]
    )
    assert qc["QC FLAT MASTER SLICE12 MEAN"] > qc["QC FLAT MASTER MEAN"]
    assert len(products["TRACE_SAMPLES"].tables[""].columns["y"]) == 12 * 42


def test_exposure_times_are_brought_to_that_of_the_first():
    doubled = [replace(f, header={**f.header, "EXPTIME": 2 * f.header["EXPTIME"]})
               for f in flats()[1:]]  # fmt: skip
    scaled = make([flats()[0], *doubled], combine="average", normalize=False, trace=False)
    plain = make(flats(), combine="average", normalize=False, trace=False)
    assert "TRACE_TABLE" not in scaled
    ratio = (
        scaled["MASTER_FLAT"].planes.data.mean() / plain["MASTER_FLAT"].planes.data.mean()
    )
    assert ratio == pytest.approx((1 + 0.5 + 0.5) / 3, rel=1e-3)


def test_normalising_changes_scale_only(products):
    counts = make(flats(), normalize=False)["MASTER_FLAT"]
    master = products["MASTER_FLAT"]
    mean = master.qc["QC FLAT MASTER MEAN"]
    assert_allclose(counts.planes.data, master.planes.data * mean, rtol=1e-5)
    assert_allclose(counts.planes.stat, master.planes.stat * mean**2, rtol=1e-5)
    assert (counts.planes.dq == master.planes.dq).all()


def test_arcs_are_no_flats():
    with pytest.raises(BadInput, match="lamp flats") as refused:
        make([replace(raw, tag="FLAT") for raw in arcs("HgCd", n=3)])
    assert refused.value.file.startswith("ARC")


def test_a_dark_lamp_is_no_flat_even_untraced():
    frames = [replace(raw, data=np.full_like(raw.data, 1000)) for raw in flats()]
    with pytest.raises(BadInput, match="no light"):
        make(frames, trace=False)


def test_a_dark_is_subtracted_after_the_survey():
    frames = [replace(f, header={**f.header, "EXPTIME": 4.0}) for f in flats()]
    shape = MINI.shape
    dq = np.zeros(shape, np.uint32)
    dq[5, 7] = Flag.HOT_PIXEL
    planes = Planes(np.full(shape, 6, np.float32), dq, np.full(shape, 8, np.float32))
    dark = MemoryImage(planes, {**master_bias().header, "EXPTIME": 2.0}, "MASTER_DARK")
    found = []
    for darks in ([], [dark]):
        out = MemoryOutputs()
        inputs = {"FLAT": frames, "MASTER_BIAS": [master_bias()], "MASTER_DARK": darks}
        flat.run(inputs, FlatParams(normalize=False, trace=False), out)
        found.append(out["MASTER_FLAT"])
    without, dark_free = (master.planes for master in found)
    assert_allclose(without.data - dark_free.data, 12.0, atol=0.01)
    assert_allclose(dark_free.stat - without.stat, 32.0, rtol=1e-3)
    assert dark_free.dq[5, 7] == without.dq[5, 7] | Flag.HOT_PIXEL
    assert found[0].qc == found[1].qc


@pytest.mark.parametrize("nsum", [32, 100])
def test_few_rows_are_in_hand_at_a_time(nsum):
    most = 0

    class Outputs(MemoryOutputs):
        @contextmanager
        def spool(self, shape):
            with super().spool(shape) as image:
                read = image.read

                def counted(rows):
                    nonlocal most
                    most = max(most, rows.stop - rows.start)
                    return read(rows)

                image.read = counted
                yield image

    out = Outputs()
    inputs = {"FLAT": flats(), "MASTER_BIAS": [master_bias()]}
    flat.run(inputs, FlatParams(nsum=nsum), out)
    assert 0 < most <= max(nsum, 64)
    assert len(out["MASTER_FLAT"].rows) == MINI.shape[0]
