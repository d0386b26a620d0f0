"""Differential atmospheric refraction.

The atmosphere shifts the image of a source towards the zenith, the more the shorter the
wavelength. With the index of refraction of air the shift is taken out (Filippenko 1982,
PASP 94, 715), relative to a reference wavelength at which the telescope guided.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.pointing import (
    airmass,
    number,
    parallactic_angle,
    position_angle,
    spaxel,
)
from pipeline.kernels.field import shift_by_spectrum
from pipeline.spec import Header, Pixels

ARCSEC_PER_RADIAN = 206264.80625
MMHG_PER_HPA = 0.75006158

DAR_CHECK, DAR_CORRECTED = (
    "ESO DRS MUSE PIXTABLE DAR CHECK",
    "ESO DRS MUSE PIXTABLE DAR CORR",
)
"""Largest drift that was measured [arcsec], and the wavelength to which it was corrected
[Angstrom]."""

TEMPERATURE, HUMIDITY, PRESSURE = 11.5, 14.5, 743.0
"""Typical air of Paranal [deg C, %, hPa], where the header does not tell."""

_FIRST, _LAST, _STEP = 3500.0, 10500.0, 10.0
WAVELENGTHS = np.arange(_FIRST, _LAST + _STEP, _STEP)
"""At which `Refraction` holds its shifts [Angstrom]."""


def refractive_index(
    wavelength: NDArray[np.float64], temperature: float, pressure: float, vapour: float
) -> NDArray[np.float64]:
    """Return the index of refraction of air (Filippenko 1982, equations 1 to 3).

    Parameters
    ----------
    wavelength : float64[n]
        In vacuum or air [Angstrom]; the difference does not matter here.
    temperature
        [deg C].
    pressure, vapour
        Of the air and of the water vapour in it [mmHg].
    """
    inverse = (wavelength * 1e-4) ** -2.0
    dry = 64.328 + 29498.1 / (146.0 - inverse) + 255.4 / (41.0 - inverse)
    warm = 1.0 + 0.003661 * temperature
    dry *= pressure * (1.0 + (1.049 - 0.0157 * temperature) * 1e-6 * pressure)
    dry /= 720.883 * warm
    wet = (0.0624 - 0.000680 * inverse) / warm * vapour
    return np.asarray(1.0 + 1e-6 * (dry - wet))


def vapour_pressure(temperature: float, humidity: float) -> float:
    """Return the pressure of water vapour [hPa] (Buck 1981).

    Parameters
    ----------
    temperature
        [deg C].
    humidity
        Relative humidity [%].
    """
    saturated = 6.1121 * np.exp(17.502 * temperature / (240.97 + temperature))
    return float(humidity / 100.0 * saturated)


@dataclass(frozen=True)
class Refraction:
    """The shift of an exposure as a function of wavelength.

    ``shift_x``, ``shift_y``: float64[n] [pix], to be added to the field coordinates at
    `WAVELENGTHS`.
    """

    shift_x: NDArray[np.float64]
    shift_y: NDArray[np.float64]

    @classmethod
    def of(cls, header: Header, reference: float) -> "Refraction":
        """Return the refraction of an exposure against a reference wavelength [A]."""
        temperature = number(header, "ESO TEL AMBI TEMP", TEMPERATURE)
        humidity = number(header, "ESO TEL AMBI RHUM", HUMIDITY)
        start = number(header, "ESO TEL AMBI PRES START", PRESSURE)
        pressure = 0.5 * (start + number(header, "ESO TEL AMBI PRES END", start))
        air = (
            temperature,
            pressure * MMHG_PER_HPA,
            vapour_pressure(temperature, humidity) * MMHG_PER_HPA,
        )
        index = refractive_index(WAVELENGTHS, *air)
        guide = refractive_index(np.array([reference]), *air)
        # The airmass of a curved atmosphere: its zenith distance is too small by just what
        # the curvature takes off the refraction, 0.0012 / cos(z)**2.
        zenith_distance = np.arccos(1.0 / max(airmass(header), 1.0))
        towards_zenith = np.tan(zenith_distance) * ARCSEC_PER_RADIAN * (guide - index)
        angle = np.radians(parallactic_angle(header) + position_angle(header))
        pixels = towards_zenith / spaxel(header)
        return cls(-np.sin(angle) * pixels, np.cos(angle) * pixels)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return pixels where they would lie without differential refraction."""
        x, y = pixels.xpos, pixels.ypos
        shift_by_spectrum(
            pixels.wavelength, x, y, _FIRST, _STEP, self.shift_x, self.shift_y
        )
        return pixels
