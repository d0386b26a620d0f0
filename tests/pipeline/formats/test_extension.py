"""Small extensions against astropy, which wrote them before."""

import io

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.formats.cards import Keywords
from pipeline.formats.extension import image_extension, long_table, table_extension
from pipeline.spec import Table


def opened(extension):
    """Open an extension behind an empty primary unit, its sums checked."""
    buffer = io.BytesIO()
    fits.PrimaryHDU().writeto(buffer)
    buffer.write(extension.stored())
    return fits.open(io.BytesIO(buffer.getvalue()), checksum=True)[1]


COLUMNS = {
    "long": np.arange(-2, 2, dtype=np.int64),
    "whole": np.arange(4, dtype=np.int32),
    "short": np.arange(4, dtype=np.int16),
    "byte": np.arange(4, dtype=np.uint8),
    "single": np.array([0, np.nan, np.inf, 1e-30], np.float32),
    "double": np.linspace(0, 1, 4),
    "array": np.arange(12.0).reshape(4, 3),
    "name": np.array(["a", "", "NI 5197", "x"]),
    "ok": np.array([True, False, False, True]),
}


def test_a_table_is_what_astropy_reads():
    header = Keywords({"VERSION": 3, "ESO QC X": 1.5}, {"VERSION": "of the table"})
    unit = opened(table_extension("Lines", Table(COLUMNS, {"double": "pix"}, header)))
    for name, values in COLUMNS.items():
        assert_array_equal(unit.data[name], values)
    assert unit.header["EXTNAME"] == "Lines"
    assert unit.header["ESO QC X"] == 1.5
    assert unit.header.comments["VERSION"] == "of the table"
    assert unit.columns["double"].unit == "pix" and unit.columns["single"].unit is None


def test_the_data_are_those_that_astropy_stores():
    kinds = {"whole": "1J", "double": "1D", "array": "3D", "name": "7A", "ok": "1L"}
    columns = [fits.Column(k, form, array=COLUMNS[k]) for k, form in kinds.items()]
    theirs = fits.BinTableHDU.from_columns(columns)
    theirs.add_datasum()
    ours = opened(table_extension("", Table({k: COLUMNS[k] for k in kinds}, {})))
    assert ours.header["DATASUM"] == theirs.header["DATASUM"]
    for i in range(1, 6):
        assert ours.header[f"TFORM{i}"] == theirs.header[f"TFORM{i}"]
    assert "EXTNAME" not in ours.header


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i4", "u1"])
def test_an_image_keeps_values_and_keywords(kind):
    values = np.arange(24).reshape(2, 3, 4).astype(kind)
    unit = opened(image_extension("white", values, Keywords({"CRPIX1": 1.0})))
    assert_array_equal(unit.data, values)
    assert unit.header["EXTNAME"] == "white" and unit.header["CRPIX1"] == 1.0


def test_a_table_without_rows_or_an_image_column():
    empty = {"x": np.empty(0), "name": np.empty(0, "U1")}
    assert len(opened(table_extension("T", Table(empty, {}))).data) == 0
    lsf = Table({"image": np.ones((2, 3), np.float32)}, {"image": "count"})
    assert opened(table_extension("LSF_PROFILE", lsf)).header["BUNIT"] == "count"


@pytest.mark.parametrize("size", [1, 700, 3000])
def test_a_table_in_parts_is_that_of_all_rows(size):
    values = {"a": np.arange(3000, dtype=np.uint8), "b": np.arange(3000.0)}
    units = {"b": "pix"}
    whole = table_extension("T", Table(values, units))

    def parts():
        for start in range(0, 3000, size):
            rows = slice(start, start + size)
            yield Table({k: v[rows] for k, v in values.items()}, units)

    assert long_table("T", 3000, parts()).stored() == whole.stored()
    with pytest.raises(ValueError, match="not 2999"):
        long_table("T", 2999, parts()).stored()
    other = [Table({"a": values["a"]}, {}), Table({"a": values["b"]}, {})]
    with pytest.raises(ValueError, match="differ"):
        long_table("T", 6000, other).stored()
