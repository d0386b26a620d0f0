"""Cubes on disk: written slab by slab, read plane by plane, accepted by others."""

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from pipeline.flags import Flag
from pipeline.formats.cards import Keywords
from pipeline.formats.cube import CubeProduct, open_cube
from pipeline.spec import BadInput, Image2D, Planes

SHAPE = (7, 4, 5)
WCS = {"CTYPE3": "AWAV", "CUNIT3": "Angstrom", "CRVAL3": 4750.0, "CD3_3": 1.25}


@pytest.fixture
def planes():
    rng = np.random.default_rng(1)
    data, stat = rng.normal(size=(2, *SHAPE)).astype("f4")
    dq = np.zeros(SHAPE, np.uint32)
    dq[2, 3, 4] = Flag.MISSING_DATA
    return Planes(data, dq, stat**2)


def written(path, planes, order=((0, 3), (3, 7)), unit="count"):
    words = Keywords({"OBJECT": "Field", "ESO PRO CATG": "DATACUBE_FINAL"})
    product = CubeProduct(path, words, SHAPE, unit=unit, wcs=WCS, spare=20)
    for start, stop in order:
        rows = slice(start, stop)
        product.write(rows, Planes._make(plane[rows] for plane in planes))
    product.qc["QC SCIPOST NDET"] = 3
    image = Planes._make(plane[0] for plane in planes)
    product.write_images({"Johnson_V": Image2D(image, unit, {"CRPIX1": 2.0})})
    product.close()
    return path


def test_comes_back_as_written(tmp_path, planes):
    cube = open_cube(written(tmp_path / "cube.fits", planes), "DATACUBE_FINAL")
    assert cube.shape == SHAPE
    assert cube.header["ESO QC SCIPOST NDET"] == 3
    assert cube.header["CD3_3"] == 1.25
    part = cube.read(slice(2, 5))
    good = planes.dq[2:5] == 0
    assert_array_equal(part.data[good], planes.data[2:5][good])
    assert_array_equal(part.stat[good], planes.stat[2:5][good])
    assert_array_equal(part.dq, planes.dq[2:5])


def test_is_a_valid_file_and_the_order_of_slabs_is_no_matter(tmp_path, planes):
    one = written(tmp_path / "one.fits", planes)
    two = written(tmp_path / "two.fits", planes, ((5, 7), (0, 1), (1, 5)))
    assert one.read_bytes() == two.read_bytes()
    with fits.open(one, checksum=True) as units:
        assert [u.name for u in units[1:3]] == ["DATA", "STAT"]
        assert units[3].header["EXTNAME"] == "Johnson_V"
        assert units[1].header["ERRDATA"] == "STAT"
        assert units[2].header["BUNIT"] == "(count)**2"
        assert units[2].header["OBJECT"] == "Field (STAT)"
        assert np.isnan(units[1].data[2, 3, 4]) and np.isnan(units[2].data[2, 3, 4])


def test_variance_unit_of_the_data_standard(tmp_path, planes):
    unit = "10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)"
    cube = written(tmp_path / "cube.fits", planes, unit=unit)
    expected = "10**(-40)erg**2.s**(-2).cm**(-4).angstrom**(-2)"
    assert fits.getheader(cube, "STAT")["BUNIT"] == expected


def test_a_file_without_cube_is_refused(tmp_path):
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    with pytest.raises(BadInput, match=r"image\.fits.*holds no cube"):
        open_cube(tmp_path / "image.fits", "DATACUBE_FINAL")


def test_abort_leaves_nothing(tmp_path):
    product = CubeProduct(tmp_path / "x.fits", Keywords(), SHAPE, unit="count", wcs=WCS)
    product.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_cube_may_have_no_variance(tmp_path, planes):
    path = tmp_path / "cube.fits"
    product = CubeProduct(path, Keywords(), SHAPE, unit="count", wcs=WCS, variance=False)
    product.write(slice(0, 7), planes)
    product.close()
    with fits.open(path) as units:
        assert [u.name for u in units] == ["PRIMARY", "DATA"]
        assert "ERRDATA" not in units[1].header
    part = open_cube(path, "TWILIGHT_CUBE").read(slice(0, 7))
    assert_array_equal(part.dq, planes.dq)
    assert not part.stat.any()


def test_an_image_may_keep_its_flags(tmp_path, planes):
    path = tmp_path / "cube.fits"
    product = CubeProduct(path, Keywords(), SHAPE, unit="count", wcs=WCS)
    product.write(slice(0, 7), planes)
    image = Planes._make(plane[2] for plane in planes)
    product.write_images({"vign_fit": Image2D(image, "1", keeps_flags=True)})
    product.close()
    with fits.open(path) as units:
        data, flags = units["vign_fit"], units["vign_fit_DQ"]
        assert_array_equal(data.data, planes.data[2])
        assert_array_equal(flags.data, planes.dq[2].astype(np.int32))
        assert data.header["QUALDATA"] == "vign_fit_DQ"
        assert flags.header["SCIDATA"] == "vign_fit"
        assert "BUNIT" not in flags.header and data.header["BUNIT"] == "1"
