"""Wavelengths in the rest frame of the Solar System.

The velocity of the telescope towards the target is computed by astropy, whose built-in
ephemeris is good to better than 1 m/s for this purpose.
"""

from typing import Literal

from pipeline.algorithms.pointing import HEIGHT, LATITUDE, LONGITUDE, number
from pipeline.spec import Header

Frame = Literal["bary", "helio", "geo", "none"]

SPECSYS = {"bary": "BARYCENT", "helio": "HELIOCEN", "geo": "GEOCENTR", "none": "TOPOCENT"}
LIGHT_SPEED = 299792.458
"""[km/s]"""


def velocity(header: Header, frame: Frame) -> float:
    """Return the velocity to be added to measured ones [km/s], at mid exposure.

    ``ESO TEL GEOLON`` is positive to the east, as its comment in raw frames says; the
    genuine pipeline takes it as positive to the west.
    """
    if frame == "none":
        return 0.0
    from astropy import units
    from astropy.coordinates import EarthLocation, SkyCoord
    from astropy.time import Time
    from astropy.utils import iers

    place = EarthLocation.from_geodetic(
        lon=number(header, "ESO TEL GEOLON", LONGITUDE) * units.deg,
        lat=number(header, "ESO TEL GEOLAT", LATITUDE) * units.deg,
        height=number(header, "ESO TEL GEOELEV", HEIGHT) * units.m,
    )
    middle = number(header, "MJD-OBS") + 0.5 * number(header, "EXPTIME", 0.0) / 86400.0
    target = SkyCoord(number(header, "RA") * units.deg, number(header, "DEC") * units.deg)
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        time = Time(middle, format="mjd", scale="utc")
        if frame != "geo":
            kind = {"bary": "barycentric", "helio": "heliocentric"}[frame]
            speed = target.radial_velocity_correction(kind, obstime=time, location=place)
            return float(speed.to_value("km/s"))
        _, motion = place.get_gcrs_posvel(time)
        direction = target.icrs.cartesian
        return float(direction.dot(motion).to_value("km/s"))


def stretch(speed: float) -> float:
    """Return the factor for wavelengths of a velocity [km/s]."""
    beta = speed / LIGHT_SPEED
    return float(((1.0 + beta) / (1.0 - beta)) ** 0.5)
