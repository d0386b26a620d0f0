"""ZAP as an option of the science flow: residuals go, sources stay, the header tells."""

import numpy as np
import pytest
from astropy.io import fits

from phoenix import sky_residuals
from phoenix.errors import PhoenixError
from phoenix.service import Service
from phoenix.settings import Settings
from phoenix.sky_residuals import clean_cube, renew_images
from pipeline.static import static_path
from tests.phoenix.conftest import run_month

NZ, NY, NX = 900, 20, 40
WAVELENGTH = 5800.0 + 1.25 * np.arange(NZ)
LINES = (5890.0, 5915.3, 5932.9, 5953.4, 6257.9, 6287.4, 6300.3, 6363.8, 6498.7, 6533.0)
NOISE = 3.0
STAR, GALAXY, GLOW = (5, 8), (14, 28), 6600.0


def profile(centre, sigma=1.1):
    return np.exp(-0.5 * ((WAVELENGTH - centre) / sigma) ** 2)


def sources():
    """A star, and a galaxy with an emission line on its continuum.

    A source without continuum is not found and would be taken for sky by ZAP.
    """
    y, x = np.indices((NY, NX))
    star = 60 * np.exp(-0.5 * ((y - STAR[0]) ** 2 + (x - STAR[1]) ** 2) / 1.5**2)
    galaxy = 90 * np.exp(-0.5 * ((y - GALAXY[0]) ** 2 + (x - GALAXY[1]) ** 2) / 1.5**2)
    slope = 1 + (WAVELENGTH - 6300) / 5000
    line = 0.1 + profile(GLOW, 2.0)
    return slope[:, None, None] * star + line[:, None, None] * galaxy


def residuals(rng):
    """Lines whose width and place differ from slice to slice, one slice a row."""
    total = np.zeros((NZ, NY, NX))
    width, shift = rng.normal(0, 25, NY), rng.normal(0, 25, NY)
    for line in LINES:
        u = (WAVELENGTH - line) / 1.1
        shapes = ((u**2 - 1) * profile(line), u * profile(line))
        for change, shape in zip((width, shift), shapes, strict=True):
            total += shape[:, None, None] * change[None, :, None]
    return total


@pytest.fixture
def cube(tmp_path):
    rng = np.random.default_rng(4)
    data = sources() + residuals(rng) + rng.normal(0, NOISE, (NZ, NY, NX))
    units = fits.HDUList([fits.PrimaryHDU()])
    for name, values in (("DATA", data), ("STAT", np.full(data.shape, NOISE**2))):
        unit = fits.ImageHDU(values.astype(np.float32), name=name)
        words = {"CTYPE3": "AWAV", "CUNIT3": "Angstrom", "CRPIX3": 1.0, "CD3_3": 1.25}
        unit.header.update({**words, "CRVAL3": WAVELENGTH[0]})
        units.append(unit)
    primary = {"INSTRUME": "MUSE", "HIERARCH ESO INS MODE": "WFM-NOAO-N"}
    units[0].header.update({**primary, "DATAMD5": "0" * 32})
    path = tmp_path / "DATACUBE_FINAL.fits"
    units.writeto(path, checksum=True)
    return path


def on_lines(data):
    y, x = np.indices((NY, NX))
    blank = np.hypot(y - STAR[0], x - STAR[1]) > 7
    blank &= np.hypot(y - GALAXY[0], x - GALAXY[1]) > 7
    near = np.min(np.abs(WAVELENGTH[:, None] - LINES), axis=1) < 3
    return data[near][:, blank].std()


def near(data, place):
    y, x = np.indices((NY, NX))
    return data[:, np.hypot(y - place[0], x - place[1]) < 5].sum(axis=1)


def test_residuals_go_and_sources_stay(cube):
    pytest.importorskip("zap")
    before = fits.getdata(cube, "DATA").astype(float)
    clean_cube(cube)
    with fits.open(cube, checksum=True) as units:
        header, data = units[0].header, units["DATA"].data.astype(float)
        assert all(unit.verify_checksum() for unit in units)
        assert (units["STAT"].data == NOISE**2).all()
    assert on_lines(before) > 4 * NOISE
    assert on_lines(data) < 1.1 * NOISE
    clear = np.min(np.abs(WAVELENGTH[:, None] - (*LINES, GLOW)), axis=1) > 8
    true = sources()
    star = near(data, STAR)[clear].mean() / near(true, STAR)[clear].mean()
    assert star == pytest.approx(1, abs=0.02)
    glow = np.abs(WAVELENGTH - GLOW) < 8
    spectra = [near(values, GALAXY) for values in (data, true)]
    flux = [s[glow].sum() - np.median(s) * glow.sum() for s in spectra]
    assert flux[0] / flux[1] == pytest.approx(1, abs=0.05)
    assert header["ESO PRO REC2 ID"] == "zap"
    assert header["ESO PRO REC2 PIPE ID"].startswith("zap/")
    names = [header[f"ESO PRO REC2 PARAM{n} NAME"] for n in range(1, 5)]
    assert names == ["zlevel", "cftype", "cfwidthSP", "nevals"]
    assert header["ESO PRO REC2 PARAM3 VALUE"] == "50"


def write_image(path, name, data):
    """Write an IMAGE_FOV with DATA, DQ and STAT."""
    units = fits.HDUList([fits.PrimaryHDU()])
    units[0].header["HIERARCH ESO DRS MUSE FILTER NAME"] = name
    units[0].header["DATAMD5"] = "0" * 32
    for extension, values in (
        ("DATA", data.astype(np.float32)),
        ("DQ", np.zeros(data.shape, np.int32)),
        ("STAT", np.full(data.shape, 2.0, np.float32)),
    ):
        units.append(fits.ImageHDU(values, name=extension))
    units.writeto(path, checksum=True)


def test_images_are_those_of_the_cleaned_cube(cube):
    """White as the mean of all planes, Cousins R weighted by its throughput."""
    filters = static_path("FILTER_LIST", "mini")
    table = fits.getdata(filters, "Cousins_R")
    weight = np.interp(WAVELENGTH, table["lambda"], table["throughput"])
    data = fits.getdata(cube, "DATA").astype(float)
    names = ("white", "Cousins_R")
    expected = data.mean(axis=0), np.average(data, axis=0, weights=weight)
    paths = [cube.with_name(f"IMAGE_FOV_000{k}.fits") for k in (1, 2)]
    for path, name in zip(paths, names, strict=True):
        write_image(path, name, np.zeros((NY, NX)))
    fits.setval(cube, "HIERARCH ESO PRO REC2 ID", value="zap")
    renew_images(cube, paths, filters)
    for path, true in zip(paths, expected, strict=True):
        with fits.open(path, checksum=True) as units:
            assert all(unit.verify_checksum() for unit in units)
            np.testing.assert_allclose(units["DATA"].data, true, rtol=1e-4, atol=1e-3)
            assert (units["STAT"].data == 2.0).all() and not units["DQ"].data.any()
            assert units[0].header["ESO PRO REC2 ID"] == "zap"
            assert units[0].header["DATAMD5"] != "0" * 32
    with pytest.raises(PhoenixError, match=r"Cousins_R.*not known.*Remedy"):
        renew_images(cube, paths, None)


def test_a_cube_that_zap_cannot_read_is_named(cube):
    pytest.importorskip("zap")
    fits.setval(cube, "INSTRUME", value="NONE")
    with pytest.raises(PhoenixError, match=r"DATACUBE_FINAL.*unsupported instrument"):
        clean_cube(cube)
    assert [p.name for p in cube.parent.iterdir()] == [cube.name]


def test_without_the_package_it_is_refused(cube, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PhoenixError, match=r"zap.*not installed.*Remedy"):
        clean_cube(cube)


def test_the_flow_cleans_final_cubes_only(tmp_path, raw, fake_recipes, monkeypatch):
    cleaned = []
    monkeypatch.setattr("phoenix.execute.clean_cube", cleaned.append)
    jobs = {}
    for method in ("none", "zap"):
        settings = Settings(store=tmp_path / method, workers=2, sky_residuals=method)
        service = Service(settings)
        run_month(service, raw)
        jobs[method] = _jobs(service)
        service.close()
        if method == "none":
            assert not cleaned
    assert cleaned and {path.name for path in cleaned} == {"DATACUBE_FINAL.fits"}
    for (recipe, step), (identity, params) in jobs["zap"].items():
        final = params.pop(sky_residuals.PARAMETER, None) == "zap"
        plain, same = jobs["none"][recipe, step]
        assert params == same
        assert (identity != plain) == final
        assert final == (recipe in ("muse_scipost", "muse_exp_combine"))


def _jobs(service):
    """Identity and parameters by recipe and step, of jobs for all IFUs."""
    from sqlalchemy import select

    from phoenix.db.models import Job

    with service.catalogue.read() as session:
        return {
            (job.recipe, job.step): (job.identity, dict(job.params))
            for job in session.scalars(select(Job).where(Job.ifu == 0))
        }
