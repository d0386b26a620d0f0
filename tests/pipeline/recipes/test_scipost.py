"""muse_scipost on a made-up sky in memory."""

import numpy as np
import pytest
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.memory import MemoryOutputs
from pipeline.parallel import memory_budget
from pipeline.recipes.scipost import scipost
from pipeline.spec import BadInput
from tests.pipeline.algorithms.test_covariance import sums_over_boxes
from tests.pipeline.sky_pixels import LINE, Sky, Star, pixel_tables

PLAIN = {"skymethod": "none", "save": "cube", "rvcorr": "none", "lambdaref": -1.0}


def run(tables, **params):
    out = MemoryOutputs()
    values = {**PLAIN, **params}
    scipost.run({"PIXTABLE_OBJECT": tables}, scipost.params(**values), out)
    return out


@pytest.fixture(scope="module")
def tables():
    return pixel_tables(Sky(cosmics=1e-3))


@pytest.fixture(scope="module")
def cube(tables):
    return run(tables)["DATACUBE_FINAL"]


def position(cube):
    """Return the centroid of the brightest source as RA and DEC [deg]."""
    data = cube.planes.data[:200]
    image = np.nansum(data, axis=0) / np.maximum(np.isfinite(data).sum(axis=0), 1)
    signal = image - np.median(image[image != 0])
    signal[image == 0] = 0
    y, x = np.unravel_index(signal.argmax(), signal.shape)
    rows, columns = np.mgrid[y - 3 : y + 4, x - 3 : x + 4]
    box = signal[y - 3 : y + 4, x - 3 : x + 4]
    wcs = WCS({k: v for k, v in cube.header.items() if k[-1] in "123"}).celestial
    return wcs.wcs_pix2world(*((a * box).sum() / box.sum() for a in (columns, rows)), 0)


def test_stars_are_where_they_should_be(cube):
    star = Sky().stars[0]
    ra, dec = position(cube)
    tangent = Sky().tangent
    east = (ra - tangent[0]) * np.cos(np.radians(dec)) * 3600
    assert abs(east - star.east) < 0.03
    assert abs((dec - tangent[1]) * 3600 - star.north) < 0.03


def test_the_line_is_where_it_should_be(cube):
    words = cube.header
    wave = words["CRVAL3"] + words["CD3_3"] * np.arange(cube.planes.data.shape[0])
    near = np.abs(wave - LINE) < 6
    x = round(words["CRPIX1"] - 1 + 2.5 / 0.2)
    y = round(words["CRPIX2"] - 1)
    spectrum = np.nanmean(cube.planes.data[:, y - 1 : y + 2, x - 1 : x + 2], axis=(1, 2))
    line = (spectrum - np.median(spectrum))[near]
    assert abs((line * wave[near]).sum() / line.sum() - LINE) < 0.1


def test_blank_sky_has_an_honest_variance(tables):
    blank = run(pixel_tables(Sky(stars=())))["DATACUBE_FINAL"].planes
    pull = blank.data / np.sqrt(blank.stat)
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.01)


def test_cosmic_rays_are_counted_and_gone(tables, cube):
    n_hits = sum(int((t.pixels.data > 250 + t.pixels.stat).sum()) for t in tables)
    assert 0.8 * n_hits < cube.qc["QC SCIPOST EXP1 NCOSMIC"] < 1.3 * n_hits
    left = cube.planes.data > 12 * np.sqrt(cube.planes.stat)
    left[:, :, :] &= np.nanmean(cube.planes.data, axis=0) < 3
    assert left.sum() < 0.05 * n_hits


@pytest.mark.parametrize("posang", [0.0, 90.0])
def test_cosmic_rays_may_be_sought_in_the_next_rows(posang):
    tables = pixel_tables(Sky(stars=(), cosmics=1e-3, posang=posang))
    n_hits = sum(int((t.pixels.data > 250 + t.pixels.stat).sum()) for t in tables)
    slices, rows = (
        run(tables, crnear=near)["DATACUBE_FINAL"].qc["QC SCIPOST EXP1 NCOSMIC"]
        for near in ("slices", "rows")
    )
    assert 0.8 * n_hits < rows < 1.3 * n_hits
    assert rows != slices


def test_images_and_sources(tables):
    out = run(tables)
    image = out["IMAGE_FOV"]
    assert image.header["ESO DRS MUSE FILTER NAME"] == "white"
    assert image.qc["QC SCIPOST NDET"] == 2
    assert image.qc["QC SCIPOST FWHM MEDIAN"] == pytest.approx(0.8, abs=0.1)
    white = np.nanmean(out["DATACUBE_FINAL"].planes.data, axis=0)
    assert_allclose(image.planes.data, white, rtol=1e-4, atol=1e-6)


def test_memory_and_threads_change_nothing(tables, cube, monkeypatch):
    monkeypatch.setattr("pipeline.algorithms.mosaic.n_threads", lambda: 1)
    monkeypatch.setattr("pipeline.algorithms.resample._TALLEST", 7)
    with memory_budget(0.004):
        other = run(tables)["DATACUBE_FINAL"]
    assert_array_equal(other.planes.data, cube.planes.data)
    assert_array_equal(other.planes.stat, cube.planes.stat)
    assert other.qc == cube.qc


@pytest.mark.parametrize("posang", [0.0, 90.0, 37.0])
def test_rotated_exposures_are_put_north_up(posang):
    sky = Sky(stars=(Star(0.4, 0.2, 800.0),), posang=posang)
    cube = run(pixel_tables(sky))["DATACUBE_FINAL"]
    ra, dec = position(cube)
    east = (ra - sky.tangent[0]) * np.cos(np.radians(dec)) * 3600
    assert_allclose([east, (dec - sky.tangent[1]) * 3600], [0.4, 0.2], atol=0.05)


def test_exposures_are_combined_with_their_weights(tables):
    second = pixel_tables(Sky(noise=8.0), seed=2, date="2026-09-03T04:31:10.456")
    both = run([*tables, *second])["DATACUBE_FINAL"]
    assert both.planes.data.shape == run(tables)["DATACUBE_FINAL"].planes.data.shape
    assert {"QC SCIPOST EXP1 NCOSMIC", "QC SCIPOST EXP2 NCOSMIC"} <= set(both.qc)


def test_archive_keywords(tables):
    words = run(tables, format="sdpCube")["DATACUBE_FINAL"].header
    assert words["PRODCATG"] == "SCIENCE.CUBE.IFS"
    assert words["WAVELMIN"] == pytest.approx(580.0, abs=0.1)
    assert words["TEXPTIME"] == words["EXPTIME"] == 600.0
    assert words["MJD-END"] - words["MJD-OBS"] >= words["TEXPTIME"] / 86400
    assert words["CUNIT3"] == "angstrom"
    assert 15 < words["ABMAGLIM"] < 30


def test_an_exposure_map_goes_with_the_archive_format(tables):
    second = pixel_tables(Sky(noise=8.0), seed=2, date="2026-09-03T04:31:10.456")
    out = run([*tables, *second], format="sdpCube")
    found = out["EXPOSURE_MAP"]
    assert found.header["PRODCATG"] == "ANCILLARY.EXPMAP" and found.unit == "s"
    assert found.header["CRPIX1"] == out["DATACUBE_FINAL"].header["CRPIX1"]
    seen = np.isfinite(out["DATACUBE_FINAL"].planes.data).any(axis=0)
    assert (found.planes.data[seen] == 1200.0).mean() > 0.95
    assert "EXPOSURE_MAP" not in run(tables)


def test_noise_factors_are_those_of_the_cube():
    """Sums over blank boxes scatter as STAT and the factors of the header say."""
    out = run(pixel_tables(Sky(stars=())))
    cube = out["DATACUBE_FINAL"]
    data, _, stat = cube.planes
    for name, shape in (("BOX2", (1, 2)), ("BOX3", (1, 3)), ("BIN5", (5, 1))):
        squares = sums_over_boxes(data, *shape) ** 2
        pull = np.sqrt(np.nanmean(squares / sums_over_boxes(stat, *shape)))
        assert cube.qc[f"QC SCIPOST NOISE {name}"] == pytest.approx(pull, rel=0.03)
        assert pull > 1.05
    places = [cube.qc[f"QC SCIPOST NOISE LAM{k}"] for k in range(1, 9)]
    assert np.all(np.diff(places) > 0)
    white = out["IMAGE_FOV"].planes
    pull = float(np.nanstd(white.data / np.sqrt(white.stat)))
    assert pull == pytest.approx(1.0, abs=0.15)


def test_spectra_know_where_their_spaxels_lie(tables):
    """The places of Euro3D are those that astropy reads from the cube."""
    cube = run(tables, format="Euro3D")["DATACUBE_FINAL"]
    words = {k: v for k, v in cube.header.items() if k[-1] in "123"}
    y, x = np.indices(cube.planes.data.shape[1:])
    ra, dec = WCS(words).celestial.all_pix2world(x, y, 0)
    assert_allclose(cube.spaxels.ra, ra, atol=1e-8)
    assert_allclose(cube.spaxels.dec, dec, atol=1e-8)
    assert not cube.spaxels.corrected and cube.spaxels.air["G_AIRMAS"] > 1.0
    again = run(tables, format="xEuro3D", lambdaref=7000.0)["DATACUBE_FINAL"]
    assert again.spaxels.corrected and np.isnan(again.spaxels.air["G_AIRMAS"])
    assert list(again.images) == ["white"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pixfrac", "0.8,x"),
        ("save", "everything"),
        ("sky_crsigma", "15"),
    ],
)
def test_what_is_not_supported_is_refused(tables, name, value):
    with pytest.raises(BadInput, match=f"--{name}.*Remedy"):
        run(tables, **{name: value})


def test_pixels_with_places_on_the_sky(tables):
    """A cube of a positioned table by astropy has its star where the sky has it."""
    out = run(tables, save="individual,positioned,combined,stacked")
    positioned = out["PIXTABLE_POSITIONED"]
    words, pixels = positioned.header, positioned.pixels
    assert words["ESO DRS MUSE PIXTABLE WCS"] == "positioned (final)"
    tangent = Sky().tangent
    assert (words["CRVAL1"], words["CRVAL2"]) == pytest.approx(tangent)
    star = Sky().stars[0]
    east = pixels.xpos * np.cos(np.radians(tangent[1])) * 3600
    near = np.hypot(east - star.east, pixels.ypos * 3600 - star.north) < 1.0
    near &= pixels.data < np.percentile(pixels.data[near], 98)  # no cosmic rays
    light = pixels.data[near] - np.median(pixels.data)
    assert np.average(east[near], weights=light) == pytest.approx(star.east, abs=0.05)
    north = np.average(pixels.ypos[near] * 3600, weights=light)
    assert north == pytest.approx(star.north, abs=0.05)
    reduced, combined = out["PIXTABLE_REDUCED"].pixels, out["PIXTABLE_COMBINED"]
    for name in ("wavelength", "data", "stat", "dq", "origin"):
        assert_array_equal(getattr(pixels, name), getattr(reduced, name))
    for column, other in zip(pixels, combined.pixels, strict=True):
        assert_array_equal(column, other)
    assert not combined.extra


def test_slices_stand_side_by_side(tables):
    image = run(tables, save="stacked")["OBJECT_RESAMPLED"]
    again = run(tables, save="stacked", dlambda=2.5)["OBJECT_RESAMPLED"]
    data = image.planes.data
    wave = image.header["CRVAL2"] + image.header["CD2_2"] * np.arange(len(data))
    line = abs(wave - LINE) < 10.0
    brightest = np.median(np.nan_to_num(data[line]), axis=0).argmax()
    assert wave[line][np.nanargmax(data[line, brightest])] == pytest.approx(LINE, abs=2.5)
    assert np.isfinite(data).mean() > 0.7
    assert again.header["CD2_2"] == 2.5
    assert abs(len(again.planes.data) - len(data) / 2) <= 1
    assert 2 * np.nansum(again.planes.data) == pytest.approx(np.nansum(data), rel=0.05)
