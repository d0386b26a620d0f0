"""Pixel tables shown and cut, on files."""

import numpy as np
import pytest

from pipeline.formats.cards import Keywords
from pipeline.formats.headers import read_header
from pipeline.formats.pixtable import open_pixtable
from pipeline.formats.pixtable_table import VARIABLE
from pipeline.formats.pixtable_writer import PixelTableProduct
from pipeline.spec import BadInput, Pixels, Table
from pipeline.tools import pixtables
from pipeline.tools.pixtables import Ranges, crop, dump, erase_slice

TABLE = "ESO DRS MUSE PIXTABLE"
N = 60


def columns():
    """Two exposures of two IFUs, slices of ten pixels."""
    k = np.arange(N)
    ifu, number = 5 + k // 30, 1 + k // 10 % 3
    origin = (k % 10) << 24 | (100 + k) << 11 | ifu << 6 | number
    values = (0.5 * k - 10, -k, 5000 + 10 * (k % 30), 3.5 * k)
    data = [np.asarray(v, np.float32) for v in values]
    dq, stat = np.zeros(N, np.uint32), np.full(N, 4.0, np.float32)
    dq[3] = 32
    return Pixels(*data, dq, stat, origin.astype(np.uint32))


@pytest.fixture(params=["images", "table"])
def path(request, tmp_path, monkeypatch):
    """A combined table with weights and a lamp spectrum, in both forms of files."""
    if request.param == "table":
        monkeypatch.setenv(VARIABLE, "1")
    header = Keywords({"OBJECT": "Field", f"{TABLE} COMBINED": 2})
    for number, first in ((1, 0), (2, 30)):
        header[f"{TABLE} EXP{number} FIRST"] = first
        header[f"{TABLE} EXP{number} LAST"] = first + 29
        for ifu, slit in ((5, 1), (5, 2), (5, 3), (6, 1), (6, 2), (6, 3)):
            header[f"{TABLE} EXP{number} IFU{ifu:02d} SLICE{slit:02d} XOFFSET"] = 85 * slit
    file = PixelTableProduct(
        tmp_path / "in.fits", header, N, unit="count", extra=["weight"]
    )
    file.write(slice(0, N), columns())
    file.write_extra(slice(0, N), {"weight": np.linspace(1, 2, N, dtype=np.float32)})
    lamp = {"lambda": np.array([5000.0, 5100.0]), "data": np.array([1.0, 2.0])}
    file.write_flat_spectrum(Table(lamp, {"lambda": "Angstrom"}))
    file.close()
    return tmp_path / "in.fits"


def test_rows_are_shown_with_their_place_on_the_detector(path):
    lines = list(dump(path, 31, 2))
    assert "showing 2 rows starting at index 31 of 60" in lines[0]
    assert lines[3:5] == ["# flux    in [count]", "# flux**2 in [count**2]"]
    words = lines[5].split()
    assert [float(w) for w in words[:4]] == [5.5, -31.0, 5010.0, 108.5]
    assert (words[4], float(words[5])) == ("0x00000000", 4.0)
    assert float(words[6]) == pytest.approx(1 + 31 / 59, rel=1e-4)
    assert [int(w) for w in words[7:]] == [2, 6, 86, 131, 118, 163, 1]
    assert "0x00000020" in list(dump(path, 3, 1))[-1]
    with pytest.raises(BadInput, match="none from row 60"):
        list(dump(path, 60))


def test_the_right_half_of_the_detector_lies_beyond_the_overscans():
    header = Keywords()
    assert pixtables._raw(header, 2048, "X") == 2080
    assert pixtables._raw(header, 2049, "X") == 2145
    assert pixtables._raw(header, 4112, "Y") == 4208


def test_a_table_is_cropped(path, tmp_path, monkeypatch):
    monkeypatch.setattr(pixtables, "_ROWS", 7)
    ranges = Ranges(wavelength=(5050.0, 5200.0), x=(-6.0, np.inf), ifu=None)
    before, after = crop(path, tmp_path / "out.fits", ranges)
    found = open_pixtable(tmp_path / "out.fits", "")
    pixels, all_ = found.read(slice(0, found.n_rows)), columns()
    kept = (all_.wavelength >= 5050) & (all_.wavelength <= 5200) & (all_.xpos >= -6)
    assert (before, after, found.n_rows) == (N, kept.sum(), kept.sum())
    for one, other in zip(pixels, all_, strict=True):
        assert np.array_equal(one, other[kept])
    weight = found.read_further(slice(0, after))["weight"]
    assert np.array_equal(weight, np.linspace(1, 2, N, dtype=np.float32)[kept])
    assert found.flat_spectrum().columns["data"].tolist() == [1.0, 2.0]
    header = read_header(tmp_path / "out.fits")
    second = int(kept[:30].sum())
    assert header[f"{TABLE} EXP2 FIRST"] == second
    assert header[f"{TABLE} EXP1 LAST"] == second - 1
    assert header[f"{TABLE} EXP2 LAST"] == after - 1
    assert header[f"{TABLE} LIMITS LAMBDA LOW"] == pytest.approx(5050)
    assert (header["OBJECT"], found.unit) == ("Field", "count")


def test_one_ifu_and_slice_are_cropped(path, tmp_path):
    _, after = crop(path, tmp_path / "out.fits", Ranges(ifu=6, slice=2))
    found = open_pixtable(tmp_path / "out.fits", "")
    assert [(s.ifu, s.slice) for s in found.segments] == [(6, 2)]
    assert after == 10


def test_a_slice_is_erased(path, tmp_path):
    assert erase_slice(path, tmp_path / "out.fits", 5, 2) == (60, 50)
    found = open_pixtable(tmp_path / "out.fits", "")
    labels = found.read(slice(0, 50)).origin & 0x7FF
    assert (5 << 6 | 2) not in labels and (6 << 6 | 2) in labels


def test_nothing_left_is_refused_and_leaves_no_file(path, tmp_path):
    with pytest.raises(BadInput, match="no pixels in the ranges"):
        crop(path, tmp_path / "out.fits", Ranges(x=(1e6, 2e6)))
    assert [p.name for p in tmp_path.iterdir()] == ["in.fits"]
