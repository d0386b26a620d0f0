import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.instrument import MINI
from pipeline.memory import MemoryOutputs, MemoryRaw
from pipeline.recipes.bias import BiasParams, bias
from pipeline.spec import BadInput
from tests.pipeline import rawbias


def raws(n=5, shifts=None, **defects):
    shifts = shifts or [0.0] * n
    return [
        MemoryRaw(
            rawbias.counts(seed, shift=shifts[seed], **defects),
            {
                key.removeprefix("HIERARCH "): value
                for key, value in rawbias.extension(1).items()
            },
            name=f"bias{seed}.fits",
        )
        for seed in range(n)
    ]


def make(frames, **params):
    out = MemoryOutputs()
    bias.run({"BIAS": frames, "BADPIX_TABLE": []}, BiasParams(**params), out)
    return out["MASTER_BIAS"]


@pytest.fixture(scope="module")
def master():
    return make(raws())


def test_the_master_is_about_zero_without_cosmic_rays(master):
    assert len(master.rows) == 1344
    for port, noise, gain in zip(
        MINI.quadrants(), rawbias.NOISE, rawbias.GAIN, strict=True
    ):
        data = master.planes.data[port.trim_y, port.trim_x]
        assert abs(np.median(data)) < 0.05
        sigma = np.hypot(noise / gain, 1 / np.sqrt(12)) / np.sqrt(5)
        assert data.std() == pytest.approx(sigma, rel=0.03)
        assert abs(data).max() < 8 * sigma


def test_the_variance_is_honest(master):
    pull = master.planes.data / np.sqrt(master.planes.stat)
    assert pull.std() == pytest.approx(1.0, abs=0.03)


def test_the_read_noise_is_right(master):
    for port, noise, gain in zip((1, 2, 3, 4), rawbias.NOISE, rawbias.GAIN, strict=True):
        truth = np.hypot(noise, gain / np.sqrt(12))  # rounding to whole adu is part of it
        found = master.qc[f"QC BIAS MASTER{port} RON"]
        error = master.qc[f"QC BIAS MASTER{port} RONERR"]
        assert found == pytest.approx(truth, rel=0.01)
        assert abs(found - truth) < 4 * error


def test_qc_tells_level_and_structure(master):
    assert master.qc["QC BIAS LEVEL2 MEDIAN"] == pytest.approx(rawbias.LEVEL[1], abs=1.5)
    assert abs(master.qc["QC BIAS MASTER1 SLOPE Y"]) < 3e-4
    assert master.qc["QC BIAS MASTER NBADPIX"] == 0
    assert master.header["ESO DRS MUSE OVSC1 POLY NCOEFF"] >= 2
    declared = {q.name for q in bias.qc}

    assert {re.sub(r"\d+", "#", name) for name in master.qc} <= declared


def test_a_trap_is_flagged_from_where_it_begins():
    dq = make(raws(3, hot=12.0)).planes.dq
    flagged = np.flatnonzero(dq[:, 50])
    assert_allclose([flagged[0], flagged[-1]], [300, 671], atol=16)
    assert np.count_nonzero(dq) == len(flagged)


@pytest.mark.parametrize("overscan", ["offset", "none"])
def test_other_methods_keep_the_level(overscan):
    shifts = [0.0, 2.0, 4.0] if overscan == "offset" else None
    master = make(raws(3, shifts=shifts), overscan=overscan)
    port = MINI.quadrants()[0]
    level = np.median(master.planes.data[port.trim_y, port.trim_x])
    assert level == pytest.approx(rawbias.LEVEL[0] + 0.5, abs=1)


def test_levels_that_differ_stop_without_correction():
    frames = raws(3, shifts=[0.0, 0.0, 90.0])
    with pytest.raises(BadInput, match=r"bias2\.fits, quadrant 1.*overscan=offset"):
        make(frames, overscan="none")
    assert abs(np.median(make(frames).planes.data)) < 0.1


def test_saturated_pixels_are_counted_and_flagged():
    frames = raws(3)
    for frame in frames:
        frame.data[MINI.scan + 20, MINI.scan + 30] = 65535
    frames[1].data[MINI.scan + 40, MINI.scan + 30] = 65535
    master = make(frames)
    assert master.qc["QC BIAS INPUT2 NSATURATED"] == 2
    assert master.qc["QC BIAS MASTER NSATURATED"] == 1
    assert_array_equal(np.argwhere(master.planes.dq), [[20, 30]])
