import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.formats.cards import Keywords
from pipeline.formats.checksum import fold
from pipeline.formats.extension import table_extension
from pipeline.formats.headers import data_md5, read_header
from pipeline.formats.stream import Part, StreamedFits
from pipeline.spec import Table


def parts(n_rows=1000, spare=0):
    return [
        Part(Keywords({"DATAMD5": ""}), spare=spare),
        Part(Keywords({"EXTNAME": "lambda"}), "f4", (n_rows, 1)),
        Part(Keywords({"EXTNAME": "dq"}), "i4", (n_rows, 3)),
    ]


def write(path, n_cards=0, spare=0, threads=1):
    rng = np.random.default_rng(1)
    wavelength = rng.normal(7000, 1, 1000).astype(np.float32)
    dq = rng.integers(0, 2**32, (1000, 3), dtype=np.uint32)
    file = StreamedFits(path, parts(spare=spare))

    def block(start):
        file.write(1, start, wavelength[start : start + 90])
        file.write(2, start, dq[start : start + 90])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(block, range(0, 1000, 90)))
    file.append(table_extension("", Table({"a": np.array([1.0])}, {})))
    file.parts[0].keywords.update({f"ESO QC X{i}": i for i in range(n_cards)})
    file.close()
    return wavelength, dq


def test_columns_are_written_together(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.formats.wordfile._CACHED", 100)
    columns = [Part(Keywords({"EXTNAME": name}), "f4", (1000, 1)) for name in "ab"]
    file = StreamedFits(tmp_path / "x.fits", [Part(), *columns])
    a, b = np.random.default_rng(1).normal(0, 1, (2, 1000)).astype(np.float32)
    for start in (700, 0, 350):
        rows = slice(start, min(start + 350, 1000))
        file.write_columns(1, start, (a[rows], b[rows]))
    with pytest.raises(ValueError, match="do not fit"):
        file.write_columns(1, 990, (a[:20], b[:20]))
    with pytest.raises(TypeError, match="no column of 20 words"):
        file.write_columns(1, 0, (a[:20], b[:10]))
    file.parts[0].keywords.update({f"ESO QC X{i}": i for i in range(90)})
    file.close()
    with fits.open(tmp_path / "x.fits", checksum=True) as units:
        assert_array_equal(units["a"].data[:, 0], a)
        assert_array_equal(units["b"].data[:, 0], b)
        assert units["b"]._calculate_datasum() == int(units["b"].header["DATASUM"])


@pytest.mark.parametrize(("n_cards", "spare"), [(0, 0), (90, 90), (90, 0), (0, 90)])
def test_headers_may_outgrow_their_room(tmp_path, n_cards, spare):
    wavelength, dq = write(tmp_path / "x.fits", n_cards, spare, threads=3)
    with fits.open(tmp_path / "x.fits", checksum=True) as units:
        assert_array_equal(units[1].data[:, 0], wavelength)
        assert_array_equal(units[2].data.view(">u4"), dq)
        assert units[3].data["a"][0] == 1.0
        assert sum(key.startswith("ESO QC") for key in units[0].header) == n_cards
        assert units[1].header["EXTNAME"] == "lambda"
        assert int(units[1].header["DATASUM"]) == units[1]._calculate_datasum()


def test_the_md5_belongs_to_the_data(tmp_path):
    write(tmp_path / "a.fits")
    write(tmp_path / "b.fits", n_cards=200)
    known = read_header(tmp_path / "a.fits")["DATAMD5"]
    assert data_md5(tmp_path / "b.fits") == known
    fits.delval(tmp_path / "b.fits", "DATAMD5")
    assert data_md5(tmp_path / "b.fits") == known


def test_sums_are_folded():
    assert fold(0) == 0 and fold(0xFFFFFFFF) == 0xFFFFFFFF and fold(0x1_0000_0000) == 1


def test_what_does_not_fit_is_refused(tmp_path):
    file = StreamedFits(tmp_path / "x.fits", parts())
    with pytest.raises(ValueError, match="do not fit"):
        file.write(1, 995, np.zeros(10, np.float32))
    with pytest.raises(TypeError, match="do not fill"):
        file.write(1, 0, np.zeros(10))
    with pytest.raises(TypeError, match="do not fill"):
        file.write(2, 0, np.zeros(10, np.uint32))
    file.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_complete_file_can_be_given_up(tmp_path):
    """As it is when another product of the recipe fails."""
    path = tmp_path / "x.fits"
    file = StreamedFits(path, parts())
    file.close()
    file.abort()
    assert not path.exists()


def no_space(*_):
    raise OSError(errno.ENOSPC, "no space left")


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_for_which_there_is_no_room_is_not_left_behind(tmp_path, monkeypatch):
    before = open_files()
    monkeypatch.setattr(os, "posix_fallocate", no_space)
    with pytest.raises(OSError, match="no space left"):
        StreamedFits(tmp_path / "x.fits", parts())
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before


def test_a_file_that_cannot_be_completed_is_not_left_behind(tmp_path, monkeypatch):
    before = open_files()
    file = StreamedFits(tmp_path / "x.fits", [Part(), *parts()[1:]])
    file.write(1, 0, np.zeros(1000, np.float32))
    monkeypatch.setattr(os, "pwrite", no_space)
    with pytest.raises(OSError, match="no space left"):
        file.close()
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before


def test_what_comes_after_the_end_does_not_get_into_another_file(tmp_path):
    file = StreamedFits(tmp_path / "x.fits", [Part(), *parts()[1:]])
    file.abort()
    bad = pytest.raises(OSError, match="Bad file descriptor")
    with (tmp_path / "other").open("w+b"), bad:
        file.write(1, 0, np.zeros(1000, np.float32))
    assert (tmp_path / "other").stat().st_size == 0


def test_the_md5_is_taken_as_soon_as_all_is_there(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(
        "pipeline.formats.stream.begin", lambda call: begun.append(call) or call
    )
    write(tmp_path / "a.fits", threads=3)
    assert len(begun) == 1
    written = fits.getval(tmp_path / "a.fits", "DATAMD5")
    fits.delval(tmp_path / "a.fits", "DATAMD5")
    assert data_md5(tmp_path / "a.fits") == written


def test_a_file_can_be_given_up_before_its_md5_was_taken(tmp_path):
    file = StreamedFits(tmp_path / "x.fits", parts(n_rows=10))
    file.write(1, 0, np.zeros(10, np.float32))
    file.write(2, 0, np.zeros((10, 3), np.uint32))
    file.abort()
    assert not (tmp_path / "x.fits").exists()


def test_the_md5_of_a_file_that_was_given_up_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.formats.stream.begin", lambda call: call)
    monkeypatch.setattr("pipeline.formats.digest.DataDigest.written", lambda *_: None)
    file = StreamedFits(tmp_path / "x.fits", parts(n_rows=10))
    file.write(1, 0, np.zeros(10, np.float32))
    file.write(2, 0, np.zeros((10, 3), np.uint32))
    read = []
    monkeypatch.setattr(os, "preadv", lambda *_: read.append(1) or 0)
    file.abort()
    assert not read
