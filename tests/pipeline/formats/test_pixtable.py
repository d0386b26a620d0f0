"""Tests of pixel tables on disk."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.formats.cards import Keywords
from pipeline.formats.pixtable import COLUMNS, PixelTableFile, open_pixtable
from pipeline.formats.pixtable_writer import PixelTableProduct
from pipeline.spec import BadInput, Pixels, PixelTable, Segment, Table

N = 1000


def some_pixels(n=N, seed=5):
    """Three slices of one IFU, then one of another."""
    rng = np.random.default_rng(seed)
    label = np.repeat([3 << 6 | 1, 3 << 6 | 2, 3 << 6 | 7, 4 << 6 | 7], n // 4)
    y = np.tile(np.arange(n // 4) + 1, 4)
    origin = (5 << 24 | y << 11 | label).astype(np.uint32)
    floats = [rng.normal(7000.0, 500.0, n).astype(np.float32) for _ in range(5)]
    dq = rng.integers(0, 2**32, n, dtype=np.uint64).astype(np.uint32)
    return Pixels(*floats[:4], dq, abs(floats[4]), origin)


def write(path, pixels, **header):
    keywords = Keywords({"EXTNAME": "CHAN03", "OBJECT": "HD 1", **header})
    writer = PixelTableProduct(path, keywords, len(pixels.data), unit="count")
    for start in (500, 0, 250, 750):  # any order
        rows = slice(start, start + 250)
        writer.write(rows, Pixels._make(column[rows] for column in pixels))
    spectrum = {"lambda": np.arange(4800.0, 4810.0), "data": np.linspace(0.5, 1.5, 10)}
    writer.write_flat_spectrum(Table(spectrum, {"lambda": "Angstrom", "data": "count"}))
    writer.qc["QC SCIBASIC NSATURATED"] = 4
    writer.close()
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("pixtable") / "p.fits", some_pixels())


def test_what_was_written_is_read(path):
    table: PixelTable = open_pixtable(path, "PIXTABLE_OBJECT")
    assert table.n_rows == N and table.ifu == 3
    for rows in (slice(0, N), slice(13, 777)):
        for values, expected in zip(table.read(rows), some_pixels(), strict=True):
            assert_array_equal(values, expected[rows])
            assert values.dtype == expected.dtype and values.flags.c_contiguous


def test_segments_follow_origin(path):
    assert open_pixtable(path, "PIXTABLE_OBJECT").segments == [
        Segment(0, 3, 1, 0, 250),
        Segment(0, 3, 2, 250, 500),
        Segment(0, 3, 7, 500, 750),
        Segment(0, 4, 7, 750, 1000),
    ]


def test_segments_do_not_depend_on_the_blocks(path, monkeypatch):
    whole = open_pixtable(path, "PIXTABLE_OBJECT").segments
    for size in (1, 7, 125, 250, 999):
        monkeypatch.setattr("pipeline.formats.pixtable._BLOCK", size)
        assert open_pixtable(path, "PIXTABLE_OBJECT").segments == whole


def test_segments_of_several_files_are_found_at_once(path, monkeypatch):
    together = Barrier(2, timeout=10)
    read = PixelTableFile._read

    def wait_and_read(*arguments):
        together.wait()  # fails if the other is not at it, too
        read(*arguments)

    monkeypatch.setattr(PixelTableFile, "_read", wait_and_read)
    tables = [open_pixtable(path, "PIXTABLE_OBJECT") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda table: table.segments, tables))
    assert found[0] == found[1] and len(found[0]) == 4


def test_exposures_split_segments(tmp_path):
    first = {f"ESO DRS MUSE PIXTABLE EXP{i} FIRST": row for i, row in ((1, 0), (2, 600))}
    path = write(tmp_path / "p.fits", some_pixels(), **first)
    segments = open_pixtable(path, "PIXTABLE_REDUCED").segments
    assert [(s.exposure, s.slice, s.start) for s in segments] == [
        (1, 1, 0),
        (1, 2, 250),
        (1, 7, 500),
        (2, 7, 600),
        (2, 7, 750),
    ]


def test_flat_spectrum_comes_back(path):
    flat = open_pixtable(path, "PIXTABLE_OBJECT").flat_spectrum()
    assert_array_equal(flat.columns["data"], np.linspace(0.5, 1.5, 10))
    assert flat.units == {"lambda": "Angstrom", "data": "count"}


def test_form_is_that_of_the_genuine_pipeline(path):
    with fits.open(path, checksum=True) as units:
        assert [unit.name for unit in units[1:8]] == list(COLUMNS)
        assert units[8].name == "PIXTABLE_FLAT_FIELD"
        assert [unit.header.get("BUNIT") for unit in units[1:8]] == [
            "pix",
            "pix",
            "Angstrom",
            "count",
            None,
            "count**2",
            None,
        ]
        assert all(unit.shape == (N, 1) for unit in units[1:8])
        head = units[0].header
        pixels = some_pixels()
        assert head["ESO QC SCIBASIC NSATURATED"] == 4
        assert head["ESO DRS MUSE PIXTABLE LIMITS IFU HIGH"] == 4
        low = head["ESO DRS MUSE PIXTABLE LIMITS LAMBDA LOW"]
        assert np.float32(low) == pixels.wavelength.min()
    text = path.read_bytes()
    assert b"EXTNAME = 'lambda  '" in text


def test_positions_are_angles_after_astrometry(tmp_path):
    path = write(
        tmp_path / "p.fits",
        some_pixels(),
        **{"ESO DRS MUSE PIXTABLE WCS": "projected (intermediate)"},
    )
    assert fits.getheader(path, "xpos")["BUNIT"] == "rad"


def test_binary_table_is_read(tmp_path):
    pixels = some_pixels()
    forms = ("E", "E", "E", "E", "J", "E", "J")
    columns = [
        fits.Column(name, form, array=values.view(np.int32) if form == "J" else values)
        for name, form, values in zip(COLUMNS, forms, pixels, strict=True)
    ]
    path = tmp_path / "table.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path)
    table = open_pixtable(path, "PIXTABLE_OBJECT")
    assert len(table.segments) == 4
    for values, expected in zip(table.read(slice(5, 400)), pixels, strict=True):
        assert_array_equal(values, expected[5:400])


def test_what_is_no_pixel_table_is_refused(tmp_path):
    path = tmp_path / "image.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3)), name="SKY")]).writeto(
        path
    )
    with pytest.raises(BadInput, match="no pixel table"):
        open_pixtable(path, "PIXTABLE_OBJECT")


def test_wrong_columns_are_refused(tmp_path):
    writer = PixelTableProduct(tmp_path / "p.fits", Keywords(), N, unit="count")
    pixels = some_pixels()
    with pytest.raises(ValueError, match="rows"):
        writer.write(slice(0, 5), pixels)
    with pytest.raises(TypeError, match="data"):
        writer.write(slice(0, N), pixels._replace(data=pixels.data.astype(float)))
    writer.abort()
    assert not (tmp_path / "p.fits").exists()


def test_pixel_tables_can_be_one_binary_table(path, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSE_PIXTABLE_SAVE_AS_TABLE", "1")
    other = write(tmp_path / "t.fits", some_pixels())
    with fits.open(other, checksum=True) as units, fits.open(path) as images:
        assert len(units) == 3 and [p.name for p in tmp_path.iterdir()] == ["t.fits"]
        columns = units[1].columns
        assert tuple(columns.names) == COLUMNS
        assert [c.unit or "" for c in columns] == [
            images[name].header.get("BUNIT", "") for name in COLUMNS
        ]
        assert [c.format.strip("1") for c in columns] == list("EEEEJEJ")
        for name in COLUMNS:
            assert_array_equal(units[1].data[name], images[name].data[:, 0])
        assert units[2].name == "PIXTABLE_FLAT_FIELD"
        assert units[0].header["ESO QC SCIBASIC NSATURATED"] == 4
    first, second = (open_pixtable(p, "PIXTABLE_OBJECT") for p in (path, other))
    assert second.segments == first.segments and second.ifu == 3
    for a, b in zip(second.read(slice(13, 777)), first.read(slice(13, 777)), strict=True):
        assert_array_equal(a, b)
    spectra = [table.flat_spectrum().columns["data"] for table in (first, second)]
    assert_array_equal(*spectra)


@pytest.mark.parametrize("value", ["", "0", "no"])
def test_images_are_the_default_form(path, tmp_path, monkeypatch, value):
    monkeypatch.setenv("MUSE_PIXTABLE_SAVE_AS_TABLE", value)
    with fits.open(write(tmp_path / "t.fits", some_pixels())) as units:
        assert [unit.name for unit in units[1:8]] == list(COLUMNS)


def test_further_columns_stand_behind_the_usual_ones(tmp_path):
    pixels = some_pixels()
    file = tmp_path / "PIXTABLE_SUBTRACTED-01.fits"
    product = PixelTableProduct(
        file, Keywords({"EXTNAME": "CHAN01"}), N, unit="count", extra=("line_flux", "orig")
    )
    product.write(slice(0, N), pixels)
    for part in (slice(10, N), slice(0, 10)):
        product.write_extra(
            part, {"orig": pixels.data[part], "line_flux": pixels.stat[part]}
        )
    with pytest.raises(TypeError, match="line_flux"):
        product.write_extra(slice(0, 3), {"line_flux": np.zeros(2, np.float32)})
    product.close()
    with fits.open(file) as hdus:
        assert [hdu.header["EXTNAME"] for hdu in hdus[8:]] == ["line_flux", "orig"]
        assert_array_equal(hdus[9].data[:, 0], pixels.data)
    assert_array_equal(open_pixtable(file, "").read(slice(0, N)).data, pixels.data)
