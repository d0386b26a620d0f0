"""muse_exp_align: offsets of made-up images are found, with few sources and rotated."""

import numpy as np
import pytest

from pipeline.memory import MemoryImage, MemoryOutputs
from pipeline.recipes.exp_align import exp_align
from pipeline.runner import parameters
from pipeline.spec import BadInput, Planes

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
    assert np.abs(found[1] - true[1]).max() < 0.03
    assert np.abs(found[2] - true[2]).max() < 0.01


def test_one_common_star_is_enough():
    lonely = np.array([[3.0, 1.0]])
    found = offsets(
        run([image(o, seed=k, number=k, stars=lonely) for k, o in enumerate(TRUE)])
    )
    assert np.abs(found - TRUE).max() < 0.02


def test_nothing_in_common_is_said():
    images = [image(number=0), image(seed=2, number=1, stars=np.empty((0, 2)))]
    out = run(images, threshold=-8.0, srcmin=1)
    assert out["OFFSET_LIST"].qc["QC EXPALIGN NOMATCH"] == 2
    assert np.isnan(offsets(out)[1]).all()


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


def test_given_positions_are_not_supported():
    with pytest.raises(BadInput, match="--override_detection: is not supported"):
        parameters(exp_align, {"override_detection": True})


def test_bad_radii_are_refused():
    with pytest.raises(BadInput, match=r"--rsearch.*Remedy"):
        run([image(), image(number=1)], rsearch="1,2")
