"""Tests of muse_scibasic on mini exposures with a known sky."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.flags import Flag
from pipeline.instrument import MINI
from pipeline.memory import MemoryCube, MemoryOutputs
from pipeline.recipes.scibasic import ScibasicParams, scibasic
from pipeline.spec import BadInput, Planes
from tests.pipeline.mini_exposure import (
    calibrations,
    lamp,
    master,
    raw,
    sky,
    wavelengths,
)
from tests.pipeline.mini_tables import geometry_table

DRIFT = 0.05  # Angstrom, between arcs and sky


@pytest.fixture(scope="module")
def calibration():
    return calibrations()


@pytest.fixture(scope="module")
def scene():
    """Wavelengths as the arcs saw them, slice numbers, and counts of the drifted sky."""
    wavelength, number = wavelengths()
    return wavelength, number, sky(wavelength + DRIFT) * lamp(wavelength)


def reduce(frames, **params):
    out = MemoryOutputs()
    scibasic.run(frames, ScibasicParams(**params), out)
    return out


@pytest.fixture(scope="module")
def product(calibration, scene):
    return reduce({"OBJECT": [raw(scene[2], 1)], **calibration})


def test_flux_is_recovered(product):
    pixels = product["PIXTABLE_OBJECT"].pixels
    good = pixels.dq == 0
    expected = sky(pixels.wavelength[good].astype(float))
    ratio = pixels.data[good].sum(dtype=float) / expected.sum()
    assert ratio == pytest.approx(1.0, abs=0.002)


def test_variance_is_honest(product):
    pixels = product["PIXTABLE_OBJECT"].pixels
    good = pixels.dq == 0
    pull = (pixels.data - sky(pixels.wavelength.astype(float)))[good] / np.sqrt(
        pixels.stat[good]
    )
    blank = abs(pixels.wavelength[good, None] - [5577.3, 6300.3]).min(axis=1) > 10
    assert pull[blank].std() == pytest.approx(1.0, abs=0.02)
    assert abs(pull[blank].mean()) < 0.06


def test_variance_can_be_that_of_the_genuine_pipeline(calibration, scene):
    frames = {"OBJECT": [raw(scene[2], 1)], **calibration}
    ours, theirs = (
        reduce(frames, readnoise=on, saveimage=False)["PIXTABLE_OBJECT"].pixels.stat
        for on in (True, False)
    )
    lit = slice(200_000, 200_500)
    added = ours[lit] - theirs[lit]
    assert np.median(added) > 2.0


def test_drift_is_corrected(product, scene):
    shift = product["PIXTABLE_OBJECT"].qc["QC SCIBASIC LAMBDA SHIFT"]
    assert shift == pytest.approx(DRIFT, abs=0.01)


def test_no_lines_no_shift(calibration, scene):
    frames = {"OBJECT": [raw(scene[2], 1)], **calibration}
    out = reduce(frames, skylines="none", saveimage=False)
    assert out["PIXTABLE_OBJECT"].qc["QC SCIBASIC LAMBDA SHIFT"] == 0.0
    assert "OBJECT_RED" not in out


def test_products_tell_what_was_done(product, calibration):
    header = product["PIXTABLE_OBJECT"].header
    assert header["ESO DRS MUSE PIXTABLE TYPE"] == "GEOFULL"
    assert header["ESO DRS MUSE FLAT FLUX LAMP"] == 2.5e9
    assert f"ESO DRS MUSE PIXTABLE EXP0 IFU01 SLICE{MINI.n_slices:02d} XOFFSET" in header
    assert not any(key.startswith("ESO DRS MUSE OVSC") for key in header)
    assert "ESO DRS MUSE OVSC1 MEAN" in product["OBJECT_RED"].header


def test_lamp_spectrum_is_kept(product, scene):
    flat = product["PIXTABLE_OBJECT"].flat
    wavelength = flat.columns["lambda"]
    expected = 0.6 + (wavelength - MINI.blue) / (MINI.red - MINI.blue)
    inner = slice(50, -50)
    np.testing.assert_allclose(flat.columns["data"][inner], expected[inner], rtol=5e-3)


def test_each_tag_is_numbered_by_itself(calibration, scene):
    frames = {
        "OBJECT": [raw(scene[2], 1), raw(scene[2], 2)],
        "SKY": [raw(scene[2], 3, "SKY")],
        **calibration,
    }
    out = reduce(frames, saveimage=False)
    assert [p.number for p in out.products["PIXTABLE_OBJECT"]] == [1, 2]
    assert [p.number for p in out.products["PIXTABLE_SKY"]] == [1]


def test_saturation_is_counted_and_flagged(calibration, scene):
    frame = raw(scene[2], 1)
    frame.data[400, 100:104] = 65535
    out = reduce({"OBJECT": [frame], **calibration})
    assert out["PIXTABLE_OBJECT"].qc["QC SCIBASIC NSATURATED"] == 4
    assert np.sum(out["OBJECT_RED"].planes.dq & Flag.AD_SATURATED > 0) == 4


def test_illumination_evens_the_slices(calibration, scene):
    wavelength, number, counts = scene
    levels = np.concatenate([[1.0], np.random.default_rng(4).uniform(0.95, 1.05, 12)])
    illum = 20000 * levels[number] * lamp(wavelength)
    frames = {
        "OBJECT": [raw(counts * levels[number], 1)],
        "ILLUM": [raw(illum, 9, "ILLUM")],
        **calibration,
    }
    table = reduce(frames, saveimage=False)["PIXTABLE_OBJECT"]
    factors = np.array(
        [table.header[f"ESO DRS MUSE PIXTABLE ILLUM{n}"] for n in range(1, 13)]
    )
    np.testing.assert_allclose(
        factors * levels[1:], np.mean(factors * levels[1:]), rtol=2e-3
    )
    assert table.header["ESO DRS MUSE PIXTABLE ILLUM MEAN"] == pytest.approx(1.0)
    slices = table.pixels.origin & 0x3F
    medians = [np.median(table.pixels.data[slices == n]) for n in range(1, 13)]
    assert np.std(medians) / np.mean(medians) < 4e-3


def twilight_cube(values):
    header = {"ESO DRS MUSE FLAT FLUX SKY1": 7.2e10}
    for i, (value, step) in enumerate(((-30.0, 1.0), (-12.0, 1.0), (5400.0, 250.0)), 1):
        header |= {f"CRVAL{i}": value, f"CRPIX{i}": 1.0, f"CD{i}_{i}": step}
    zero = np.zeros(values.shape, np.float32)
    planes = Planes(values.astype(np.float32), zero.astype(np.uint32), zero)
    return MemoryCube(planes, header, "TWILIGHT_CUBE")


def test_twilight_divides_by_the_field(calibration, scene):
    plain = reduce({"OBJECT": [raw(scene[2], 1)], **calibration}, saveimage=False)
    x = np.arange(61)
    cube = np.broadcast_to(1 + 0.002 * (x - 30), (7, 25, 61))
    frames = {
        "OBJECT": [raw(scene[2], 1)],
        "TWILIGHT_CUBE": [twilight_cube(cube)],
        **calibration,
    }
    out = reduce(frames, saveimage=False)
    before, after = (o["PIXTABLE_OBJECT"].pixels for o in (plain, out))
    x = np.clip(before.xpos, -30, 30)
    clear = np.abs(x % 1 - 0.5) > 1e-3  # of the border between two columns
    factor = (1 + 0.002 * np.rint(x))[clear]
    np.testing.assert_allclose(after.data[clear] * factor, before.data[clear], rtol=1e-5)
    np.testing.assert_allclose(after.stat[clear] * factor**2, before.stat[clear], rtol=1e-5)
    assert out["PIXTABLE_OBJECT"].header["ESO DRS MUSE FLAT FLUX SKY"] == 7.2e10


def test_twilight_must_know_the_ifu(calibration, scene):
    cube = twilight_cube(np.ones((2, 3, 4)))
    cube.header = {k: v for k, v in cube.header.items() if "SKY1" not in k}
    frames = {"OBJECT": [raw(scene[2], 1)], "TWILIGHT_CUBE": [cube], **calibration}
    with pytest.raises(BadInput, match="FLAT FLUX SKY1"):
        reduce(frames)


def test_cosmic_rays_are_flagged_on_request(calibration, scene):
    frame = raw(scene[2], 1)
    hits = [(300, 120), (301, 121), (700, 300)]
    for y, x in hits:
        frame.data[y, x] += 3000
    flags = reduce({"OBJECT": [frame], **calibration}, cr="dcr")["OBJECT_RED"].planes.dq
    cosmic = flags & Flag.COSMIC_RAY > 0
    for y, x in hits:
        ty = y - (8 if y < 688 else 24)
        tx = x - (8 if x < 240 else 24)
        assert cosmic[ty, tx]
    assert cosmic.mean() < 0.02


def test_wavelengths_are_cut_by_the_mode(calibration, scene):
    frame = raw(scene[2], 1, **{"ESO INS MODE": "WFM-AO-N"})
    table = reduce({"OBJECT": [frame], **calibration}, saveimage=False)["PIXTABLE_OBJECT"]
    notch = (table.pixels.wavelength > 5806) & (table.pixels.wavelength < 5965)
    assert (table.pixels.dq[notch] == Flag.NOTCH_FILTER).all()


def test_spectral_image_shows_the_lines_straight(calibration, scene):
    frames = {"OBJECT": [raw(scene[2], 1)], **calibration}
    out = reduce(frames, resample=True, saveimage=False)
    image = out["OBJECT_RESAMPLED"]
    start, step = image.header["CRVAL2"], image.header["CD2_2"]
    row = round((5577.339 - start) / step)
    column = image.planes.data[row - 8 : row + 9]
    lit = np.isfinite(column).all(axis=0)
    assert lit.sum() > 12 * 28
    assert np.abs(np.argmax(column[:, lit], axis=0) - 8).max() <= 1


def test_flat_without_light_is_refused(calibration, scene):
    frames = {"OBJECT": [raw(scene[2], 1)], **calibration}
    frames["MASTER_FLAT"] = [master(np.full(MINI.shape, np.nan), "MASTER_FLAT")]
    with pytest.raises(BadInput, match="no good pixel"):
        reduce(frames)


def test_geometry_of_another_ifu_is_refused(calibration, scene):
    frames = {"OBJECT": [raw(scene[2], 1)], **calibration}
    frames["GEOMETRY_TABLE"] = [geometry_table((3,))]
    with pytest.raises(BadInput, match="IFU 1"):
        reduce(frames)


def test_an_illumination_flat_alone_is_refused(calibration, scene):
    with pytest.raises(BadInput, match="no exposure"):
        reduce({"ILLUM": [raw(scene[2], 1, tag="ILLUM")], **calibration})


@pytest.mark.parametrize("name", ["skylines", "skyreject"])
def test_lists_of_numbers_are_checked(calibration, scene, name):
    with pytest.raises(BadInput, match=f"--{name}.*separated by commas"):
        reduce({"OBJECT": [raw(scene[2], 1)], **calibration}, **{name: "5577;6300"})


def test_a_flat_of_another_mode_is_refused_but_for_an_illumination(calibration, scene):
    (flat,) = calibration["MASTER_FLAT"]
    extended = replace(flat, header={**flat.header, "ESO INS MODE": "WFM-NOAO-E"})
    frames = {**calibration, "MASTER_FLAT": [extended]}
    with pytest.raises(BadInput, match="ESO INS MODE: is 'WFM-NOAO-E', but 'WFM-NOAO-N'"):
        reduce({"OBJECT": [raw(scene[2], 1)], **frames})
    own = {"ESO INS MODE": "WFM-NOAO-E"}
    frames["OBJECT"] = [raw(scene[2], 1, **own)]
    frames["ILLUM"] = [raw(scene[2], 2, tag="ILLUM")]
    assert "PIXTABLE_OBJECT" in reduce(frames)


def test_a_slice_without_trace_is_left_out(calibration, scene, product, caplog):
    (trace,) = calibration["TRACE_TABLE"]
    table = trace.tables[""]
    columns = {name: np.array(values) for name, values in table.columns.items()}
    columns["tc1_00"][4] = np.nan
    broken = replace(trace, tables={"": table._replace(columns=columns)})
    frames = {"OBJECT": [raw(scene[2], 1)], **calibration, "TRACE_TABLE": [broken]}
    pixels = reduce(frames)["PIXTABLE_OBJECT"].pixels
    assert "no solution for slice 5" in caplog.text
    whole = product["PIXTABLE_OBJECT"].pixels
    others = (whole.origin & 0x3F) != 5
    assert (pixels.origin == whole.origin[others]).all()
    assert np.allclose(pixels.data, whole.data[others], rtol=1e-3, atol=0.1)


def test_combined_exposures_are_less_noisy(calibration, scene):
    """Of 2 x 600 s and 1 x 300 s, a cosmic ray in one: as deep as their mean, no trace."""
    exposures = [raw(scene[2], 1), raw(scene[2], 2), raw(scene[2] / 2, 3, EXPTIME=300.0)]
    exposures[1].data[400, 100] += 5000
    frames = {"OBJECT": exposures, **calibration}
    for method in ("average", "sigclip"):
        out = reduce(frames, combine=method)
        pixels = out["PIXTABLE_OBJECT"].pixels
        pull = (pixels.data - sky(pixels.wavelength.astype(float))) / np.sqrt(pixels.stat)
        blank = abs(pixels.wavelength[:, None] - [5577.3, 6300.3]).min(axis=1) > 10
        usual = blank & (pixels.dq == 0) & (abs(pull) < 10)
        assert pull[usual].std() == pytest.approx(1.0, abs=0.03)
        left = (abs(pull) > 10).sum()
        assert (left == 0) == (method == "sigclip"), left
    one = reduce({"OBJECT": exposures[:1], **calibration})["PIXTABLE_OBJECT"].pixels
    assert np.median(one.stat) > 1.5 * np.median(pixels.stat)


@pytest.mark.parametrize("method", ["median", "minmax"])
def test_every_combination_keeps_the_flux(calibration, scene, method):
    frames = {"OBJECT": [raw(scene[2], k) for k in (1, 2, 3)], **calibration}
    pixels = reduce(frames, combine=method, saveimage=False)["PIXTABLE_OBJECT"].pixels
    expected = sky(pixels.wavelength.astype(float))
    good = pixels.dq == 0
    ratio = pixels.data[good].sum(dtype=float) / expected[good].sum()
    assert ratio == pytest.approx(1.0, abs=0.003)


def test_noise_of_the_masters_does_not_average_out(calibration, scene):
    bias = master(np.zeros(MINI.shape), "MASTER_BIAS", 40.0)
    bias.header = calibration["MASTER_BIAS"][0].header
    noisy = {**calibration, "MASTER_BIAS": [bias]}
    exposures = {"OBJECT": [raw(scene[2], k) for k in range(4)]}

    def variance(masters):
        out = reduce({**exposures, **masters}, combine="average", saveimage=False)
        return np.median(out["PIXTABLE_OBJECT"].pixels.stat.astype(float))

    flat = np.nanmedian(lamp(scene[0])[np.isfinite(scene[0])])
    expected = 40.0 * 1.175**2 / flat**2
    assert variance(noisy) - variance(calibration) == pytest.approx(expected, rel=0.3)


def test_an_illumination_flat_corrects_the_combination(calibration, scene):
    wavelength, number, counts = scene
    levels = np.concatenate([[1.0], np.random.default_rng(4).uniform(0.9, 1.1, 12)])
    frames = {
        "OBJECT": [raw(counts * levels[number], k) for k in (1, 2)],
        "ILLUM": [raw(20000 * levels[number] * lamp(wavelength), 9, "ILLUM")],
        **calibration,
    }
    table = reduce(frames, combine="average", saveimage=False)["PIXTABLE_OBJECT"]
    slices = table.pixels.origin & 0x3F
    medians = [np.median(table.pixels.data[slices == n]) for n in range(1, 13)]
    assert np.std(medians) / np.mean(medians) < 4e-3


def test_exposures_of_several_tags_are_combined_under_the_first(calibration, scene, caplog):
    frames = {"SKY": [raw(scene[2], 1, "SKY")], "OBJECT": [raw(scene[2], 2)], **calibration}
    out = reduce(frames, combine="average", scale=False)
    assert set(out.products) == {"PIXTABLE_OBJECT", "OBJECT_RED"}
    assert "combined into one product of the first" in caplog.text


def test_a_time_is_needed_to_scale(calibration, scene):
    frames = {"OBJECT": [raw(scene[2], 1), raw(scene[2], 2, EXPTIME=0.0)], **calibration}
    with pytest.raises(BadInput, match="EXPTIME"):
        reduce(frames, combine="median")
    assert "PIXTABLE_OBJECT" in reduce(frames, combine="median", scale=False)


def test_a_reduced_image_becomes_the_same_pixel_table(calibration, scene, product):
    tables = {t: calibration[t] for t in calibration if t.endswith("_TABLE")}
    red = replace(product["OBJECT_RED"].frame(), tag="REDUCED", ifu=1)
    out = reduce({"REDUCED": [red], **tables}, resample=True)
    assert set(out.products) == {"PIXTABLE_REDUCED", "REDUCED_RESAMPLED"}
    again = out["PIXTABLE_REDUCED"]
    for ours, before in zip(again.pixels, product["PIXTABLE_OBJECT"].pixels, strict=True):
        np.testing.assert_array_equal(ours, before)
    assert again.flat is None
    assert again.qc == product["PIXTABLE_OBJECT"].qc
    flux = "ESO DRS MUSE FLAT FLUX LAMP"
    assert again.header[flux] == product["PIXTABLE_OBJECT"].header[flux]


def test_raw_exposures_beside_reduced_ones_are_left_out(
    calibration, scene, product, caplog
):
    red = replace(product["OBJECT_RED"].frame(), tag="REDUCED", ifu=1)
    frames = {"OBJECT": [raw(scene[2], 1)], "REDUCED": [red], **calibration}
    assert set(reduce(frames).products) == {"PIXTABLE_REDUCED"}
    assert "left out, only REDUCED frames" in caplog.text
