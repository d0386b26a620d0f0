"""The genuine pipeline reduces our raw frames and takes our products at every step.

One chain at full size, IFU 1: each genuine recipe is fed with our products, so that its
success says both that the raw frames are good and that the products are accepted.
"""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.formats.sof import read_sof
from pipeline.runner import run
from pipeline.static import static_path

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def chain(genuine, raw_frames, tmp_path_factory):
    """Return both pipelines' products by recipe and file name."""
    ours, theirs = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("genuine")
    masters = []
    for recipe, raw, statics in (
        ("muse_bias", "BIAS", ()),
        ("muse_flat", "FLAT", ()),
        ("muse_wavecal", "ARC", ("LINE_CATALOG",)),
        ("muse_twilight", "SKYFLAT", ("GEOMETRY_TABLE",)),
        ("muse_scibasic", "OBJECT", ("GEOMETRY_TABLE",)),
    ):
        lines = [(path, raw) for path in raw_frames[raw]]
        lines += [*masters, *((static_path(tag, "full"), tag) for tag in statics)]
        sof = theirs / f"{recipe}.sof"
        sof.write_text("".join(f"{path} {tag}\n" for path, tag in lines))
        choice = () if recipe == "muse_twilight" else ("--nifu=1",)
        done = genuine(theirs, recipe, *choice, str(sof))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
        products = run(recipe, read_sof(sof), {}, ours / recipe, nifu=1)
        masters += [
            (p.path, p.tag)
            for p in products
            if not p.tag.startswith(("PIX", "OBJ", "DATACUBE"))
        ]
    return {"ours": ours, "genuine": theirs}


def image(path, name="DATA"):
    return fits.getdata(path, name).astype(float)


def test_bias_agrees(chain):
    ours = image(chain["ours"] / "muse_bias" / "MASTER_BIAS-01.fits")
    theirs = image(chain["genuine"] / "MASTER_BIAS-01.fits")
    assert abs(np.median(ours - theirs)) < 0.05
    keys = [f"ESO QC BIAS MASTER{q} RON" for q in (1, 2, 3, 4)]
    ratios = [
        fits.getval(chain["ours"] / "muse_bias" / "MASTER_BIAS-01.fits", key)
        / fits.getval(chain["genuine"] / "MASTER_BIAS-01.fits", key)
        for key in keys
    ]
    np.testing.assert_allclose(ratios, 1.0, atol=0.03)


def test_flat_agrees(chain):
    ours = image(chain["ours"] / "muse_flat" / "MASTER_FLAT-01.fits")
    theirs = image(chain["genuine"] / "MASTER_FLAT-01.fits")
    lit = theirs > 0.2
    assert np.median(ours[lit] / theirs[lit]) == pytest.approx(1.0, abs=0.005)


def test_wavelengths_agree(chain):
    ours = fits.getdata(chain["ours"] / "muse_wavecal" / "WAVECAL_TABLE-01.fits", 1)
    theirs = fits.getdata(chain["genuine"] / "WAVECAL_TABLE-01.fits", 1)
    y = np.arange(500.0, 3600.0, 100.0)
    for one, other in zip(ours, theirs, strict=True):
        x = 40.0 + 84.0 * (one["SliceNo"] - 1)
        difference = sum(
            (one[f"wlc{i}{j}"] - other[f"wlc{i}{j}"]) * x**i * y**j
            for i in range(3)
            for j in range(7)
        )
        assert np.abs(difference).max() < 0.05, one["SliceNo"]


def test_twilights_agree(chain):
    ours = chain["ours"] / "muse_twilight" / "TWILIGHT_CUBE.fits"
    theirs = chain["genuine"] / "TWILIGHT_CUBE.fits"
    np.testing.assert_allclose(image(ours), image(theirs), rtol=3e-3)
    names = []
    for path in (ours, theirs):
        with fits.open(path) as units:
            names.append([unit.name for unit in units])
    assert names[0] == names[1]
    key = "ESO DRS MUSE FLAT FLUX SKY1"
    assert fits.getval(ours, key) == pytest.approx(fits.getval(theirs, key), rel=1e-4)


def test_pixel_tables_agree(chain):
    """Same pixels, up to a few at the ends: each crops after its own sky-line shift."""
    name = "PIXTABLE_OBJECT_0001-01.fits"
    ours, theirs = chain["ours"] / "muse_scibasic" / name, chain["genuine"] / name
    origins = [fits.getdata(path, "origin").ravel() for path in (ours, theirs)]
    _, mine, its = np.intersect1d(*origins, assume_unique=True, return_indices=True)
    assert len(mine) > 0.99999 * max(map(len, origins))
    for coordinate, tolerance in (("xpos", 1e-3), ("ypos", 1e-3), ("lambda", 0.03)):
        one, other = image(ours, coordinate)[mine], image(theirs, coordinate)[its]
        assert np.abs(one - other).max() < tolerance, coordinate
    one, other = image(ours)[mine], image(theirs)[its]
    bright = other > np.percentile(other, 60)
    assert np.median(one[bright] / other[bright]) == pytest.approx(1.0, abs=0.01)


def test_crop_and_options_of_the_sky_lines(chain, genuine, tmp_path):
    """One line, in narrow bins of a small window, clipped hard; nothing cut off."""
    options = {
        "crop": False,
        "skylines": "5577.339",
        "skyhalfwidth": 3.0,
        "skybinsize": 0.05,
        "skyreject": "4.,4.,3",
        "saveimage": False,
    }
    sof = chain["genuine"] / "muse_scibasic.sof"
    listed = [f"--{name}={str(value).lower()}" for name, value in options.items()]
    done = genuine(tmp_path, "muse_scibasic", "--nifu=1", *listed, str(sof))
    assert done.returncode == 0, done.stdout[-2000:]
    (ours,) = run("muse_scibasic", read_sof(sof), options, tmp_path / "ours", nifu=1)
    theirs = tmp_path / ours.path.name
    key = "ESO QC SCIBASIC LAMBDA SHIFT"
    shifts = [fits.getval(path, key) for path in (ours.path, theirs)]
    assert shifts[0] == pytest.approx(shifts[1], abs=0.01)
    before = chain["genuine"] / ours.path.name
    whole, cropped = (fits.getdata(path, "lambda") for path in (theirs, before))
    mine = fits.getdata(ours.path, "lambda")
    assert len(mine) == len(whole) > 1.1 * len(cropped)
    np.testing.assert_allclose(np.ptp(mine), np.ptp(whole), atol=0.01)
    assert (mine.min(), mine.max()) == pytest.approx((whole.min(), whole.max()), abs=0.02)
