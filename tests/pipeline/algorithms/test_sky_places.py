"""Pointing, refraction, velocity, astrometry and grids against independent numbers."""

import numpy as np
import pytest
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from pipeline.algorithms.astrometry import apply, change_of_tangent
from pipeline.algorithms.dar import Refraction, refractive_index
from pipeline.algorithms.grid import Extent, forced_grid, natural_grid
from pipeline.algorithms.pointing import airmass, parallactic_angle, position_angle
from pipeline.algorithms.velocity import stretch, velocity
from pipeline.spec import BadInput
from tests.pipeline.sky_pixels import Sky, header

EXTENT = Extent((-30.0, 31.0), (-2.0, 2.5), (4749.7, 9349.0))
TANGENT = (53.1625, -27.791)


def test_airmass_lies_between_those_of_start_and_end():
    words = header(Sky())
    assert words["ESO TEL AIRM START"] < airmass(words) < words["ESO TEL AIRM END"]
    without = {k: v for k, v in words.items() if k != "LST"}
    assert airmass(without) == pytest.approx(1.165)
    with pytest.raises(BadInput, match="horizon"):
        airmass({**words, "LST": words["LST"] + 43200.0})


def test_angles():
    assert position_angle({"ESO INS DROT POSANG": 30.0}) == -30.0
    fixed = {"ESO INS DROT POSANG": 30.0, "ESO INS DROT MODE": "STAT"}
    assert position_angle(fixed) == 30.0
    across = {"ESO TEL PARANG START": 178.0, "ESO TEL PARANG END": -176.0}
    assert parallactic_angle(across) == pytest.approx(-179.0)


def test_refractive_index_of_standard_air():
    """Edlen's dry air at 15 deg C and 760 mmHg: 277.6e-6 at 5892 Angstrom."""
    index = refractive_index(np.array([5892.0]), 15.0, 760.0, 0.0)
    assert index[0] - 1 == pytest.approx(277.2e-6, abs=0.5e-6)


def test_refraction_moves_blue_light_most():
    shift = Refraction.of(header(Sky()), 7000.0)
    total = np.hypot(shift.shift_x, shift.shift_y)
    place = (7000 - 3500) // 10
    assert total[place] == pytest.approx(0.0, abs=1e-9)
    assert total[(4750 - 3500) // 10] > total[(9300 - 3500) // 10] > 0


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0, -21.097), (11, -21.114), (22, -21.131), (33, -21.147)]
)
def test_velocity_of_four_exposures(minutes, expected):
    """Computed apart, with the longitude positive to the east."""
    words = {**header(Sky()), "MJD-OBS": 59600.07 + minutes / 1440}
    assert velocity(words, "bary") == pytest.approx(expected, abs=0.01)


def test_velocity_frames():
    words = header(Sky())
    assert velocity(words, "none") == 0.0
    assert abs(velocity(words, "geo")) < 0.5
    assert abs(velocity(words, "bary") - velocity(words, "helio")) < 0.02
    assert stretch(299792.458e-4) == pytest.approx(1 + 1e-4, rel=1e-8)


def test_change_of_tangent_is_exact():
    there = (TANGENT[0] + 0.01, TANGENT[1] - 0.02)
    x, y = np.array([10.0, -25.0]), np.array([5.0, 28.0])
    u, v = apply(change_of_tangent(TANGENT, there), x, y)
    found = []
    for position, (a, b) in ((TANGENT, (x, y)), (there, (u, v))):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], position
        wcs.wcs.cdelt, wcs.wcs.crpix = [1 / 3600, 1 / 3600], [1.0, 1.0]
        found.append(wcs.wcs_pix2world(a, b, 0))
    assert_allclose(*found, atol=1e-9)


def test_natural_grid_holds_the_extent():
    grid = natural_grid(EXTENT, TANGENT, (0.2, 0.2), 1.25)
    assert grid.shape == (3681, 24, 306)
    wcs = WCS(grid.wcs())
    ra, dec, wave = wcs.wcs_pix2world(10.0, 3.0, 7.0, 0)
    assert_allclose(grid.sky(10.0, 3.0), (ra, dec), atol=1e-10)
    assert wave * 1e10 == pytest.approx(grid.wavelengths()[7])
    x, y = apply(grid.from_plane(TANGENT), np.array([31.0]), np.array([-2.0]))
    assert_allclose([x[0], y[0]], [0.0, 0.0], atol=1e-9)


def test_forced_grid():
    natural = natural_grid(EXTENT, TANGENT, (0.2, 0.2), 1.25)
    again = forced_grid(
        {**natural.wcs(), "NAXIS1": 306, "NAXIS2": 24, "NAXIS3": 3681}, "x.fits", natural
    )
    assert again.wcs() == natural.wcs() and again.shape == natural.shape
    logarithmic = forced_grid({**natural.wcs(), "CTYPE3": "AWAV-LOG"}, "x.fits", natural)
    waves = logarithmic.wavelengths()
    assert_allclose(np.diff(np.log(waves)), 1.25 / waves[0], rtol=1e-6)
    assert_allclose(
        logarithmic.plane(waves[::100]), np.arange(len(waves))[::100], atol=1e-2
    )
    with pytest.raises(BadInput, match="CTYPE1"):
        forced_grid({**natural.wcs(), "CTYPE1": "GLON-TAN"}, "x.fits", natural)
