import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.detector import bad_pixel_list, bad_scan_pixels, calibrated
from pipeline.algorithms.overscan import OverscanParams, overscan_level
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage, MemoryRaw, MemoryTable
from pipeline.spec import BadInput, Planes, Table, blocks

GAIN = (1.1, 1.2, 1.05, 1.15)
NOISE = (2.5, 2.6, 2.7, 2.8)
LEVEL = (1000.0, 1010.0, 1020.0, 1030.0)
SETUP = {"ESO DET BINX": 1, "ESO DET BINY": 1, "ESO DET CHIP NAME": "c", "EXPTIME": 10.0}


def slope(y):
    """Vertical structure of the bias [adu], which is no polynomial."""
    return 2 * np.exp(-y / 150) + 0.5 * np.sin(y / 300)


def raw_frame(signal=0.0, seed=1, level=LEVEL):
    """Simulate one IFU with ``signal`` [count] in the illuminated part."""
    rng = np.random.default_rng(seed)
    ny, nx = MINI.raw_shape
    adu = np.empty((ny, nx))
    header = dict(SETUP)
    for port, gain, noise, zero in zip(MINI.quadrants(), GAIN, NOISE, level, strict=True):
        rows = slice(ny // 2, ny) if port.number > 2 else slice(0, ny // 2)
        columns = slice(nx // 2, nx) if port.number in (2, 3) else slice(0, nx // 2)
        shape = adu[rows, columns].shape
        bias = zero + slope(np.arange(ny)[rows])[:, None]
        adu[rows, columns] = bias + rng.normal(0, noise / gain, shape)
        electrons = rng.poisson(signal, (MINI.quadrant_ny, MINI.quadrant_nx))
        adu[port.raw_y, port.raw_x] += electrons / gain
        header[f"ESO DET OUT{port.number} GAIN"] = gain
        header[f"ESO DET OUT{port.number} RON"] = noise
    counts = np.clip(adu.round(), 0, 65535).astype(np.uint16)
    return MemoryRaw(counts, header, "FLAT", 1, "raw.fits")


def master_bias(value=0.0, **keywords):
    data = np.full(MINI.shape, value, np.float32)
    stat = np.full(MINI.shape, 1.2, np.float32)
    header = {**SETUP, "ESO QC BIAS MASTER1 MEDIAN": value, **keywords}
    return MemoryImage(Planes(data, np.zeros(MINI.shape, np.uint32), stat), header)


def whole(frame):
    return frame.read(slice(0, frame.shape[0]))


def test_counts_and_variance_are_right():
    planes = whole(calibrated(raw_frame(50.0), master_bias(), OverscanParams()))
    assert not planes.dq.any()
    for port, gain in zip(MINI.quadrants(), GAIN, strict=True):
        part = planes.data[port.trim_y, port.trim_x]
        assert part.mean() == pytest.approx(50.0, abs=0.15)
        stat = planes.stat[port.trim_y, port.trim_x].mean() - 1.2 * gain**2
        digits = gain**2 / 12  # measured noise holds it, the header's does not
        assert part.var() == pytest.approx(stat + digits, rel=0.02)


def test_dark_pixels_have_an_honest_variance():
    planes = whole(calibrated(raw_frame(0.0), master_bias(), OverscanParams()))
    bias = np.mean([1.2 * gain**2 for gain in GAIN])
    digits = np.mean([gain**2 / 12 for gain in GAIN])
    assert planes.stat.mean() - bias + digits == pytest.approx(planes.data.var(), rel=0.04)


def test_blocks_do_not_matter():
    frame = calibrated(raw_frame(5.0), master_bias(), OverscanParams())
    expected = whole(frame)
    for rows in blocks(frame.shape[0], 100):
        for block, plane in zip(frame.read(rows), expected, strict=True):
            assert_array_equal(block, plane[rows])


def test_vpoly_follows_the_bias():
    level = overscan_level(raw_frame(), OverscanParams())
    raw_rows = np.concatenate([np.arange(8, 680), np.arange(696, 1368)])
    for column, zeros in ((0, (LEVEL[0], LEVEL[3])), (1, (LEVEL[1], LEVEL[2]))):
        truth = slope(raw_rows) + np.repeat(zeros, MINI.quadrant_ny)
        error = level.rows[:, column] - truth  # 5 columns of 680 rows: 0.1 adu
        assert np.sqrt(np.mean(error**2)) < 0.15 and abs(error).max() < 0.6
    n = level.keywords["ESO DRS MUSE OVSC1 POLY NCOEFF"]
    terms = [level.keywords[f"ESO DRS MUSE OVSC1 POLY Y{k}"] for k in range(n)]
    y = MINI.scan + 1.0
    assert sum(t * y**k for k, t in enumerate(terms)) == pytest.approx(level.rows[0, 0])


def test_cosmic_rays_in_the_overscan_do_not_matter():
    raw = raw_frame()
    clean = overscan_level(raw, OverscanParams())
    rng = np.random.default_rng(3)
    raw.data[rng.integers(0, 1376, 60), rng.integers(232, 248, 60)] += 4000
    struck = overscan_level(raw, OverscanParams())
    assert np.std(struck.rows - clean.rows) < 0.05
    assert_allclose(struck.stdev, clean.stdev, rtol=0.03)


def test_offset_follows_the_reference():
    reference = {f"ESO DRS MUSE OVSC{n} MEAN": LEVEL[n - 1] - 5 for n in range(1, 5)}
    level = overscan_level(raw_frame(), OverscanParams(overscan="offset"), reference)
    assert_allclose(level.rows, 5.0, atol=1.5)
    none = overscan_level(raw_frame(), OverscanParams(overscan="none"), reference)
    assert not none.rows.any()
    assert none.mean[0] == pytest.approx(1000.5, abs=1)


def test_saturation_and_bad_pixels_are_flagged():
    raw = raw_frame()
    raw.data[MINI.scan + 3, MINI.scan + 4] = 0
    raw.data[-MINI.scan - 1, -MINI.scan - 1] = 65501
    columns = {
        "xpos": np.array([9, 3]),
        "ypos": np.array([10, 3]),
        "status": np.array([256, 0]),
    }
    bad = MemoryTable({"CHAN01": Table(columns, {})}, ifu=1)
    dq = whole(calibrated(raw, master_bias(), OverscanParams(), bad_pixels=[bad])).dq
    assert dq[3, 4] == 4096 and dq[-1, -1] == 4096 and dq[1, 0] == 256
    assert np.count_nonzero(dq) == 3
    other = MemoryTable({"CHAN02": Table(columns, {})}, ifu=2)
    assert bad_pixel_list([other], 1, MINI) == []


def test_bad_pixels_of_the_overscan_take_no_part_in_the_level():
    """Raw positions in the pre- and overscans; those of the data section are for DQ."""
    raw = raw_frame()
    clean = calibrated(raw, master_bias(), OverscanParams()).overscan
    y, x = np.arange(20, 600, 30), 236  # second column of the overscan that is used
    raw.data[y, x] -= 200  # no cosmic rays
    columns = {"xpos": np.full(len(y) + 1, x + 1), "ypos": np.append(y + 1, 30)}
    columns["xpos"][-1] = 100
    columns["status"] = np.full(len(y) + 1, 256)
    table = MemoryTable({"CHAN01": Table(columns, {})}, ifu=1)
    spoiled = calibrated(raw, master_bias(), OverscanParams()).overscan
    found = calibrated(raw, master_bias(), OverscanParams(), bad_pixels=[table])
    assert abs(spoiled.mean[0] - clean.mean[0]) > 0.5
    assert found.overscan.mean[0] == pytest.approx(clean.mean[0], abs=0.03)
    assert np.abs(found.overscan.rows - clean.rows).max() < 0.4
    assert found.bad_pixels == [(21, 91, 256)]
    places = bad_scan_pixels([table], 1, MINI)
    assert_array_equal(places, np.stack([y, np.full(len(y), x)], axis=1))
    assert len(bad_scan_pixels([table], 2, MINI)) == 0


def test_bad_pixels_outside_the_detector_are_warned_of(caplog):
    columns = {
        "xpos": np.array([9, MINI.raw_shape[1] + 1, 0]),
        "ypos": np.array([10, 10, 10]),
        "status": np.array([256, 256, 256]),
    }
    bad = MemoryTable({"CHAN01": Table(columns, {})}, ifu=1)
    assert len(bad_pixel_list([bad], 1, MINI)) == 1
    assert "2 of 3 pixels lie outside the detector of IFU 1" in caplog.text


@pytest.mark.parametrize(("value", "what"), [(0, "dead"), (65535, "saturated")])
def test_a_port_without_signal_is_refused(value, what):
    """Also when only the overscan tells: whatever follows would be wrong."""
    raw = raw_frame()
    raw.data[MINI.raw_shape[0] // 2 :, : MINI.raw_shape[1] // 2] = value
    with pytest.raises(BadInput, match=f"quadrant 4: the quadrant is {what}"):
        calibrated(raw, master_bias(), OverscanParams())


def test_a_dark_is_scaled_to_the_exposure_time():
    dark = master_bias(2.0, EXPTIME=20.0)
    without = whole(calibrated(raw_frame(), master_bias(), OverscanParams()))
    planes = whole(calibrated(raw_frame(), master_bias(), OverscanParams(), dark=dark))
    assert_allclose(planes.data, without.data - 1.0, atol=1e-3)
    assert_allclose(planes.stat, without.stat + 0.3, rtol=1e-5)


@pytest.mark.parametrize("keyword", ["ESO DET BINX", "ESO DET CHIP NAME"])
def test_masters_of_another_setup_are_refused(keyword):
    with pytest.raises(BadInput, match=keyword):
        calibrated(raw_frame(), master_bias(**{keyword: "other"}), OverscanParams())


def test_masters_of_another_overscan_method_are_refused():
    with pytest.raises(BadInput, match="same overscan"):
        calibrated(raw_frame(), master_bias(1000.0), OverscanParams())
    raw = raw_frame()
    raw.header.pop("ESO DET OUT2 GAIN")
    with pytest.raises(BadInput, match="OUT2 GAIN"):
        calibrated(raw, master_bias(), OverscanParams())
