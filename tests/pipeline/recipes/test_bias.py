import re

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.instrument import MINI
from pipeline.memory import MemoryOutputs, MemoryRaw
from pipeline.recipes.bias import BiasParams, bias
from pipeline.runner import run
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


def test_without_correction_the_master_has_the_mean_overscan():
    """Another exposure must lie within its deviation of the mean of all."""
    frames = raws(3, shifts=[0.0, 2.0, 4.0])
    names = [f"ESO DRS MUSE OVSC1 {what}" for what in ("MEAN", "STDEV")]
    mean, deviation = (make(frames, overscan="none").header[name] for name in names)
    first, scatter = (make(frames).header[name] for name in names)
    assert mean == pytest.approx(first + 2.0, abs=0.15)
    expected = np.sqrt(3 * scatter**2 + 2.0**2 + 4.0**2) / 3
    assert deviation == pytest.approx(expected, rel=0.05)


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


def test_levels_are_medians_of_the_raw_frames():
    frames = raws(3, shifts=[0.0, 2.0, 5.0])
    master = make(frames)
    for port in MINI.quadrants():
        medians = [np.median(f.data[port.raw_y, port.raw_x]) for f in frames]
        name = f"QC BIAS LEVEL{port.number}"
        assert master.qc[f"{name} MEAN"] == pytest.approx(np.mean(medians), abs=0.2)
        assert master.qc[f"{name} STDEV"] == pytest.approx(np.std(medians, ddof=1), abs=0.3)


@pytest.mark.parametrize(("value", "word"), [(0, "dead"), (65535, "saturated")])
def test_a_dead_or_saturated_quadrant_is_refused(value, word):
    frames = raws(3)
    port = MINI.quadrants()[1]
    frames[2].data[port.raw_y, port.raw_x] = value
    with pytest.raises(BadInput, match=rf"bias2\.fits, quadrant 2.*{word}.*leave the file"):
        make(frames)


def test_a_saturated_frame_is_refused():
    frames = raws(3)
    frames[1].data[:] = 65535
    with pytest.raises(BadInput, match=r"bias1\.fits, quadrant 1.*saturated"):
        make(frames)


def test_copies_of_one_exposure_are_refused():
    with pytest.raises(BadInput, match=r"bias0\.fits, quadrant 1.*no noise.*not copies"):
        make([raws(1)[0]] * 3)


@pytest.mark.parametrize("overscan", ["vpoly", "offset"])
def test_an_overscan_that_does_not_belong_to_the_data_is_refused(overscan):
    frames = raws(3)
    left = slice(MINI.scan + MINI.quadrant_nx, MINI.scan * 2 + MINI.quadrant_nx)
    frames[1].data[: MINI.raw_shape[0] // 2, left] += 40
    with pytest.raises(BadInput, match=r"bias1\.fits, quadrant 1.*above the overscan"):
        make(frames, overscan=overscan)


def test_a_frame_of_another_level_is_corrected():
    """Data and overscan shifted alike are no harm."""
    frames = raws(3, shifts=[0.0, 40.0, 0.0])
    assert_allclose(make(frames).planes.data.mean(), 0, atol=0.02)


def test_an_unusual_noise_is_told(caplog):
    frames = raws(3)
    for seed, frame in enumerate(frames):
        port = MINI.quadrants()[3]
        noise = np.random.default_rng(seed).normal(0, 9, (672, 224)).round()
        part = frame.data[port.raw_y, port.raw_x]
        frame.data[port.raw_y, port.raw_x] = (part + noise).astype(np.uint16)
    make(frames)
    (record,) = [r for r in caplog.records if "read-out noise" in r.message]
    assert "bias0.fits" in record.message and "quadrant 4" in record.message
    assert "ESO DET OUT4 GAIN" in record.message


def test_one_per_cent_of_hot_pixels_does_no_harm():
    frames = raws(5)
    hot = np.random.default_rng(8).random(MINI.shape) < 0.01
    for seed, frame in enumerate(frames):
        heat = np.random.default_rng(50 + seed).poisson(2000 * hot).astype(np.uint16)
        for port in MINI.quadrants():
            frame.data[port.raw_y, port.raw_x] += heat[port.trim_y, port.trim_x]
    master = make(frames)
    clean = make(raws(5))
    changed = abs(master.planes.data - clean.planes.data)[~hot] > 0.05
    assert np.mean(changed) < 1e-3  # a limit of clipping moved by the read-out noise
    for port in range(1, 5):
        name = f"QC BIAS MASTER{port} RON"
        assert master.qc[name] == pytest.approx(clean.qc[name], rel=0.01)
    assert master.qc["QC BIAS MASTER NBADPIX"] < 0.05 * hot.size


def test_the_number_of_rows_in_hand_does_not_matter(master, monkeypatch):
    monkeypatch.setattr("pipeline.recipes.bias.N_ROWS", 100)
    for found, expected in zip(make(raws()).planes, master.planes, strict=True):
        assert_array_equal(found, expected)


def files(tmp_path):
    return rawbias.write_biases(tmp_path, 3, ifus=(1,))


def test_a_truncated_file_is_refused_and_nothing_is_written(tmp_path):
    sof = files(tmp_path)
    path = sof[1][0]
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 3 // 5)
    with pytest.raises(BadInput, match=r"bias1\.fits, CHAN01.*truncated.*fetch the file"):
        run("muse_bias", sof, {}, tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("keyword", ["ESO DET READ CURID", "ESO DET BINX"])
def test_frames_of_another_setup_are_refused(tmp_path, keyword):
    sof = files(tmp_path)
    fits.setval(sof[2][0], keyword, value=2)
    with pytest.raises(BadInput, match=rf"bias2\.fits, {keyword}.*is 2, but 1 in bias0"):
        run("muse_bias", sof, {}, tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))
