"""Tests of the velocity of the telescope, against vectors put together here."""

import erfa
import numpy as np
import pytest

from pipeline.algorithms.velocity import LIGHT_SPEED, stretch, velocity
from pipeline.spec import BadInput

DAY = 86400.0
AU = 149597870.7
EARTH_TURN = 7.292115e-5
"""[rad/s]"""

PLACES = [(-70.4045, -24.6268, 2648.0), (149.07, -31.27, 1165.0), (-155.47, 19.83, 4160.0)]
DATES = [58000.2, 58090.31, 59300.9, 61286.18]
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


def vectors(mjd, place):
    """Motion of the Earth around barycentre and Sun, and of the place [km/s]."""
    heliocentric, barycentric = erfa.epv00(2400000.5, mjd + 69.184 / DAY)
    around = [pv["v"] * AU / DAY for pv in (barycentric, heliocentric)]
    longitude, latitude, height = place
    x, y, z = erfa.gd2gc(1, np.radians(longitude), np.radians(latitude), height) / 1000.0
    turn = erfa.gst06a(2400000.5, mjd, 2400000.5, mjd + 69.184 / DAY)
    here = np.array(
        [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), z]
    )
    of_date = np.cross([0.0, 0.0, EARTH_TURN], here)
    return *around, erfa.pnm06a(2400000.5, mjd + 69.184 / DAY).T @ of_date


def towards(target):
    ra, dec = np.radians(target)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mjd", DATES)
@pytest.mark.parametrize("target", TARGETS)
def test_equals_the_projected_motion(mjd, place, target):
    barycentric, heliocentric, turning = vectors(mjd, place)
    n = towards(target)
    words = header(mjd, place, target)
    assert velocity(words, "geo") == pytest.approx(turning @ n, abs=0.001)
    assert velocity(words, "helio") == pytest.approx(
        (heliocentric + turning) @ n, abs=0.005
    )
    assert velocity(words, "bary") == pytest.approx((barycentric + turning) @ n, abs=0.005)


def test_rising_targets_are_approached():
    rising = header(58000.0, (0.0, 0.0, 0.0), (0.0, 0.0))
    for ra in range(0, 360, 15):
        _, _, turning = vectors(58000.0, (0.0, 0.0, 0.0))
        words = rising | {"RA": float(ra)}
        expected = 0.4651 * np.cos(np.radians(ra) - np.arctan2(turning[1], turning[0]))
        assert velocity(words, "geo") == pytest.approx(expected, abs=0.002)


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
