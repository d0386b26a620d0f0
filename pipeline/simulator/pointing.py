"""Where the field lies on the sky and how fast the observer moves."""

import math
from typing import Any, TypeVar

import erfa
import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import SAMPLING
from pipeline.simulator.exposure import LATITUDE, Exposure

Floats = NDArray[np.float64]
Place = TypeVar("Place", float, NDArray[np.floating[Any]])

LIGHT_SPEED = 299792.458
"""[km/s]"""
_AU_PER_DAY = 149597870.7 / 86400
"""[km/s]"""


def true_centre(exposure: Exposure) -> tuple[float, float]:
    """Return where the field's centre really was: ra, dec [deg]."""
    east, north = exposure.error
    dec = exposure.pointing.dec + north / 3600
    return exposure.pointing.ra + east / 3600 / math.cos(math.radians(dec)), dec


def tangent(ra: float, dec: float, centre: tuple[float, float]) -> tuple[float, float]:
    """Return the gnomonic projection, east and north [arcsec], of a position [deg]."""
    a, d = math.radians(ra - centre[0]), math.radians(dec)
    d0 = math.radians(centre[1])
    below = math.sin(d0) * math.sin(d) + math.cos(d0) * math.cos(d) * math.cos(a)
    east = math.cos(d) * math.sin(a) / below
    north = math.cos(d0) * math.sin(d) - math.sin(d0) * math.cos(d) * math.cos(a)
    return math.degrees(east) * 3600, math.degrees(north / below) * 3600


def to_field(exposure: Exposure, east: Place, north: Place) -> tuple[Place, Place]:
    """Return the position x, y [pix of 0.2 arcsec] in the field of a tangent position.

    East is to the left at position angle 0; the field turns by the true angle.
    """
    angle = math.radians(exposure.position_angle + exposure.rotation_error)
    s, c = math.sin(angle), math.cos(angle)
    return (-c * east - s * north) / SAMPLING, (-s * east + c * north) / SAMPLING


def field_position(exposure: Exposure, ra: float, dec: float) -> tuple[float, float]:
    """Return where in the field [pix of 0.2 arcsec] a position [deg] is imaged."""
    return to_field(exposure, *tangent(ra, dec, true_centre(exposure)))


def velocity(exposure: Exposure) -> float:
    """Return the barycentric correction [km/s] to be added to measured velocities."""
    ra, dec = math.radians(exposure.pointing.ra), math.radians(exposure.pointing.dec)
    direction = (
        math.cos(dec) * math.cos(ra),
        math.cos(dec) * math.sin(ra),
        math.sin(dec),
    )
    middle = exposure.mjd + exposure.exptime / 172800
    earth = erfa.epv00(2400000.5, middle + 69.2 / 86400)[1]["v"]
    orbit = float(np.dot(direction, earth)) * _AU_PER_DAY
    hour_angle = exposure.hour_angle(exposure.exptime / 2)
    spin = 0.4651 * math.cos(math.radians(LATITUDE)) * math.cos(dec) * math.sin(hour_angle)
    return orbit - spin
