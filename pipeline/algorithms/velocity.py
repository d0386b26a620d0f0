"""Wavelengths in the rest frame of the Solar System.

The motions of the Earth and of the telescope are those of the SOFA routines (package
pyerfa), good to better than 1 m/s; the relativistic terms are those of Wright & Eastman
(2014, PASP 126, 838, equation 28).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.pointing import HEIGHT, LATITUDE, LONGITUDE, number
from pipeline.spec import Header

Frame = Literal["bary", "helio", "geo", "none"]
Vector = NDArray[np.float64]

SPECSYS = {"bary": "BARYCENT", "helio": "HELIOCEN", "geo": "GEOCENTR", "none": "TOPOCENT"}
LIGHT_SPEED = 299792.458
"""[km/s]"""

_MJD = 2400000.5
_DAY = 86400.0
_TT = 69.184
"""Terrestrial time minus UTC [s] since 2017; before, 1 or 2 s less, which is 1 cm/s."""
_AU = 149597870.7
"""[km] (IAU 2012)."""
_SUN, _EARTH = 1.32712440e11, 398600.44
"""GM of Sun and Earth [km**3/s**2] (IAU 2015)."""


def velocity(header: Header, frame: Frame) -> float:
    """Return the velocity to be added to measured ones [km/s], at mid exposure.

    ``ESO TEL GEOLON`` is positive to the east, as its comment in raw frames says; the
    genuine pipeline takes it as positive to the west.
    """
    if frame == "none":
        return 0.0
    import erfa

    exposed = number(header, "EXPTIME", 0.0) / _DAY
    middle = number(header, "MJD-OBS") + 0.5 * exposed
    ra, dec = np.radians([number(header, "RA"), number(header, "DEC")])
    towards = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    turning, radius = _telescope(header, middle)
    if frame == "geo":
        return float(towards @ turning)
    sun, barycentre = erfa.epv00(_MJD, middle + _TT / _DAY)
    motion = {"bary": barycentre, "helio": sun}[frame]["v"] * _AU / _DAY + turning
    speed = float(towards @ motion)
    if frame == "helio":
        return speed
    potential = _SUN / (_AU * float(np.linalg.norm(sun["p"]))) + _EARTH / radius
    lorentz = (1.0 - float(motion @ motion) / LIGHT_SPEED**2) ** -0.5
    ratio = lorentz * (1.0 + speed / LIGHT_SPEED) / (1.0 - potential / LIGHT_SPEED**2)
    return float((ratio - 1.0) * LIGHT_SPEED)


def _telescope(header: Header, mjd: float) -> tuple[Vector, float]:
    """Return the motion of the telescope about the Earth's centre and its distance.

    Returns
    -------
    float64[3]
        In the directions of the celestial reference system [km/s].
    float
        [km]
    """
    import erfa

    longitude = np.radians(number(header, "ESO TEL GEOLON", LONGITUDE))
    latitude = np.radians(number(header, "ESO TEL GEOLAT", LATITUDE))
    height = number(header, "ESO TEL GEOELEV", HEIGHT)
    turn = erfa.era00(_MJD, mjd)
    of_date = erfa.pvtob(longitude, latitude, height, 0.0, 0.0, 0.0, turn)
    motion = erfa.c2i06a(_MJD, mjd + _TT / _DAY).T @ of_date["v"] / 1000.0
    return np.asarray(motion, np.float64), float(np.linalg.norm(of_date["p"])) / 1000.0


def stretch(speed: float) -> float:
    """Return the factor for wavelengths of a velocity [km/s]."""
    beta = speed / LIGHT_SPEED
    return float(((1.0 + beta) / (1.0 - beta)) ** 0.5)
