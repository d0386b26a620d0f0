"""Coordinate systems from files: cubes, images and mere headers."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.formats.grid import open_grid
from pipeline.spec import BadInput

WORDS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CD1_1": -1e-5, "CD2_2": 1e-5}


def header(**more):
    return fits.Header({**WORDS, **more})


def saved(path, *hdus):
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return open_grid(path, "OUTPUT_WCS").header


def test_the_axes_of_a_cube_and_of_an_image(tmp_path):
    cube = fits.ImageHDU(np.zeros((4, 3, 2), "f4"), header(CRVAL3=5000.0), "DATA")
    image = fits.ImageHDU(np.zeros((3, 2), "f4"), header(CRVAL1=7.0), "DATA")
    words = saved(tmp_path / "cube.fits", cube, image)
    assert [words[f"NAXIS{k}"] for k in (1, 2, 3)] == [2, 3, 4]
    assert words["CRVAL3"] == 5000.0
    words = saved(tmp_path / "image.fits", image)
    assert [words.get(f"NAXIS{k}") for k in (1, 2, 3)] == [2, 3, None]


def test_a_header_alone(tmp_path):
    path = tmp_path / "header.fits"
    fits.PrimaryHDU(header=header(WCSAXES=3, CTYPE3="AWAV-LOG")).writeto(path)
    words = open_grid(path, "OUTPUT_WCS").header
    assert words["CTYPE3"] == "AWAV-LOG" and "NAXIS1" not in words


def test_the_first_that_fits_is_taken(tmp_path):
    field = fits.ImageHDU(np.zeros((3, 2), "f4"), fits.Header({"CTYPE1": "PIXEL"}), "FIELD")
    cube = fits.ImageHDU(np.zeros((4, 3, 2), "f4"), header(), "DATA")
    assert saved(tmp_path / "two.fits", field, cube)["CTYPE1"] == "RA---TAN"
    assert saved(tmp_path / "one.fits", field)["CTYPE1"] == "PIXEL"


def test_files_without_coordinates_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no coordinate system"):
        saved(tmp_path / "none.fits", fits.ImageHDU(np.zeros((3, 2), "f4")))
