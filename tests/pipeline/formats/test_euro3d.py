"""Cubes as tables of spectra, read by astropy."""

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.flags import Flag
from pipeline.formats.cards import Keywords
from pipeline.formats.cube import CubeProduct
from pipeline.spec import Image2D, Planes, Spaxels

SHAPE = (70, 3, 4)
WCS = {"CTYPE3": "AWAV", "CUNIT3": "Angstrom", "CRVAL3": 4750.0, "CD3_3": 1.25}


def spaxels(corrected=True):
    dec, ra = np.indices(SHAPE[1:]).astype(float)
    air = {"G_AIRMAS": np.nan if corrected else 1.2}
    return Spaxels(ra + 10.0, dec - 25.0, (0.2, 0.3), corrected, air)


def planes():
    """One spaxel begins late, one has a gap, one has nothing."""
    rng = np.random.default_rng(1)
    data = rng.normal(10.0, 1.0, SHAPE).astype("f4")
    stat = rng.uniform(1.0, 4.0, SHAPE).astype("f4")
    for gap in ((slice(0, 66), 1, 2), (slice(20, 23), 0, 0), (slice(None), 2, 3)):
        data[gap] = stat[gap] = np.nan
    flags = np.where(np.isfinite(data), 0, int(Flag.MISSING_DATA)).astype(np.uint32)
    return Planes(data, flags, stat)


def written(path, cube, places, images=None):
    product = CubeProduct(path, Keywords(), SHAPE, unit="count", wcs=WCS, spaxels=places)
    for first in range(0, SHAPE[0], 16):
        rows = slice(first, min(first + 16, SHAPE[0]))
        product.write(rows, Planes._make(plane[rows] for plane in cube))
    product.write_images(images or {})
    product.close()
    return path


def test_rows_are_spectra(tmp_path):
    cube, places = planes(), spaxels()
    with fits.open(written(tmp_path / "e3d.fits", cube, places), checksum=True) as hdus:
        table, words = hdus["E3D_DATA"].data, hdus["E3D_DATA"].header
        assert hdus[0].header["EURO3D"] is True and hdus[0].header["E3D_ADC"] is True
        assert (words["CRVALS"], words["CDELTS"]) == (4750.0, 1.25)
        assert list(table["SPEC_ID"]) == list(range(1, 12))  # the last one has no data
        for row in table:
            x, y = divmod(row["SPEC_ID"] - 1, SHAPE[1])
            assert (row["XPOS"], row["YPOS"]) == (places.ra[y, x], places.dec[y, x])
            first, n = row["SPEC_STA"] - 1, row["SPEC_LEN"]
            assert first == (66 if (y, x) == (1, 2) else 0)
            assert n == SHAPE[0] - first
            good = cube.dq[first:, y, x] == 0
            assert_array_equal(row["QUAL_SPE"][:n] == 0, good)
            assert_array_equal(row["DATA_SPE"][:n][good], cube.data[first:, y, x][good])
            error = np.sqrt(cube.stat[first:, y, x])
            assert_allclose(row["STAT_SPE"][:n][good], error[good], rtol=1e-6)
            assert (row["DATA_SPE"][:n][~good] == 0).all()
            assert np.isnan(row["DATA_SPE"][n:]).all()
        group = hdus["E3D_GRP"].data[0]
        assert group["G_SIZE1"] == np.float32(0.2) and np.isnan(group["G_AIRMAS"])


def test_images_follow(tmp_path):
    image = Image2D(Planes._make(plane[0] for plane in planes()), "count", {})
    path = written(tmp_path / "x.fits", planes(), spaxels(False), {"white": image})
    with fits.open(path, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["E3D_DATA", "E3D_GRP", "white"]
        assert hdus[0].header["E3D_ADC"] is False
        assert hdus["E3D_GRP"].data[0]["G_AIRMAS"] == np.float32(1.2)


def test_nothing_is_left_behind_when_it_fails(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pipeline.formats.cube.as_euro3d", fail)
    path = tmp_path / "e3d.fits"
    product = CubeProduct(path, Keywords(), SHAPE, unit="", wcs=WCS, spaxels=spaxels())
    product.write(slice(0, SHAPE[0]), planes())
    with pytest.raises(OSError, match="disk full"):
        product.close()
    product.abort()
    assert not list(tmp_path.iterdir())


def test_a_cube_without_data_is_a_table_without_rows(tmp_path):
    empty = Planes._make(
        np.full(SHAPE, value, kind)
        for value, kind in ((np.nan, "f4"), (int(Flag.MISSING_DATA), "u4"), (np.nan, "f4"))
    )
    with fits.open(written(tmp_path / "e3d.fits", empty, spaxels())) as hdus:
        assert len(hdus["E3D_DATA"].data) == 0
