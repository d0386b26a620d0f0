import numpy as np
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.formats.columns import read_array, read_columns
from pipeline.formats.scan import scan


def written(path, columns):
    fits.BinTableHDU.from_columns(columns).writeto(path)
    return read_columns(path, scan(path)[1])


def test_columns_are_those_of_astropy(tmp_path):
    columns = [
        fits.Column("byte", "B", array=np.array([1, 255], np.uint8)),
        fits.Column("short", "I", array=np.array([-1, 2], np.int16)),
        fits.Column("int", "2J", array=np.arange(4).reshape(2, 2)),
        fits.Column("long", "K", array=np.array([-(2**40), 2**40])),
        fits.Column("float", "E", array=np.array([1.5, np.nan], np.float32)),
        fits.Column("double", "3D", array=np.arange(6.0).reshape(2, 3)),
        fits.Column("ok", "L", array=np.array([True, False])),
        fits.Column("name", "8A", array=np.array(["Ne I ", "[O I] 5"])),
    ]
    found = written(tmp_path / "x.fits", columns)
    with fits.open(tmp_path / "x.fits", memmap=False) as units:
        for column in columns:
            expected = np.asarray(units[1].data[column.name])
            values = found[column.name]
            if column.name == "name":
                assert values.tolist() == ["Ne I", "[O I] 5"]
            else:
                assert_array_equal(values, expected)
                assert values.dtype == expected.dtype.newbyteorder("=")
    assert list(found) == [column.name for column in columns]


def test_what_is_not_simply_stored_is_left_to_astropy(tmp_path):
    scaled = fits.Column("u", "I", bzero=32768, array=np.array([1, 60000], np.uint16))
    lists = np.array([np.arange(2), np.arange(3)], object)
    variable = fits.Column("v", "PJ()", array=lists)
    assert written(tmp_path / "u.fits", [scaled]) is None
    assert written(tmp_path / "v.fits", [variable]) is None
    fits.ImageHDU(np.zeros((2, 2))).writeto(tmp_path / "i.fits")
    assert read_columns(tmp_path / "i.fits", scan(tmp_path / "i.fits")[1]) is None


def test_arrays_are_those_of_astropy(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    for kind in (np.float32, np.float64):
        path = tmp_path / f"{kind.__name__}.fits"
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(values.astype(kind))]).writeto(path)
        found = read_array(path, scan(path)[1])
        assert_array_equal(found, values)
        assert found.dtype == kind
        assert found.flags.c_contiguous
        assert found.flags.writeable


def test_what_is_no_plain_array_of_floats_is_left_to_astropy(tmp_path):
    path = tmp_path / "x.fits"
    column = fits.Column("a", "D", array=np.zeros(2))
    scaled = fits.ImageHDU(np.zeros((2, 2)))
    scaled.header["BSCALE"] = 2.0
    whole = fits.ImageHDU(np.zeros((2, 2), np.int16))
    units = [fits.BinTableHDU.from_columns([column]), scaled, whole, fits.ImageHDU()]
    fits.HDUList([fits.PrimaryHDU(), *units]).writeto(path)
    assert [read_array(path, unit) for unit in scan(path)] == [None] * 5


def test_a_table_without_rows_has_its_columns(tmp_path):
    found = written(tmp_path / "x.fits", [fits.Column("a", "D", array=np.empty(0))])
    assert found["a"].shape == (0,)
