"""What is observed, when and how: the description of one simulated exposure."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal

import erfa

from pipeline.simulator.optics import Drift
from pipeline.simulator.scene import Scene

Kind = Literal[
    "BIAS",
    "DARK",
    "FLAT",
    "ARC",
    "SKYFLAT",
    "ILLUM",
    "STD",
    "SKY",
    "OBJECT",
    "ASTROMETRY",
    "MASK",
    "MASK_CHECK",
]

LATITUDE, LONGITUDE, ELEVATION = -24.627, -70.404, 2648.0
"""Place of UT4 [deg, deg east, m], as in the headers of MUSE."""


@dataclass(frozen=True)
class Pointing:
    """Where the header says that the field's centre is: ra, dec [deg].

    ``posang`` is INS DROT POSANG [deg]; in mode SKY the position angle of the field is
    its negative.
    """

    ra: float = 0.0
    dec: float = -30.0
    posang: float = 0.0


@dataclass(frozen=True)
class Conditions:
    """Atmosphere: seeing at zenith and 5000 Angstrom [arcsec], temperature [C],
    relative humidity [%], pressure [hPa], precipitable water [mm], transparency of
    clouds.
    """  # noqa: D205

    seeing: float = 0.75
    temperature: float = 12.0
    humidity: float = 15.0
    pressure: float = 743.0
    water: float = 2.5
    clouds: float = 1.0


@dataclass(frozen=True)
class Template:
    """A call of an observing template with ``nexp`` exposures."""

    id: str
    start: datetime
    expno: int = 1
    nexp: int = 1


@dataclass(frozen=True)
class ObservingBlock:
    """An OB and the programme to which it belongs."""

    id: int = 200000000
    name: str = "Calibration"
    prog_id: str = "60.A-9800(M)"
    target: str = "CALIBRATION"


@dataclass(frozen=True)
class Exposure:
    """One exposure of all IFUs.

    Parameters
    ----------
    kind
        Tag of the frame in the genuine pipeline.
    start
        Begin (UTC, with time zone).
    exptime
        [s].
    seed
        Decides all noise; the frame is a function of the exposure.
    lamp
        Arc lamp: Ne, Xe or HgCd.
    drift
        State of the instrument against its reference state.
    temperature
        INS TEMP4 VAL [C].
    error
        Pointing error: true minus header position of the field's centre, east and
        north [arcsec].
    rotation_error
        Derotator wobble: true minus header position angle of the field [deg].
    scene
        What is on the sky.
    mode
        INS MODE: nominal or extended wavelength range.
    readout
        DET READ CURID.
    dark_lamp
        The lamp has failed: the header says that it is on, but there is no light.
    truncated
        The file breaks off.
    guiding
        The slow guiding system is on: the file has its three extensions, too.
    mask
        Height of the multi-pinhole mask (MASK) as its drive tells it [mm], angle of the
        lines of the trace mask (MASK_CHECK) [deg].
    layout
        How the slicers are adjusted, see `Optics.rearranged`.
    """

    kind: Kind
    start: datetime
    exptime: float
    template: Template
    seed: int
    ob: ObservingBlock = field(default_factory=ObservingBlock)
    lamp: str = ""
    pointing: Pointing = field(default_factory=Pointing)
    conditions: Conditions = field(default_factory=Conditions)
    drift: Drift = field(default_factory=Drift)
    temperature: float = 12.0
    error: tuple[float, float] = (0.0, 0.0)
    rotation_error: float = 0.0
    scene: Scene = field(default_factory=Scene)
    mode: Literal["WFM-NOAO-N", "WFM-NOAO-E"] = "WFM-NOAO-N"
    readout: int = 1
    dark_lamp: bool = False
    truncated: bool = False
    guiding: bool = False
    mask: float = 0.0
    layout: int = 0

    @property
    def timestamp(self) -> str:
        """DATE-OBS."""
        return self.start.strftime("%Y-%m-%dT%H:%M:%S.%f")[:23]

    @property
    def file_name(self) -> str:
        """Name of the file in the archive, without compression."""
        return f"MUSE.{self.timestamp}.fits"

    @property
    def mjd(self) -> float:
        """MJD-OBS."""
        return (self.start - datetime(1858, 11, 17, tzinfo=UTC)) / timedelta(days=1)

    def sidereal_time(self, after_s: float = 0.0) -> float:
        """Return the local mean sidereal time [s] some seconds after the start."""
        days = self.mjd + after_s / 86400 - 51544.5
        degrees = 280.46061837 + 360.98564736629 * days + LONGITUDE
        return (degrees % 360) * 240

    @cached_property
    def _of_date(self) -> tuple[float, float]:
        """Right ascension and declination of the pointing on the date [rad]."""
        ra, dec = math.radians(self.pointing.ra), math.radians(self.pointing.dec)
        a, d, origins = erfa.atci13(ra, dec, 0, 0, 0, 0, 2400000.5, self.mjd)
        return float(a - origins), float(d)

    def hour_angle(self, after_s: float = 0.0) -> float:
        """Return the hour angle [rad], between -pi and pi."""
        angle = math.radians(self.sidereal_time(after_s) / 240) - self._of_date[0]
        return math.remainder(angle, 2 * math.pi)

    def altitude(self, after_s: float = 0.0) -> float:
        """Return the altitude [rad]."""
        dec, lat = self._of_date[1], math.radians(LATITUDE)
        h = self.hour_angle(after_s)
        sine = math.sin(lat) * math.sin(dec) + math.cos(lat) * math.cos(dec) * math.cos(h)
        return math.asin(sine)

    def azimuth(self, after_s: float = 0.0) -> float:
        """Return the azimuth [rad], from south over west."""
        dec, lat = self._of_date[1], math.radians(LATITUDE)
        h = self.hour_angle(after_s)
        return math.atan2(
            math.sin(h), math.cos(h) * math.sin(lat) - math.tan(dec) * math.cos(lat)
        ) % (2 * math.pi)

    def airmass(self, after_s: float = 0.0) -> float:
        """Return the airmass (Hardie 1962); not below an altitude of 10 degrees."""
        secant = 1 / math.sin(max(self.altitude(after_s), math.radians(10)))
        s = secant - 1
        return secant - 0.0018167 * s - 0.002875 * s**2 - 0.0008083 * s**3

    def parallactic_angle(self, after_s: float = 0.0) -> float:
        """Return the parallactic angle [rad]."""
        dec, lat = self._of_date[1], math.radians(LATITUDE)
        h = self.hour_angle(after_s)
        return math.atan2(
            math.sin(h), math.tan(lat) * math.cos(dec) - math.sin(dec) * math.cos(h)
        )

    @property
    def position_angle(self) -> float:
        """Position angle of the field on the sky [deg] as the header gives it."""
        return -self.pointing.posang
