import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.formats.cards import Keywords
from pipeline.formats.headers import data_md5
from pipeline.formats.tables import TableProduct, open_tables
from pipeline.spec import BadInput, Table


def table():
    columns = {
        "SliceNo": np.arange(1, 5, dtype=np.int32),
        "tc0_00": np.linspace(0, 1, 4),
        "MSE0": np.arange(4, dtype=np.float32),
        "name": np.array(["a", "bb", "", "NI 5197"]),
        "coeff": np.arange(12.0).reshape(4, 3),
        "ok": np.array([True, False, True, True]),
    }
    return Table(columns, {"SliceNo": "No", "tc0_00": "pix"}, {"VERSION": 3})


def test_columns_units_and_keywords_come_back(tmp_path):
    path = tmp_path / "TRACE_TABLE-01.fits"
    product = TableProduct(path, Keywords({"EXTNAME": "CHAN01", "DATAMD5": ""}))
    product.write("", table())
    product.write("LSF_PROFILE", Table({"image": np.ones((2, 3, 4), np.float32)}, {}))
    product.qc["QC TRACE GAPS MEAN"] = 8.5
    product.close()
    with fits.open(path, checksum=True) as units:
        assert units[0].header["EXTNAME"] == "CHAN01"
        assert "EXTNAME" not in units[1].header
    (frame,) = open_tables(path, "TRACE_TABLE").values()
    assert frame.ifu == 1 and frame.header["ESO QC TRACE GAPS MEAN"] == 8.5
    read = frame.read()
    assert read.header["VERSION"] == 3
    assert read.units["tc0_00"] == "pix" and read.units["name"] == ""
    for name, values in table().columns.items():
        assert_array_equal(read.columns[name], values)
        assert read.columns[name].dtype.isnative
    assert frame.read("LSF_PROFILE").columns["image"].shape == (2, 3, 4)
    with pytest.raises(BadInput, match="no extension 'X'"):
        frame.read("X")


def test_names_keep_their_case(tmp_path):
    product = TableProduct(tmp_path / "f.fits", Keywords({"VERSION": 1}))
    for name in ("Johnson_V", "white"):
        product.write(name, table())
    product.close()
    frame = open_tables(tmp_path / "f.fits", "FILTER_LIST")[None]
    assert frame.names == ("Johnson_V", "white")


def test_merged_tables_are_found_by_ifu(tmp_path):
    product = TableProduct(tmp_path / "f.fits", Keywords())
    for name in ("CHAN02", "CHAN05"):
        product.write(name, table())
    product.close()
    frames = open_tables(tmp_path / "f.fits", "WAVECAL_TABLE")
    assert list(frames) == [2, 5]
    assert_array_equal(frames[5].read().columns["SliceNo"], [1, 2, 3, 4])


def test_a_file_without_tables_has_a_header(tmp_path):
    fits.PrimaryHDU(header=fits.Header({"CRPIX1": 1.5})).writeto(tmp_path / "wcs.fits")
    frame = open_tables(tmp_path / "wcs.fits", "ASTROMETRY_WCS")[None]
    assert frame.names == () and frame.header["CRPIX1"] == 1.5
    with pytest.raises(BadInput):
        frame.read()


@pytest.mark.interop
def test_fitsverify_is_content(tmp_path, fitsverify):
    product = TableProduct(tmp_path / "x.fits", Keywords({"DATAMD5": ""}))
    product.write("LINES", table())
    product.close()
    assert fitsverify(tmp_path / "x.fits") == (0, 0)


def test_merged_line_spread_functions_are_found_by_ifu(tmp_path):
    product = TableProduct(tmp_path / "f.fits", Keywords())
    for ifu in (2, 5):
        cube = np.full((2, 3, 4), ifu, np.float32)
        product.write(f"CHAN{ifu:02d}.LSF_PROFILE", Table({"image": cube}, {}))
    product.close()
    frames = open_tables(tmp_path / "f.fits", "LSF_PROFILE")
    assert {ifu: frame.read().columns["image"].mean() for ifu, frame in frames.items()} == {
        2: 2.0,
        5: 5.0,
    }


def test_a_table_in_parts_is_written_when_the_product_is_closed(tmp_path):
    made = []

    def parts():
        for k in range(5):
            made.append(k)
            yield Table({"k": np.full(1000, k, np.int16), "x": np.full(1000, 0.5 * k)}, {})

    product = TableProduct(tmp_path / "t.fits", Keywords({"DATAMD5": ""}))
    product.write_parts("LONG", 5000, parts())
    product.qc["QC X"] = 1
    assert not made
    product.close()
    with fits.open(tmp_path / "t.fits", checksum=True) as units:
        assert (units["LONG"].data["k"] == np.repeat(range(5), 1000)).all()
        assert (units["LONG"].data["x"] == 0.5 * units["LONG"].data["k"]).all()
    known = fits.getval(tmp_path / "t.fits", "DATAMD5")
    fits.delval(tmp_path / "t.fits", "DATAMD5")
    assert data_md5(tmp_path / "t.fits") == known


def test_nothing_is_left_of_a_table_whose_parts_fail(tmp_path):
    product = TableProduct(tmp_path / "t.fits", Keywords())
    product.write_parts("", 3, [Table({"k": np.arange(2)}, {})])
    with pytest.raises(ValueError, match="2 rows, not 3"):
        product.close()
    assert list(tmp_path.iterdir()) == []
