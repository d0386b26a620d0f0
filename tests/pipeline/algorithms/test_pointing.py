"""Tests of the telescope's pointing as headers tell it."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from pipeline.algorithms.pointing import (
    airmass,
    number,
    parallactic_angle,
    position_angle,
    spaxel,
)
from pipeline.spec import BadInput

PARANAL = -24.625278


def header(hour_angle=0.0, dec=PARANAL, exptime=0.0):
    """A target at an hour angle [deg] at the start."""
    ra = 100.0
    lst = (ra + hour_angle) % 360.0 * 240.0
    return {"RA": ra, "DEC": dec, "LST": lst, "EXPTIME": exptime}


def secant(hour_angle, dec):
    """Plain vectors: the zenith and the target in hour angle and declination."""
    h, d, p = np.radians([hour_angle, dec, PARANAL])
    zenith = np.array([np.cos(p), 0.0, np.sin(p)])
    target = np.array([np.cos(d) * np.cos(h), np.cos(d) * np.sin(h), np.sin(d)])
    return 1.0 / (zenith @ target)


def test_zenith_has_airmass_one():
    assert airmass(header()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("dec", [-80.0, -30.0, 10.0])
@pytest.mark.parametrize("hour_angle", [-50.0, 0.0, 25.0])
def test_airmass_is_nearly_the_secant(hour_angle, dec):
    exact = secant(hour_angle, dec)
    corrected = exact * (1.0 - 0.0012 * (exact**2 - 1.0))
    assert airmass(header(hour_angle, dec)) == pytest.approx(corrected, rel=1e-9)


def test_a_long_exposure_has_its_mean_airmass():
    hour_angle, dec, exptime = 30.0, -40.0, 7200.0
    seconds = np.linspace(0.0, exptime, 2001)
    mean = np.mean([secant(hour_angle + s / 240.0, dec) for s in seconds])
    assert airmass(header(hour_angle, dec, exptime)) == pytest.approx(mean, abs=0.005)


@pytest.mark.parametrize(("ra", "dec"), [(20.0, 5.0), (310.0, -60.0), (40.0, -30.0)])
def test_positions_of_j2000_are_taken_to_the_date(ra, dec):
    """The whole transformation of astropy, aberration included, without an atmosphere."""
    place = EarthLocation.from_geodetic(-70.4022, PARANAL, 2648 * units.m)
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        time = Time(61286.2, format="mjd", location=place)
        lst = time.sidereal_time("apparent").hour * 3600.0
        frame = AltAz(obstime=time, location=place)
        exact = SkyCoord(ra, dec, unit="deg").transform_to(frame).secz.value
    corrected = exact * (1.0 - 0.0012 * (exact**2 - 1.0))
    words = {"RA": ra, "DEC": dec, "LST": lst, "MJD-OBS": 61286.2}
    assert airmass(words) == pytest.approx(corrected, rel=5e-4)
    without = {k: v for k, v in words.items() if k != "MJD-OBS"}
    assert airmass(without) != pytest.approx(corrected, rel=2e-3)


def test_east_and_west_are_alike():
    east, west = (airmass(header(h, -40.0)) for h in (-33.0, 33.0))
    assert east == pytest.approx(west, rel=1e-12)


@pytest.mark.parametrize("lost", ["RA", "DEC", "LST"])
def test_without_position_the_telescope_is_believed(lost):
    words = header() | {"ESO TEL AIRM START": 1.2, "ESO TEL AIRM END": 1.3}
    del words[lost]
    assert airmass(words) == pytest.approx(1.25)
    del words["ESO TEL AIRM END"]
    assert airmass(words) == pytest.approx(1.2)
    del words["ESO TEL AIRM START"]
    with pytest.raises(BadInput, match="AIRM START"):
        airmass(words)


def test_a_target_that_has_set_is_refused():
    with pytest.raises(BadInput, match="horizon"):
        airmass(header(120.0, 10.0))


def test_the_derotator_counts_backwards_on_the_sky():
    assert position_angle({"ESO INS DROT POSANG": 30.0}) == -30.0
    sky = {"ESO INS DROT POSANG": 30.0, "ESO INS DROT MODE": "SKY"}
    fixed = {"ESO INS DROT POSANG": 30.0, "ESO INS DROT MODE": "STAT"}
    assert (position_angle(sky), position_angle(fixed)) == (-30.0, 30.0)
    assert position_angle({}) == 0.0


@pytest.mark.parametrize(
    ("start", "end", "middle"),
    [
        (10.0, 20.0, 15.0),
        (170.0, -170.0, 180.0),
        (-179.0, 175.0, 178.0),
        (350.0, 4.0, -3.0),
    ],
)
def test_parallactic_angle_at_mid_exposure(start, end, middle):
    found = parallactic_angle({"ESO TEL PARANG START": start, "ESO TEL PARANG END": end})
    assert (found - middle) % 360.0 == pytest.approx(0.0, abs=1e-9)


def test_parallactic_angle_needs_its_start_only():
    assert parallactic_angle({"ESO TEL PARANG START": 33.0}) == pytest.approx(33.0)
    with pytest.raises(BadInput, match="PARANG START"):
        parallactic_angle({})


@pytest.mark.parametrize("value", [True, "12", None])
def test_what_is_no_number_is_named(value):
    words = {"ARCFILE": "MUSE.1.fits"} | ({} if value is None else {"LST": value})
    with pytest.raises(BadInput) as refusal:
        number(words, "LST")
    assert refusal.value.keyword == "LST" and refusal.value.file == "MUSE.1.fits"
    assert refusal.value.remedy


def test_sampling_of_the_modes():
    assert spaxel({"ESO INS MODE": "WFM-AO-N"}) == spaxel({}) == 0.2
    assert spaxel({"ESO INS MODE": "NFM-AO-N"}) == 0.025
