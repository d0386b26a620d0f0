from datetime import UTC, datetime

import numpy as np
import pytest
from astropy.io import fits

from phoenix.ingest import examine
from pipeline.formats.raw import open_raw
from pipeline.instrument import FULL, MINI
from pipeline.simulator.detector import detector
from pipeline.simulator.exposure import Exposure, Pointing, Template
from pipeline.simulator.fields import object_field
from pipeline.simulator.frames import raw_counts, simulate_exposure
from pipeline.simulator.headers import CHIPS, TEMPLATES, channel_header
from pipeline.simulator.lamps import ARC_EXPTIME, FLAT_EXPTIME, arc_lines
from pipeline.simulator.optics import Drift, optics

START = datetime(2026, 9, 3, 4, 20, 0, 123000, tzinfo=UTC)


def exposure(kind, exptime=0.0, **more):
    return Exposure(kind, START, exptime, Template(TEMPLATES[kind], START), 5, **more)


def trimmed(raw, ccd):
    """Return electrons on the trimmed image, bias rows subtracted."""
    image = np.zeros(ccd.size.shape)
    for q in ccd.size.quadrants():
        rows = ccd.bias_rows(q.number)[q.raw_y]
        counts = raw[q.raw_y, q.raw_x] - rows[:, None]
        image[q.trim_y, q.trim_x] = counts * ccd.gain[q.number - 1]
    return image


def test_bias_has_level_and_noise_of_each_port_also_in_the_overscan():
    raw, ccd = raw_counts(exposure("BIAS"), MINI, 1), detector(MINI, 1)
    for q in MINI.quadrants():
        k = q.number - 1
        for y, x in ((q.raw_y, q.raw_x), (q.raw_y, q.over_x), (q.over_y, q.raw_x)):
            part = raw[y, x].astype(float) - ccd.bias_rows(q.number)[y, None]
            noise = np.hypot(ccd.read_noise[k] / ccd.gain[k], np.sqrt(1 / 12))
            assert np.median(part) == pytest.approx(0, abs=3)
            assert part[abs(part) < 20].std() == pytest.approx(noise, rel=0.04)


def test_hot_pixels_shine_in_darks_and_a_column_also_in_biases():
    ccd = detector(MINI, 1)
    dark = trimmed(raw_counts(exposure("DARK", 1800.0), MINI, 1), ccd)
    bias = trimmed(raw_counts(exposure("BIAS"), MINI, 1), ccd)
    assert np.median(dark[ccd.hot[:, 0], ccd.hot[:, 1]]) > 1000
    column = ccd.hot[ccd.hot_offset > 0]
    assert len(np.unique(column[:, 1])) == 1
    assert bias[column[:, 0], column[:, 1]].mean() == pytest.approx(120, abs=3)


def test_lines_of_an_arc_fall_on_the_pixels_of_their_wavelength():
    drift = Drift(0.05, 0.1)
    raw = raw_counts(exposure("ARC", ARC_EXPTIME["Ne"], lamp="Ne", drift=drift), MINI, 2)
    image, truth = trimmed(raw, detector(MINI, 2)), optics(MINI, 2).drifted(drift)
    image /= detector(MINI, 2).response
    lines, fluxes = arc_lines("Ne")
    line = lines[(abs(lines - 6402.248) < 0.01)][0]
    offsets = []
    for s in range(MINI.n_slices):
        x = round((truth.left[s, 600] + truth.right[s, 600]) / 2)
        rows = np.arange(1, MINI.shape[0] + 1)
        wavelength = truth.wavelength(s + 1, np.full(len(rows), float(x)), rows)
        near = abs(wavelength - line) < 5
        light = image[rows[near] - 1, x - 1]
        offsets.append((light * (wavelength[near] - line)).sum() / light.sum())
    assert np.mean(offsets) == pytest.approx(0, abs=0.03)
    assert fluxes.max() > 1e4


def test_flat_is_bright_in_slices_and_dark_between_them():
    raw, truth = raw_counts(exposure("FLAT", FLAT_EXPTIME), MINI, 1), optics(MINI, 1)
    image = trimmed(raw, detector(MINI, 1))
    row = 700
    inside = image[row, round(truth.left[3, row]) + 5 : round(truth.right[3, row]) - 5]
    between = (truth.right[3, row] + truth.left[4, row]) / 2
    assert inside.mean() > 10000
    assert abs(image[row, round(between) - 1]) < 0.01 * inside.mean()


def test_frame_is_a_function_of_its_exposure():
    first, again = (raw_counts(exposure("FLAT", FLAT_EXPTIME), MINI, 1) for _ in range(2))
    assert (first == again).all()


def test_file_is_read_back_with_its_keywords(tmp_path):
    e = exposure("ARC", ARC_EXPTIME["Xe"], lamp="Xe", temperature=11.3)
    path = simulate_exposure(e, MINI, tmp_path, [1, 3])
    assert path.name == "MUSE.2026-09-03T04:20:00.123.fits"
    frames = open_raw(path, "ARC")
    assert list(frames) == [1, 3]
    header = frames[3].header
    expected = {
        "DATE-OBS": "2026-09-03T04:20:00.123",
        "ARCFILE": path.name,
        "EXPTIME": ARC_EXPTIME["Xe"],
        "ESO DPR CATG": "CALIB",
        "ESO DPR TYPE": "WAVE",
        "ESO DPR TECH": "IFU",
        "ESO INS MODE": "WFM-NOAO-N",
        "ESO INS TEMP4 VAL": 11.3,
        "ESO INS LAMPNUM": 6,
        "ESO INS LAMP4 ST": True,
        "ESO INS SHUT4 ST": True,
        "ESO INS SHUT5 ST": False,
        "ESO DET BINX": 1,
        "ESO DET READ CURID": 1,
        "ESO DET CHIP NAME": "CHAN03",
        "ESO DET CHIP ID": CHIPS[2],
        "ESO DET CHIP LIVE": True,
        "ESO DET OUT2 X": MINI.shape[1],
        "ESO DET OUT3 Y": MINI.shape[0],
        "ESO DET OUT4 OVSCX": MINI.scan,
    }
    assert {key: header[key] for key in expected} == expected
    assert header["MJD-OBS"] == pytest.approx(61286.18055698, abs=1e-6)
    assert header["ESO DET OUT1 GAIN"] == detector(MINI, 3).gain[0]
    assert (frames[3].read(slice(0, 50)) == raw_counts(e, MINI, 3, (1, 3))[:50]).all()


def test_compressed_file_holds_the_same_counts(tmp_path):
    e = exposure("BIAS")
    path = simulate_exposure(e, MINI, tmp_path, [2], compress=True)
    assert path.name.endswith(".fits.fz")
    counts = open_raw(path, "BIAS")[2].read(slice(0, MINI.raw_shape[0]))
    assert (counts == raw_counts(e, MINI, 2)).all()


def test_ports_of_the_full_size_are_where_the_genuine_pipeline_wants_them():
    header = channel_header(detector(FULL, 1))
    places = [
        (header[f"ESO DET OUT{n} X"], header[f"ESO DET OUT{n} Y"]) for n in range(1, 5)
    ]
    assert places == [(1, 1), (4096, 1), (4096, 4112), (1, 4112)]


def test_object_shows_its_stars_and_the_position_of_the_telescope(tmp_path):
    pointing = Pointing(10.0, -25.0)
    scene = object_field(10.0, -25.0, MINI, 7)
    e = exposure("OBJECT", 300.0, pointing=pointing, scene=scene)
    empty = exposure("OBJECT", 300.0, pointing=pointing)
    more = raw_counts(e, MINI, 2).astype(int) - raw_counts(empty, MINI, 2)
    assert more.sum() > 1e5
    header = open_raw(simulate_exposure(e, MINI, tmp_path, [2]), "OBJECT")[2].header
    assert (header["RA"], header["DEC"]) == (10.0, -25.0)
    assert header["ESO TEL AIRM START"] == pytest.approx(e.airmass(), abs=1e-3)


def test_dark_lamp_gives_no_light():
    raw = raw_counts(exposure("ARC", 100.0, lamp="Xe", dark_lamp=True), MINI, 1)
    image = trimmed(raw, detector(MINI, 1))
    assert abs(np.median(image)) < 1.5


@pytest.mark.parametrize("compress", [False, True])
def test_the_guiding_system_adds_extensions_that_do_not_disturb(tmp_path, compress):
    """Those of the manual: mean image, a cube of images, a table of a row an image."""
    e = exposure("OBJECT", 300.0, guiding=True)
    path = simulate_exposure(e, MINI, tmp_path, [1, 2], compress)
    with fits.open(path, checksum=True) as units:
        assert [unit.name for unit in units[3:]] == ["SGS_IMG", "SGS_CUBE", "SGS_DATA"]
        image, cube, table = (unit.data for unit in units[3:])
        assert cube.shape == (3, *image.shape)
        np.testing.assert_allclose(image, cube.mean(axis=0), rtol=1e-5)
        assert len(table) == 3 and (len(table.names) - 4) % 10 == 0
    frames = open_raw(path, "OBJECT")
    assert list(frames) == [1, 2]
    whole = slice(0, MINI.raw_shape[0])
    assert (frames[2].read(whole) == raw_counts(e, MINI, 2, (1, 2))).all()
    assert examine(path).state == "accepted"
