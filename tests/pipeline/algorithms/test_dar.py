"""Tests of the refraction correction, against the simulated sky and another formula."""

from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.astrometry import default_solution, field_to_plane
from pipeline.algorithms.dar import Refraction, refractive_index
from pipeline.simulator.atmosphere import refraction
from pipeline.simulator.exposure import Exposure, Pointing, Template
from pipeline.spec import Pixels

WAVELENGTH = np.array([4750.0, 5400.0, 6200.0, 7000.0, 8100.0, 9300.0])


def exposure(ra, dec, posang, exptime=300.0):
    start = datetime(2026, 9, 3, 4, 20, tzinfo=UTC)
    pointing = Pointing(ra, dec, posang)
    return Exposure("OBJECT", start, exptime, Template("t", start), 1, pointing=pointing)


def header(seen):
    """What the telescope would write about the exposure."""
    air, angle = seen.conditions, seen.parallactic_angle
    return {
        "RA": seen.pointing.ra,
        "DEC": seen.pointing.dec,
        "LST": seen.sidereal_time(),
        "MJD-OBS": seen.mjd,
        "EXPTIME": seen.exptime,
        "ESO TEL GEOLAT": -24.627,
        "ESO TEL PARANG START": np.degrees(angle(0.0)),
        "ESO TEL PARANG END": np.degrees(angle(seen.exptime)),
        "ESO TEL AMBI TEMP": air.temperature,
        "ESO TEL AMBI RHUM": air.humidity,
        "ESO TEL AMBI PRES START": air.pressure,
        "ESO TEL AMBI PRES END": air.pressure,
        "ESO INS DROT MODE": "SKY",
        "ESO INS DROT POSANG": seen.pointing.posang,
    }


def shifts(words, wavelength=WAVELENGTH, reference=7000.0):
    """What the correction does to pixels at the origin."""
    n = len(wavelength)
    zero = [np.zeros(n, np.float32) for _ in range(4)]
    flags = np.zeros(n, np.uint32)
    pixels = Pixels(
        zero[0], zero[1], wavelength.astype(np.float32), zero[2], flags, zero[3], flags
    )
    moved = Refraction.of(words, reference)(pixels)
    return np.array([moved.xpos, moved.ypos], np.float64)


@pytest.mark.parametrize("posang", [0.0, 37.0, -120.0])
@pytest.mark.parametrize(("ra", "dec"), [(20.0, 5.0), (60.0, -70.0), (300.0, -30.0)])
def test_undoes_the_refraction_of_the_simulated_sky(ra, dec, posang):
    seen = exposure(ra, dec, posang)
    true = np.array(refraction(seen, WAVELENGTH))
    assert np.abs(true).max() > 0.5
    assert_allclose(shifts(header(seen)), -true, rtol=0.002, atol=0.001)  # airmass 2.3


@pytest.mark.parametrize("posang", [0.0, 90.0, 200.0])
def test_blue_light_is_moved_away_from_the_zenith(posang):
    """On the sky, the zenith lies at the parallactic angle from north over east."""
    words = header(exposure(20.0, 5.0, posang))
    matrix, _ = field_to_plane(words, default_solution(words), (0.0, 0.0))
    east, north = matrix[:2, :2] @ shifts(words)[:, 0]
    angle = np.radians(words["ESO TEL PARANG START"] + words["ESO TEL PARANG END"]) / 2
    assert np.hypot(east, north) > 0.3
    length = np.hypot(east, north)
    assert_allclose(
        [east, north], [-length * np.sin(angle), -length * np.cos(angle)], atol=5e-3
    )


def test_nothing_moves_at_the_reference_wavelength():
    words = header(exposure(20.0, 5.0, 10.0))
    for reference in (5000.0, 7000.0, 8005.0):
        at = shifts(words, np.array([reference]), reference)
        assert_allclose(at, 0.0, atol=3e-4)


def test_nothing_moves_in_the_zenith():
    words = {"RA": 10.0, "DEC": -24.625278, "LST": 2400.0, "ESO TEL PARANG START": 50.0}
    assert_allclose(shifts(words), 0.0, atol=1e-6)


def test_a_pixel_of_the_narrow_field_is_smaller():
    words = header(exposure(20.0, 5.0, 0.0))
    narrow = shifts(words | {"ESO INS MODE": "NFM-AO-N"})
    assert_allclose(narrow, 8.0 * shifts(words), rtol=1e-5, atol=1e-6)


def test_index_of_standard_air():
    """Peck & Reeder (1972) for dry air of 15 deg C and 1013.25 hPa."""
    s2 = (1e4 / WAVELENGTH) ** 2
    expected = 1e-8 * (5791817.0 / (238.0185 - s2) + 167909.0 / (57.362 - s2))
    found = refractive_index(WAVELENGTH, 15.0, 760.0, 0.0) - 1.0
    assert_allclose(found, expected, rtol=1e-4)


def test_no_pixels_stay_no_pixels():
    assert shifts(header(exposure(20.0, 5.0, 0.0)), np.empty(0)).shape == (2, 0)


def test_missing_weather_is_that_of_paranal():
    words = header(exposure(20.0, 5.0, 0.0))
    typical = words | {
        "ESO TEL AMBI TEMP": 11.5,
        "ESO TEL AMBI RHUM": 14.5,
        "ESO TEL AMBI PRES START": 743.0,
        "ESO TEL AMBI PRES END": 743.0,
    }
    bare = {k: v for k, v in words.items() if "AMBI" not in k}
    assert_array_equal(shifts(bare), shifts(typical))
