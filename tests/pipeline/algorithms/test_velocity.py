"""Tests of the velocity of the telescope, against astropy."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from pipeline.algorithms.velocity import LIGHT_SPEED, stretch, velocity
from pipeline.spec import BadInput

DAY = 86400.0

PLACES = [(-70.4045, -24.6268, 2648.0), (149.07, -31.27, 1165.0), (-155.47, 19.83, 4160.0)]
DATES = [56700.3, 58000.2, 58090.31, 59300.9, 61286.18]
TARGETS = [(53.16, -27.79), (187.7, 12.4), (266.4, -29.0), (310.0, -60.0)]


def header(mjd=58000.2, place=PLACES[0], target=TARGETS[0], exptime=0.0):
    longitude, latitude, height = place
    return {
        "MJD-OBS": mjd,
        "EXPTIME": exptime,
        "RA": target[0],
        "DEC": target[1],
        "ESO TEL GEOLON": longitude,
        "ESO TEL GEOLAT": latitude,
        "ESO TEL GEOELEV": height,
    }


@pytest.fixture(autouse=True)
def no_download():
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        yield


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mjd", DATES)
@pytest.mark.parametrize("target", TARGETS)
def test_agrees_with_astropy(mjd, place, target):
    longitude, latitude, height = place
    where = EarthLocation.from_geodetic(longitude, latitude, height * units.m)
    when = Time(mjd, format="mjd", scale="utc")
    source = SkyCoord(*target, unit="deg")
    words = header(mjd, place, target)
    for frame, kind in (("bary", "barycentric"), ("helio", "heliocentric")):
        speed = source.radial_velocity_correction(kind, obstime=when, location=where)
        assert velocity(words, frame) == pytest.approx(speed.to_value("km/s"), abs=1e-4)
    _, motion = where.get_gcrs_posvel(when)
    expected = source.icrs.cartesian.dot(motion).to_value("km/s")
    assert velocity(words, "geo") == pytest.approx(float(expected), abs=1e-4)


def test_rising_targets_are_approached():
    """On the equator half of the sky comes nearer by up to 0.465 km/s."""
    rising = header(58000.0, (0.0, 0.0, 0.0), (0.0, 0.0))
    speeds = [velocity(rising | {"RA": float(ra)}, "geo") for ra in range(0, 360, 15)]
    sidereal = Time(58000.0, format="mjd", location=(0, 0)).sidereal_time("apparent").deg
    hours = np.radians(sidereal - np.arange(0, 360, 15))
    np.testing.assert_allclose(speeds, -0.4651 * np.sin(hours), atol=0.002)


def test_the_middle_of_the_exposure_counts():
    assert velocity(header(58000.2, exptime=7200.0), "bary") == pytest.approx(
        velocity(header(58000.2 + 3600.0 / DAY), "bary"), abs=1e-9
    )
    assert abs(velocity(header(exptime=7200.0), "geo") - velocity(header(), "geo")) > 0.01


def test_without_frame_nothing_is_needed():
    assert velocity({}, "none") == 0.0


@pytest.mark.parametrize("keyword", ["RA", "DEC", "MJD-OBS"])
def test_a_missing_keyword_is_named(keyword):
    words = header()
    del words[keyword]
    with pytest.raises(BadInput, match=keyword):
        velocity(words, "bary")


def test_paranal_stands_in_for_a_missing_place():
    words = header()
    for name in ("GEOLON", "GEOLAT", "GEOELEV"):
        del words[f"ESO TEL {name}"]
    assert velocity(words, "bary") == pytest.approx(velocity(header(), "bary"), abs=1e-4)


@pytest.mark.parametrize("speed", [-30.0, 0.0, 21.1])
def test_stretch_is_the_doppler_factor(speed):
    """A source at rest seen while we approach appears too blue: wavelengths grow."""
    first_order = 1.0 + speed / LIGHT_SPEED
    assert stretch(speed) == pytest.approx(first_order, abs=1e-8)
    assert stretch(speed) * stretch(-speed) == pytest.approx(1.0, abs=1e-15)
