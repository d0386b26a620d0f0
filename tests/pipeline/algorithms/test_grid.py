"""Tests of the grid of a cube, against astropy's reading of its keywords."""

import numpy as np
import pytest
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from pipeline.algorithms.air import air_to_vacuum, vacuum_to_air
from pipeline.algorithms.astrometry import apply
from pipeline.algorithms.grid import Extent, Grid, forced_grid, natural_grid
from pipeline.spec import BadInput

TANGENT = (53.1625, -27.791)
EXTENT = Extent((-30.1, 29.7), (-4.0, 20.0), (4750.3, 9350.1))


KINDS = ("AWAV", "AWAV-LOG", "WAVE", "WAVE-LOG")


def turned(degrees, kind="AWAV"):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    cd = np.array([[c, -s], [s, c]]) @ np.diag([-0.2, 0.25]) / 3600.0
    logarithmic, vacuum = kind.endswith("LOG"), kind.startswith("WAVE")
    return Grid((40, 30, 50), TANGENT, (20.3, 11.7), cd, 4750.0, 1.25, logarithmic, vacuum)


def in_air(wavelength, kind):
    return vacuum_to_air(wavelength) if kind.startswith("WAVE") else wavelength


def astropy_wcs(grid):
    return WCS(
        {"NAXIS": 3}
        | {f"NAXIS{k}": n for k, n in enumerate(grid.shape[::-1], 1)}
        | grid.wcs()
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("angle", [0.0, 75.0])
def test_astropy_reads_the_same_places(angle, kind):
    grid = turned(angle, kind)
    wcs = astropy_wcs(grid)
    x, y, z = (
        np.array([0.0, 49.0, 13.2]),
        np.array([0.0, 29.0, 7.7]),
        np.array([0.0, 39.0, 5.5]),
    )
    ra, dec, wavelength = wcs.all_pix2world(x, y, z, 0)
    air = in_air(wavelength * 1e10, kind)
    assert_allclose(grid.wavelength(z), air, rtol=1e-12)
    assert_allclose(grid.plane(air), z, atol=1e-5)
    assert_allclose(
        [grid.sky(a, b) for a, b in zip(x, y, strict=True)],
        np.stack([ra, dec], 1),
        atol=1e-10,
    )


def test_from_plane_agrees_with_astropy_for_another_tangent_point():
    grid, there = turned(30.0), (53.17, -27.80)
    plane = WCS(naxis=2)
    plane.wcs.ctype, plane.wcs.crval = ["RA---TAN", "DEC--TAN"], there
    plane.wcs.crpix, plane.wcs.cd = [1.0, 1.0], np.eye(2) / 3600.0
    east, north = np.array([-10.0, 0.0, 25.0]), np.array([3.0, 0.0, -20.0])
    sky = plane.all_pix2world(east, north, 0)
    expected = astropy_wcs(grid).celestial.all_world2pix(*sky, 0)
    assert_allclose(apply(grid.from_plane(there), east, north), expected, atol=1e-5)


def test_natural_grid_just_holds_everything():
    grid = natural_grid(EXTENT, TANGENT, (0.2, 0.2), 1.25)
    corners = np.array([EXTENT.x[0], EXTENT.x[1]]), np.array([EXTENT.y[0], EXTENT.y[1]])
    x, y = apply(grid.from_plane(TANGENT), *corners)
    _, ny, nx = grid.shape
    assert_allclose(sorted(x), [0.0, nx - 1.0], atol=0.5)
    assert_allclose(sorted(y), [0.0, ny - 1.0], atol=0.5)
    assert x[0] > x[1] and y[0] < y[1], "east is left, north is up"
    assert grid.wavelengths()[0] == EXTENT.wavelength[0]
    assert 0.0 <= grid.wavelengths()[-1] - EXTENT.wavelength[1] < 1.25
    assert grid.spaxel == pytest.approx((0.2, 0.2))


def test_a_single_point_is_one_voxel():
    grid = natural_grid(
        Extent((1.0, 1.0), (2.0, 2.0), (5000.0, 5000.0)), TANGENT, (0.2, 0.2), 1.25
    )
    assert grid.shape == (1, 1, 1)
    assert_allclose(
        apply(grid.from_plane(TANGENT), np.array([1.0]), np.array([2.0])), 0.0, atol=1e-9
    )


def test_union_of_extents():
    other = Extent((-40.0, 0.0), (0.0, 25.0), (4700.0, 9000.0))
    assert (
        EXTENT | other
        == other | EXTENT
        == Extent((-40.0, 29.7), (-4.0, 25.0), (4700.0, 9350.1))
    )


def test_own_keywords_give_the_grid_back():
    for grid in (turned(10.0), *(turned(0.0, kind) for kind in KINDS)):
        words = grid.wcs() | {f"NAXIS{k}": n for k, n in enumerate(grid.shape[::-1], 1)}
        again = forced_grid(
            words, "wcs.fits", natural_grid(EXTENT, (0.0, 0.0), (0.2, 0.2), 1.25)
        )
        assert again.wcs() == pytest.approx(grid.wcs())
        assert again.shape == grid.shape


def test_forced_axis_may_begin_elsewhere():
    """CRPIX3 other than 1, linear and logarithmic, as astropy reads it."""
    for kind in KINDS:
        words = turned(0.0).wcs() | {
            "CTYPE3": kind,
            "CRPIX3": 11.0,
            "CRVAL3": 6000.0,
            "CD3_3": 2.0,
        }
        words |= {"NAXIS": 3, "NAXIS1": 50, "NAXIS2": 30, "NAXIS3": 100}
        grid = forced_grid(words, "wcs.fits", turned(0.0))
        expected = WCS(words).spectral.all_pix2world([0.0, 10.0, 99.0], 0)[0] * 1e10
        found = grid.wavelength(np.array([0.0, 10.0, 99.0]))
        assert_allclose(found, in_air(expected, kind), rtol=1e-9)
        words |= {"CUNIT3": "nm", "CRVAL3": 600.0, "CD3_3": 0.2}
        assert_allclose(forced_grid(words, "wcs.fits", turned(0.0)).first, grid.first)


@pytest.mark.parametrize("kind", KINDS)
def test_forced_grid_without_sizes_holds_the_data(kind):
    natural = natural_grid(EXTENT, TANGENT, (0.2, 0.2), 1.25)
    words = {"CTYPE3": kind, "CD1_1": -5e-5, "CD2_2": 5e-5}
    grid = forced_grid(words, "wcs.fits", natural)
    assert grid.shape[1:] == natural.shape[1:]
    assert grid.wavelengths()[0] == pytest.approx(natural.first, abs=1e-5)
    assert 0.0 <= grid.wavelengths()[-1] - EXTENT.wavelength[1] < 2.0
    assert grid.step == (1.25 / 1.6 if kind.endswith("LOG") else 1.25)
    assert forced_grid(words, "wcs.fits", natural, 2.0).step == 2.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"CTYPE1": "GLON-TAN"}, "not supported"),
        ({"CTYPE3": "VELO"}, "not supported"),
        ({"CUNIT1": "arcsec"}, "unit arcsec is not supported"),
        ({"CUNIT3": "Hz"}, "unit Hz is not supported"),
        ({"PC1_1": 1.0}, "PC1_1.*CDi_j"),
        ({"CD1_3": 1e-5}, "tilts"),
        ({"CD1_1": 0.0, "CD2_2": 0.0, "CD1_2": 0.0, "CD2_1": 0.0}, "no usable"),
    ],
)
def test_other_axes_are_refused(words, message):
    with pytest.raises(BadInput, match=message):
        forced_grid(turned(0.0).wcs() | words, "wcs.fits", turned(0.0))


def test_air_and_vacuum():
    """Morton (1991, ApJS 77, 119): H alpha and [OIII] 5007, within 0.02 Angstrom."""
    vacuum, air = np.array([6564.632, 5008.239]), np.array([6562.819, 5006.843])
    assert_allclose(vacuum_to_air(vacuum), air, atol=0.02)
    assert_allclose(air_to_vacuum(vacuum_to_air(vacuum)), vacuum, atol=1e-6)
