"""Both pipelines measure the same bias level where the overscan has outliers."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from pipeline.formats.sof import read_sof
from pipeline.instrument import FULL
from pipeline.runner import run
from pipeline.tools.badpix import bad_pixels, write_bad_pixels

pytestmark = pytest.mark.interop

OPTIONS = {
    "default": {},
    "nothing rejected": {"ovscreject": "none"},
    "other boxes": {"ovscreject": "dcr:256,16,2,6.0", "ovscignore": 0},
    "one pass": {"ovscreject": "dcr:128,32,1,2.5"},
    "clipped constant": {"ovscreject": "fit:4.0", "ovscsigma": 8.0, "ovscignore": 5},
}
STRENGTHS = (12, 40, 300, 20000)
"""Of cosmic rays [adu], 5 to 8000 times the read-out noise."""


def struck(path, folder):
    """Copy a bias; add cosmic rays and two bad columns and rows to its overscans."""
    copy = folder / path.name
    shutil.copy(path, copy)
    rng = np.random.default_rng(4)
    bad = []
    with fits.open(copy, mode="update") as hdus:
        data = hdus["CHAN01"].data
        for q in FULL.quadrants():
            for rows, columns in ((q.raw_y, q.over_x), (q.over_y, q.raw_x)):
                pixels = data[rows, columns]
                for strength in STRENGTHS:
                    pixels[rng.random(pixels.shape) < 3e-4] += np.uint16(strength)
            data[q.raw_y, q.over_x.start + 10] -= 25
            data[q.over_y.start + 10, q.raw_x] += 25
            bad += [(x + 1, q.over_y.start + 11) for x in range(FULL.raw_shape[1])]
            bad += [(q.over_x.start + 11, y + 1) for y in range(FULL.raw_shape[0])]
    return copy, np.array(bad).T


@pytest.fixture(scope="module")
def sof(raw_frames, tmp_path_factory):
    """Return a set of frames: a bias with outliers and a table of its bad pixels."""
    folder = tmp_path_factory.mktemp("struck")
    first, (x, y) = struck(raw_frames["BIAS"][0], folder)
    table, _ = bad_pixels(x, y, np.full(len(x), 256), FULL)
    write_bad_pixels(table, 1, folder / "BADPIX_TABLE.fits", reference=first)
    path = folder / "bias.sof"
    lines = [f"{p} BIAS" for p in (first, *raw_frames["BIAS"][1:])]
    path.write_text("\n".join([*lines, f"{folder / 'BADPIX_TABLE.fits'} BADPIX_TABLE"]))
    return path


def level(header, port, rows):
    """Return the polynomial of a port."""
    name = f"ESO DRS MUSE OVSC{port}"
    terms = [header[f"{name} POLY Y{k}"] for k in range(header[f"{name} POLY NCOEFF"])]
    return np.polynomial.polynomial.polyval(rows, terms)


@pytest.mark.parametrize("words", OPTIONS.values(), ids=OPTIONS)
def test_levels_agree(genuine, sof, tmp_path, words):
    options = [f"--{name}={value}" for name, value in words.items()]
    done = genuine(tmp_path, "muse_bias", "--nifu=1", *options, str(sof))
    assert done.returncode == 0, done.stdout[-2000:]
    theirs = fits.getheader(tmp_path / "MASTER_BIAS-01.fits")
    ours = run("muse_bias", read_sof(sof), words, tmp_path / "ours", nifu=1)[0].path
    header = fits.getheader(ours)
    for q in FULL.quadrants():
        for word in ("MEAN", "STDEV"):
            keyword = f"ESO DRS MUSE OVSC{q.number} {word}"
            assert_allclose(header[keyword], theirs[keyword], atol=3e-4, rtol=3e-6)
        rows = np.arange(q.raw_y.start, q.raw_y.stop, 10) + 1.0
        assert_allclose(
            level(header, q.number, rows), level(theirs, q.number, rows), atol=0.01
        )
