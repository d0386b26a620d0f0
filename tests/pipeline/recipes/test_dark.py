import numpy as np
import pytest

from pipeline.instrument import MINI
from pipeline.memory import MemoryImage, MemoryOutputs, MemoryRaw
from pipeline.recipes.dark import DarkParams, dark
from pipeline.spec import BadInput, Planes
from tests.pipeline import rawbias

CURRENT = 3.0  # count per hour


def exposures(times=(1800.0, 1800.0, 3600.0)):
    rng = np.random.default_rng(4)
    frames = []
    for seed, time in enumerate(times):
        counts = rawbias.counts(seed).astype(int)
        for port, gain in zip(MINI.quadrants(), rawbias.GAIN, strict=True):
            part = counts[port.raw_y, port.raw_x]
            part += rng.poisson(CURRENT * time / 3600 / gain, part.shape)
        counts[MINI.scan + 70, MINI.scan + 60] += 300
        header = dict(rawbias.extension(1).items())
        header["EXPTIME"] = time
        frames.append(MemoryRaw(counts.astype(np.uint16), header, "DARK"))
    return frames


def bias():
    noise = np.random.default_rng(9).normal(0, 1, MINI.shape).astype(np.float32)
    dq = np.zeros(MINI.shape, np.uint32)
    return MemoryImage(Planes(noise, dq, np.ones(MINI.shape, np.float32)))


def make_all(frames, **params):
    out = MemoryOutputs()
    dark.run({"DARK": frames, "MASTER_BIAS": [bias()]}, DarkParams(**params), out)
    return out


def make(frames, **params):
    return make_all(frames, **params)["MASTER_DARK"]


def test_the_current_is_that_of_one_hour():
    master = make(exposures())
    assert master.qc["QC DARK MASTER DC"] == pytest.approx(CURRENT, abs=0.15)
    assert master.header["EXPTIME"] == 3600.0
    assert master.planes.dq[70, 60] == 256
    n_hot = np.count_nonzero(master.planes.dq)
    assert n_hot == master.qc["QC DARK MASTER NBADPIX"] < 300
    assert {name.split("INPUT")[0] for name in master.qc} <= {
        q.name.split("INPUT")[0] for q in dark.qc
    }


def test_the_variance_is_honest():
    planes = make(exposures((3600.0,) * 3)).planes
    good = planes.dq == 0
    pull = (planes.data - CURRENT)[good] / np.sqrt(planes.stat[good])
    assert 1.4826 * np.median(np.abs(pull - np.median(pull))) == pytest.approx(1, abs=0.04)


def test_exposures_need_not_be_scaled():
    """Two of half and one of the whole time then stand for two thirds of it each."""
    master = make(exposures(), scale=False, combine="average", normalize=1800.0)
    assert master.qc["QC DARK MASTER DC"] == pytest.approx(CURRENT * 4 / 3, abs=0.2)


def test_the_model_is_a_product_of_its_own():
    out = MemoryOutputs()
    frames = {"DARK": exposures(), "MASTER_BIAS": [bias()]}
    dark.run(frames, DarkParams(model=True), out)
    model, master = out["MODEL_DARK"], out["MASTER_DARK"]
    middle = model.planes.data[200:-200, 80:-80]
    assert middle.mean() == pytest.approx(CURRENT, abs=0.1)
    assert middle.std() < 0.1
    assert not model.qc and model.header["EXPTIME"] == 3600.0
    assert (model.planes.dq & master.planes.dq == master.planes.dq).all()
    assert "MODEL_DARK" not in make_all(exposures())


def test_a_dead_or_saturated_quadrant_is_refused():
    for value, word in ((0, "dead"), (65535, "saturated")):
        frames = exposures()
        port = MINI.quadrants()[2]
        frames[1].data[port.raw_y, port.raw_x] = value
        frames[1].name = "dark1.fits"
        with pytest.raises(BadInput, match=rf"dark1\.fits, quadrant 3.*{word}.*leave"):
            make(frames)


def test_an_overscan_apart_from_its_data_is_named(caplog):
    frames = exposures()
    port = MINI.quadrants()[0]
    frames[2].data[port.raw_y, port.over_x] += 40
    frames[2].name = "dark2.fits"
    make(frames)
    assert "dark2.fits, quadrant 1: the darkest pixels lie -" in caplog.text


def test_the_statistics_are_those_of_good_pixels():
    master = make(exposures())
    good = master.planes.data[master.planes.dq == 0]
    assert master.qc["QC DARK MASTER MAX"] == good.max()
    assert master.qc["QC DARK MASTER MEDIAN"] == np.median(good)
    assert master.qc["QC DARK MASTER MEAN"] == pytest.approx(good.mean(dtype=float))


def test_it_can_keep_the_exposure_time():
    master = make(exposures((1800.0,) * 3), normalize=0)
    assert master.header["EXPTIME"] == 1800.0
    assert np.median(master.planes.data) == pytest.approx(CURRENT / 2, abs=0.15)


def test_a_dark_needs_an_exposure_time():
    with pytest.raises(BadInput, match="EXPTIME"):
        make(exposures((0.0, 1.0, 1.0)))
