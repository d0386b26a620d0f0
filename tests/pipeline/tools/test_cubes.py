"""Cubes put together and seen through filters, on files."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.formats.cards import Keywords
from pipeline.formats.cube import CubeProduct, open_cube
from pipeline.spec import BadInput, Planes
from pipeline.static import static_path
from pipeline.tools import cubes as module
from pipeline.tools.cubes import (
    combine_cubes,
    concatenate_cubes,
    filter_cube,
    wavelengths,
)

NY, NX, STEP = 5, 7, 1.25
WCS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg",
    "CRPIX1": 3.0, "CRPIX2": 2.0, "CRVAL1": 10.0, "CRVAL2": -25.0,
    "CD1_1": -5.6e-5, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 5.6e-5,
    "CTYPE3": "AWAV", "CUNIT3": "Angstrom", "CRPIX3": 1.0, "CD3_3": STEP,
}  # fmt: skip


def write(path, first, n, limits=(4000.0, 10000.0), filled=(0, None), **more):
    """A cube whose values are wavelengths, NaN outside the planes ``filled``."""
    header = Keywords({"OBJECT": "Field", "EXPTIME": 600.0})
    for k, (name, value) in enumerate(
        zip(("lambdamin", "lambdamax"), limits, strict=True), 1
    ):
        header[f"ESO PRO REC1 PARAM{k} NAME"] = name
        header[f"ESO PRO REC1 PARAM{k} VALUE"] = f"{value:g}"
    wcs = {**WCS, "CRVAL3": first, **more}
    file = CubeProduct(path, header, (n, NY, NX), unit="count", wcs=wcs)
    data = np.full((n, NY, NX), np.nan, np.float32)
    values = (first + STEP * np.arange(n))[slice(*filled)]
    data[slice(*filled)] = values[:, None, None] + np.arange(NX)
    file.write(slice(0, n), Planes(data, np.zeros(data.shape, np.uint32), data / 100))
    file.close()
    return path


def test_cubes_that_follow_each_other_are_concatenated(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MEMORY", 1.0)  # a plane at a time
    paths = [
        write(tmp_path / "a.fits", 5000.0, 8),
        write(tmp_path / "b.fits", 5010.0, 4),
        write(tmp_path / "c.fits", 5015.0, 6),
    ]
    assert concatenate_cubes(paths, tmp_path / "out.fits") == 18
    cube = open_cube(tmp_path / "out.fits", "")
    planes = cube.read(slice(0, 18))
    assert np.allclose(planes.data[:, 0, 0], wavelengths(cube))
    assert np.allclose(planes.stat, planes.data / 100)
    assert cube.header["OBJECT"] == "Field"
    with fits.open(tmp_path / "out.fits", checksum=True) as units:
        assert [u.name for u in units] == ["PRIMARY", "DATA", "STAT"]


def test_gaps_and_other_grids_are_refused(tmp_path):
    first = write(tmp_path / "a.fits", 5000.0, 8)
    with pytest.raises(BadInput, match="does not follow"):
        concatenate_cubes(
            [first, write(tmp_path / "b.fits", 5011.0, 4)], tmp_path / "out.fits"
        )
    other = write(tmp_path / "c.fits", 5010.0, 4, CRPIX1=3.5)
    with pytest.raises(BadInput, match="CRPIX1"):
        concatenate_cubes([first, other], tmp_path / "out.fits")
    assert not list(tmp_path.glob("*out*"))


def test_ranges_of_one_grid_are_combined(tmp_path, caplog):
    """As the manual, 7.3.3: ranges overlap by two planes, which are left out."""
    red = write(tmp_path / "red.fits", 5000.0, 20, (5012.5, 10000.0), (10, None))
    blue = write(tmp_path / "blue.fits", 5000.0, 20, (4000.0, 5015.0), (0, 13))
    assert combine_cubes([red, blue], tmp_path / "out.fits") == 20
    assert not caplog.records
    cube = open_cube(tmp_path / "out.fits", "")
    planes = cube.read(slice(0, 20))
    assert np.allclose(planes.data[:, 0, 0], 5000 + STEP * np.arange(20))
    header = fits.getheader(tmp_path / "out.fits")
    assert header["ESO PRO REC1 PARAM1 VALUE"] == "4000"
    assert header["ESO PRO REC1 PARAM2 VALUE"] == "10000"


def test_planes_outside_all_ranges_are_left_out(tmp_path):
    one = write(tmp_path / "a.fits", 5000.0, 30, (5005.0, 5017.5), (4, 15))
    two = write(tmp_path / "b.fits", 5000.0, 30, (5015.0, 5030.0), (12, 25))
    n = combine_cubes([one, two], tmp_path / "out.fits")
    cube = open_cube(tmp_path / "out.fits", "")
    assert wavelengths(cube)[[0, -1]].tolist() == [5006.25, 5028.75]
    assert n == cube.shape[0] == 19
    assert np.isfinite(cube.read(slice(0, n)).data).all()


def test_a_gap_is_warned_of(tmp_path, caplog):
    one = write(tmp_path / "a.fits", 5000.0, 30, (4000.0, 5010.0))
    two = write(tmp_path / "b.fits", 5000.0, 30, (5015.0, 9000.0))
    assert combine_cubes([one, two], tmp_path / "out.fits") == 30
    assert "planes 9 to 13" in caplog.text


def test_a_cube_is_seen_through_filters(tmp_path):
    cube = write(tmp_path / "cube.fits", 5400.0, 160)
    names = filter_cube(
        cube, static_path("FILTER_LIST"), ["white", "Johnson_V", "no"], (5450.0, 5500.0)
    )
    assert names == [
        "cube_white.fits", "cube_Johnson_V.fits", "cube_CUSTOM_5450.000_5500.000.fits"
    ]  # fmt: skip
    image = fits.getdata(tmp_path / names[2], "DATA")
    assert np.allclose(image[0], 5475 + np.arange(NX), rtol=1e-6)
    with fits.open(static_path("FILTER_LIST")) as units:
        band = units["Johnson_V"].data
    wave = 5400 + STEP * np.arange(160)
    weight = np.interp(wave, band["lambda"], band["throughput"])
    header = fits.getheader(tmp_path / names[1], "DATA")
    assert fits.getdata(tmp_path / names[1], "DATA")[2, 3] == pytest.approx(
        np.average(wave + 3, weights=weight), rel=1e-6
    )
    assert header["CRVAL1"] == 10.0 and "CRVAL3" not in header


def test_images_are_appended_to_the_cube(tmp_path):
    cube = write(tmp_path / "cube.fits", 5400.0, 160)
    assert filter_cube(cube, static_path("FILTER_LIST"), ["white"], append=True) == [
        "white"
    ]
    with fits.open(cube, checksum=True) as units:
        units.verify("exception")
        assert [u.name.lower() for u in units] == ["primary", "data", "stat", "white"]
        assert np.allclose(units[3].data[0, 0], units["DATA"].data[:, 0, 0].mean())
    assert open_cube(cube, "").shape == (160, NY, NX)
