"""Tests of tables of bad pixels."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.algorithms.detector import bad_pixel_list
from pipeline.formats.cards import Keywords
from pipeline.formats.headers import read_header
from pipeline.formats.image import ImageProduct
from pipeline.formats.tables import open_tables
from pipeline.instrument import FULL, MINI
from pipeline.spec import BadInput, Planes
from pipeline.tools.badpix import (
    from_dq,
    from_list,
    from_region,
    raw_positions,
    write_bad_pixels,
)


def flags(path, ifu, size=MINI):
    """Flags of the trimmed image that the recipes make of a table."""
    dq = np.zeros(size.shape, np.uint32)
    frames = open_tables(path, "BADPIX_TABLE")
    for y, x, status in bad_pixel_list(list(frames.values()), ifu, size):
        dq[y, x] |= np.uint32(status)
    return dq


def test_raw_positions_are_those_of_the_ports():
    """The overscans meet in the middle, the prescans are at the rim (manual)."""
    x, y = raw_positions(np.array([1, 2048, 2049]), np.array([2056, 2057, 4112]), FULL)
    assert_array_equal(x, [33, 2080, 2145])
    assert_array_equal(y, [2088, 2153, 4208])


def test_flags_of_an_image_come_back(tmp_path):
    rng = np.random.default_rng(1)
    dq = np.where(rng.random(MINI.shape) < 0.01, 256, 0).astype(np.uint32)
    dq[3, 4] = 1 << 31
    zero = np.zeros(MINI.shape, np.float32)
    path = tmp_path / "MASTER_FLAT-02.fits"
    words = Keywords({"EXTNAME": "CHAN02", "ESO DET CHIP ID": "psyche"})
    product = ImageProduct(path, words, MINI.shape, unit="count")
    product.write(slice(0, MINI.shape[0]), Planes(zero, dq, zero))
    product.close()
    table, ifu = from_dq(path)
    out = tmp_path / "bad.fits"
    write_bad_pixels(table, ifu, out, reference=path)
    assert ifu == 2
    assert_array_equal(flags(out, 2), dq)
    assert not flags(out, 1).any()
    assert read_header(out, "CHAN02")["ESO DET CHIP ID"] == "psyche"


def test_a_region_has_its_corners(tmp_path):
    table, n_outside = from_region("[3:5,7:7]", 256, MINI, trimmed=True)
    write_bad_pixels(table, 1, tmp_path / "bad.fits")
    dq = flags(tmp_path / "bad.fits", 1)
    assert n_outside == 0 and dq.sum() == 3 * 256
    assert (dq[6, 2:5] == 256).all()


def test_lists_are_read_and_pixels_outside_left_out(tmp_path):
    text = tmp_path / "bad.txt"
    text.write_text("# x y flag\n20 30 256\n\n20 30 0x200 # twice\n9999 1 256\n")
    table, n_outside = from_list(text, MINI, trimmed=False)
    assert n_outside == 1
    assert [int(table.columns[k][0]) for k in ("xpos", "ypos", "status")] == [20, 30, 768]


def test_merging_unites_flags_and_keeps_other_ifus(tmp_path):
    path = tmp_path / "bad.fits"
    for ifu, flag, region in (
        (1, 256, "[1:2,1:1]"),
        (1, 512, "[2:3,1:1]"),
        (3, 4, "[9:9,9:9]"),
    ):
        table, _ = from_region(region, flag, MINI, trimmed=True)
        whole = write_bad_pixels(table, ifu, path, path if path.exists() else None)
    assert len(whole.columns["xpos"]) == 1
    assert_array_equal(flags(path, 1)[0, :4], [256, 768, 512, 0])
    assert flags(path, 3).sum() == 4
    assert read_header(path)["ESO PRO CATG"] == "BADPIX_TABLE"


@pytest.mark.parametrize("text", ["1:2,3:4", "[2:1,3:4]", "[1:2]", "[a:2,3:4]"])
def test_what_is_no_region_is_refused(text):
    with pytest.raises(BadInput, match="is no region"):
        from_region(text, 1, MINI, trimmed=False)


def test_what_is_no_list_is_refused(tmp_path):
    text = tmp_path / "bad.txt"
    text.write_text("1 2 3\n1 two 3\n")
    with pytest.raises(BadInput, match="line 2"):
        from_list(text, MINI, trimmed=False)
