import math
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.simulator.atmosphere import (
    extinction,
    molecular_transmission,
    refraction,
    seeing,
)
from pipeline.simulator.exposure import Exposure, Pointing, Template
from pipeline.simulator.pointing import field_position, to_field, velocity
from pipeline.simulator.sky import sky_lines, twilight

START = datetime(2022, 1, 21, 1, 40, 48, tzinfo=UTC)


def exposure(ra=53.1625, dec=-27.791, posang=0.0, start=START, **more):
    return Exposure(
        "OBJECT",
        start,
        600.0,
        Template("x", start),
        1,
        pointing=Pointing(ra, dec, posang),
        **more,
    )


def test_velocity_agrees_with_astropy():
    # radial_velocity_correction("barycentric") for this exposure: -21.097 km/s
    assert velocity(exposure()) == pytest.approx(-21.097, abs=0.02)


def test_blue_light_is_lifted_towards_the_zenith():
    low = exposure(ra=20.0)
    x, y = refraction(low, np.array([4800.0, 7000.0, 9000.0]))
    zenith = to_field(
        low, math.sin(low.parallactic_angle()), math.cos(low.parallactic_angle())
    )
    lift = x * zenith[0] + y * zenith[1]
    assert lift[0] > 0.5 > lift[1] == pytest.approx(0) and lift[2] < -0.1
    assert np.hypot(x, y)[0] * 5 == pytest.approx(abs(lift[0]), rel=0.02)


def test_refraction_grows_with_the_zenith_distance():
    at = np.array([4800.0])
    high, low = (np.hypot(*refraction(exposure(ra=ra), at))[0] for ra in (50.0, 0.0))
    assert low > 2 * high


def test_airmass_and_parallactic_angle_at_the_meridian():
    e = exposure(dec=0.0)
    for _ in range(3):  # right ascensions of J2000 and of the date differ
        e = exposure(ra=e.pointing.ra + math.degrees(e.hour_angle()), dec=0.0)
    assert e.airmass() == pytest.approx(1 / math.cos(math.radians(24.627)), abs=1e-3)
    assert abs(math.degrees(e.parallactic_angle())) == pytest.approx(180, abs=1e-6)


def test_molecules_are_as_deep_as_observed():
    wavelength = np.arange(7500.0, 7800.0, 0.125)
    taps = np.exp(-0.5 * (np.arange(-32, 33) * 0.125 / 1.1) ** 2)
    smooth = np.convolve(
        molecular_transmission(wavelength, 1.0, 3.5), taps / taps.sum(), "same"
    )
    assert smooth[100:-100].min() == pytest.approx(0.301, abs=0.01)


def test_extinction_falls_to_the_red_and_is_like_paranal():
    k = extinction(np.array([5000.0, 6000.0, 8000.0]))
    assert np.all(np.diff(k) < 0) and k[0] == pytest.approx(0.15, abs=0.02)


def test_seeing_is_better_in_the_red():
    blue, red = seeing(exposure(), np.array([4800.0, 9000.0]))
    assert 0.85 < red / blue < 0.95


@pytest.mark.parametrize("posang", [0.0, 90.0, 35.0])
def test_field_turns_against_the_derotator(posang):
    e = exposure(posang=posang, error=(0.0, 0.0))
    x, y = field_position(e, e.pointing.ra, e.pointing.dec + 2 / 3600)
    angle = math.radians(-posang)
    assert x * 0.2 == pytest.approx(-2 * math.sin(angle), abs=1e-5)
    assert y * 0.2 == pytest.approx(2 * math.cos(angle), abs=1e-5)


def test_pointing_error_displaces_sources():
    e = exposure(error=(1.0, -0.5))
    x, y = field_position(e, e.pointing.ra, e.pointing.dec)
    assert (x, y) == pytest.approx((5.0, 2.5), abs=1e-3)


def test_airglow_varies_in_groups():
    wavelength, first = sky_lines(1)
    _, second = sky_lines(2)
    ratio = first / second
    oxygen = [int(np.argmin(abs(wavelength - line))) for line in (6300.304, 6363.776)]
    assert ratio[oxygen[0]] == pytest.approx(ratio[oxygen[1]])
    assert ratio.std() > 0.03


def test_twilight_has_fraunhofer_lines():
    alpha, beside = twilight(np.array([6562.8, 6600.0]))
    assert alpha < 0.5 * beside
