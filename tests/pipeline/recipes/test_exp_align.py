"""muse_exp_align: offsets of made-up images are found, with few sources and rotated."""

import numpy as np
import pytest

from pipeline.memory import MemoryImage, MemoryOutputs, MemoryTable
from pipeline.recipes.exp_align import exp_align
from pipeline.spec import BadInput, Planes, Table

TANGENT = (53.1625, -27.791)
STARS = np.random.default_rng(4).uniform(-26, 26, (120, 2))
FLUX = 10 ** np.random.default_rng(5).uniform(2, 3.5, 120)


def image(offset=(0.0, 0.0), *, rotated=False, seed=1, number=0, stars=STARS, strip=8.0):
    """A strip of the sky, north up, whose pointing is off by ``offset`` [arcsec]."""
    rng = np.random.default_rng(seed)
    ny, nx = round(strip / 0.2), 300
    if rotated:
        ny, nx = nx, ny
    y, x = np.mgrid[:ny, :nx]
    east, north = -0.2 * (x - (nx - 1) / 2), 0.2 * (y - (ny - 1) / 2)
    data = rng.normal(0, 3, (ny, nx))
    for (a, b), flux in zip(stars, FLUX, strict=False):
        data += flux * np.exp(-0.5 * ((east - a) ** 2 + (north - b) ** 2) / 0.34**2)
    header = {
        "DATE-OBS": f"2026-09-03T04:{number:02d}:00.000",
        "MJD-OBS": 61286.1 + number / 1440,
        "EXPTIME": 600.0,
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRPIX1": (nx + 1) / 2,
        "CRPIX2": (ny + 1) / 2,
        "CRVAL1": TANGENT[0] + offset[0] / 3600 / np.cos(np.radians(TANGENT[1])),
        "CRVAL2": TANGENT[1] + offset[1] / 3600,
        "CD1_1": -0.2 / 3600,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": 0.2 / 3600,
    }
    planes = Planes(
        data.astype("f4"), np.zeros(data.shape, "u4"), np.full(data.shape, 9, "f4")
    )
    return MemoryImage(planes, header, "IMAGE_FOV", None, f"IMAGE_FOV_{number}.fits")


def run(images, **params):
    out = MemoryOutputs()
    exp_align.run({"IMAGE_FOV": images}, exp_align.params(**params), out)
    return out


def offsets(out):
    """Return the offsets found [arcsec]."""
    table = out["OFFSET_LIST"].tables[""].columns
    east = table["RA_OFFSET"] * np.cos(np.radians(TANGENT[1])) * 3600
    return np.stack([east, table["DEC_OFFSET"] * 3600], axis=1)


TRUE = [(0.0, 0.0), (1.7, -0.9), (-2.4, 1.1)]


def test_offsets_are_found():
    out = run([image(o, seed=k, number=k) for k, o in enumerate(TRUE)])
    assert np.abs(offsets(out) - TRUE).max() < 0.005
    assert out["OFFSET_LIST"].qc["QC EXPALIGN NOMATCH"] == 0
    assert out["OFFSET_LIST"].qc["QC EXPALIGN RESIDUAL MAX"] < 0.03


@pytest.mark.parametrize("seed", range(4))
def test_a_rotated_exposure_that_hardly_overlaps(seed):
    rng = np.random.default_rng(seed)
    true = [(0.0, 0.0), *rng.uniform(-3, 3, (2, 2))]
    images = [image(o, seed=k, number=k, rotated=k == 1) for k, o in enumerate(true)]
    found = offsets(run(images))
    assert np.abs(found[1] - true[1]).max() < 0.02
    assert np.abs(found[2] - true[2]).max() < 0.005


def test_one_common_star_is_enough():
    lonely = np.array([[3.0, 1.0]])
    found = offsets(
        run([image(o, seed=k, number=k, stars=lonely) for k, o in enumerate(TRUE)])
    )
    assert np.abs(found - TRUE).max() < 0.02


def test_nothing_in_common_is_said(caplog):
    images = [image(number=0), image(seed=2, number=1, stars=np.empty((0, 2)))]
    out = run(images, threshold=-8.0, srcmin=1)
    assert out["OFFSET_LIST"].qc["QC EXPALIGN NOMATCH"] == 2
    assert (offsets(out)[1] == 0).all()
    assert "IMAGE_FOV_1.fits: no source is in another image" in caplog.text


def test_sources_and_preview():
    out = run([image(o, seed=k, number=k) for k, o in enumerate(TRUE)])
    sources = out.products["SOURCE_LIST"][1].tables[""].columns
    east = (sources["RA_CORR"] - TANGENT[0]) * np.cos(np.radians(TANGENT[1])) * 3600
    north = (sources["DEC_CORR"] - TANGENT[1]) * 3600
    d = np.hypot(east[:, None] - STARS[:, 0], north[:, None] - STARS[:, 1]).min(axis=1)
    assert np.median(d) < 0.03
    preview = out["PREVIEW_FOV"]
    assert np.isfinite(preview.planes.data).mean() > 0.8
    assert preview.header["CTYPE1"] == "RA---TAN"


def test_the_exposure_time_is_mapped_on_request():
    out = run([image(o, seed=k, number=k) for k, o in enumerate(TRUE)], expmap=True)
    times = out["EXPOSURE_MAP"]
    assert (
        times.unit == "s"
        and times.planes.data.shape == out["PREVIEW_FOV"].planes.data.shape
    )
    assert times.qc["QC EXPALIGN EXPTIME MIN"] == 600.0
    assert times.qc["QC EXPALIGN EXPTIME MAX"] == 1800.0
    assert times.qc["QC EXPALIGN EXPTIME MED"] == 1800.0
    assert 600 < times.qc["QC EXPALIGN EXPTIME AVG"] < 1800


def test_an_isolated_pair_is_aligned_with_itself():
    pair = [(0.0, 0.0), (1.1, -0.6)]
    images = [image(o, seed=k, number=k) for k, o in enumerate(TRUE[:2])]
    for k, (east, north) in enumerate(pair, 2):
        there = image((east, 200.0 + north), seed=k, number=k, stars=STARS)
        images.append(there)
    found = offsets(run(images))
    assert np.abs(found[1] - TRUE[1]).max() < 0.005
    assert (found[2] == 0).all()
    assert np.abs(found[3] - pair[1]).max() < 0.005


def given(images, flux=True):
    """Lists of the places of the stars on each image, without those outside."""
    lists = []
    for frame in images:
        h, (ny, nx) = frame.header, frame.shape
        x = (nx + 1) / 2 - STARS[:, 0] / 0.2
        y = (ny + 1) / 2 + STARS[:, 1] / 0.2
        inside = (x > 3) & (x < nx - 2) & (y > 3) & (y < ny - 2)
        columns = {"Id": np.arange(inside.sum()), "X": x[inside], "Y": y[inside]}
        columns["Flux"] = FLUX[inside] if flux else np.full(inside.sum(), np.nan)
        header = {"MJD-OBS": h["MJD-OBS"], "DATE-OBS": h["DATE-OBS"]}
        lists.append(MemoryTable({"": Table(columns, {})}, header, "SOURCE_LIST", None))
    return lists


@pytest.mark.parametrize("flux", [True, False])
def test_given_positions_are_used(flux):
    dark = [image(o, seed=k, number=k, stars=np.empty((0, 2))) for k, o in enumerate(TRUE)]
    out = MemoryOutputs()
    frames = {"IMAGE_FOV": dark, "SOURCE_LIST": given(dark, flux)[::-1]}
    exp_align.run(frames, exp_align.params(override_detection=True), out)
    assert np.abs(offsets(out) - TRUE).max() < 1e-4
    qc = out.products["SOURCE_LIST"][0].qc
    assert qc["QC EXPALIGN SRC POSITIONS"] == "catalog"
    assert qc["QC EXPALIGN NDET"] > 10 and qc["QC EXPALIGN THRESHOLD"] == 0


def test_each_image_needs_its_list():
    images = [image(o, seed=k, number=k) for k, o in enumerate(TRUE)]
    frames = {"IMAGE_FOV": images, "SOURCE_LIST": given(images)[:2]}
    with pytest.raises(BadInput, match="0 lists of sources among 2"):
        exp_align.run(frames, exp_align.params(override_detection=True), MemoryOutputs())


def test_without_lists_sources_are_detected(caplog):
    images = [image(o, seed=k, number=k) for k, o in enumerate(TRUE)]
    out = run(images, override_detection=True)
    assert np.abs(offsets(out) - TRUE).max() < 0.005
    assert "no SOURCE_LIST is given" in caplog.text


def test_bad_radii_are_refused():
    with pytest.raises(BadInput, match=r"--rsearch.*Remedy"):
        run([image(), image(number=1)], rsearch="1,2")
