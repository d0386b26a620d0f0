"""From counts to physical fluxes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.pointing import airmass, number
from pipeline.kernels.spectrum import multiply_by_spectrum
from pipeline.spec import BadInput, Frames, Header, Input, Pixels, Table, param, table_of

UNIT = "10**(-20)*erg/s/cm**2/Angstrom"
"""Unit of flux-calibrated data."""

FLUX_UNIT = 1e-20
"""[erg/s/cm**2/Angstrom]"""

CALIBRATIONS = (
    Input("EXTINCT_TABLE", "table", n_max=1, per_ifu=False, doc="Extinction."),
    Input("STD_RESPONSE", "table", n_max=1, per_ifu=False, doc="Response curve."),
    Input(
        "STD_TELLURIC",
        "table",
        n_max=1,
        per_ifu=False,
        optional=True,
        doc="Telluric absorption.",
    ),
)
"""What a recipe takes whose purpose is to calibrate fluxes."""

LAMP_RESTORED = "ESO DRS MUSE FLUX FFCORR"
"""Keyword of products whose data contain the lamp-flat spectrum again."""

LARGEST = 100.0
"""Response beyond all sense [mag]; about 42 where MUSE is most sensitive."""

TELLURIC_GROWTH = 0.65
"""Power of the airmass with which the depth of telluric bands [mag] grows. Their lines are
narrower than MUSE resolves: weak ones grow with the airmass, saturated ones with its square
root. O2 A of the simulator, made of single lines: 0.60; O2 B 0.75; H2O 0.65 to 0.86."""

_FIRST, _LAST, _STEP = 4150.0, 9800.0, 0.25
_BIN = 1.25
"""Width of a pixel in wavelength [Angstrom]: the flat field makes it the same for all."""


def absorption_growth() -> Any:
    """Return the declaration of how telluric bands grow with airmass."""
    return param(
        TELLURIC_GROWTH,
        doc="Power of the airmass with which telluric absorption grows between standard "
        "star and exposure; 1 as in the genuine pipeline, too much for saturated bands.",
        gt=0,
        le=1,
    )


def telluric_power(mass: float, standard: Header, growth: float) -> float:
    """Return the power of the transmission at airmass 1 that is that of an exposure.

    Parameters
    ----------
    mass
        Airmass of the exposure.
    standard
        Header of the STD_TELLURIC, whose transmission was seen at the airmass of its star
        and taken to airmass 1 in proportion. Without an airmass that is all there is.
    growth
        Power of the ratio of airmasses with which the absorption grows.
    """
    if "ESO TEL AIRM START" not in standard:
        return mass
    seen = airmass(standard)
    return float(seen * (mass / seen) ** growth)


@dataclass(frozen=True)
class FluxCalibration:
    """The factor that turns counts of an exposure into flux.

    ``factor``: float64[n] [1e-20 erg/s/cm**2/Angstrom per count], at wavelengths 4150,
    4150.25 ... Angstrom. The errors of the response are common to all pixels and
    exposures, so they are not part of the variance.
    """

    factor: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        header: Header,
        response: Table,
        extinction: Table | None,
        telluric: Table | None,
        power: float | None = None,
    ) -> "FluxCalibration":
        """Return the calibration of an exposure.

        Parameters
        ----------
        header
            Of the exposure.
        response
            Columns lambda [Angstrom] and response
            [2.5*log10((count/s/Angstrom)/(erg/s/cm**2/Angstrom))].
        extinction
            Columns lambda [Angstrom] and extinction [mag/airmass].
        telluric
            Columns lambda [Angstrom] and ftelluric, the transmission at airmass 1.
        power
            Of ``ftelluric``, see `telluric_power`; without it the airmass.

        Raises
        ------
        BadInput
            If the exposure has no time or the response no sense.
        """
        exposure_time = number(header, "EXPTIME")
        if exposure_time <= 0:
            raise BadInput(
                f"{exposure_time} s cannot be calibrated in flux",
                file=str(header.get("ARCFILE", "")),
                keyword="EXPTIME",
                remedy="leave this exposure out or correct its exposure time",
            )
        mass = airmass(header)
        wavelength = np.arange(_FIRST, _LAST + _STEP, _STEP)
        sensitivity = _curve(wavelength, response, "response")
        _check_sensitivity(wavelength, sensitivity, response)
        magnitudes = -sensitivity
        if extinction is not None:
            magnitudes += mass * _curve(wavelength, extinction, "extinction")
        factor = 10.0 ** (0.4 * magnitudes) / (exposure_time * _BIN * FLUX_UNIT)
        if telluric is not None:
            transmission = _curve(wavelength, telluric, "ftelluric", outside=1.0)
            factor *= np.maximum(transmission, 1e-3) ** -(mass if power is None else power)
        return cls(factor)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return calibrated pixels."""
        multiply_by_spectrum(
            pixels.wavelength, pixels.data, pixels.stat, _FIRST, _STEP, self.factor
        )
        return pixels


def flux_step(
    header: Header, frames: Frames, *, lamp: bool, growth: float = TELLURIC_GROWTH
) -> tuple[FluxCalibration, ...]:
    """Return the flux calibration of an exposure by the inputs of a recipe, none or one.

    Parameters
    ----------
    header
        Of the exposure.
    frames
        STD_RESPONSE, EXTINCT_TABLE and STD_TELLURIC, as far as there are any.
    lamp
        Whether the lamp spectrum was put back into the exposure.
    growth
        Power of the airmass with which telluric absorption grows.
    """
    if not frames.get("STD_RESPONSE"):
        return ()
    response = frames["STD_RESPONSE"][0]
    check_response(header, response.header, response.name, lamp=lamp)
    extinction, telluric = (
        table_of(frames, tag) for tag in ("EXTINCT_TABLE", "STD_TELLURIC")
    )
    power = None
    if telluric is not None:
        power = telluric_power(airmass(header), frames["STD_TELLURIC"][0].header, growth)
    return (FluxCalibration.of(header, response.read(), extinction, telluric, power),)


def _check_sensitivity(
    wavelength: NDArray[np.float64], sensitivity: NDArray[np.float64], response: Table
) -> None:
    """Refuse a response that no instrument can have."""
    worst = int(np.argmax(np.abs(sensitivity - np.median(sensitivity))))
    if not np.isfinite(sensitivity).all() or abs(sensitivity[worst]) > LARGEST:
        raise BadInput(
            f"is {sensitivity[worst]:.0f} mag at {wavelength[worst]:.0f} Angstrom",
            file=str(response.header.get("PIPEFILE", "")),
            keyword="response",
            remedy="derive STD_RESPONSE again, or give that of another standard star",
        )


def check_response(header: Header, response: Header, name: str, *, lamp: bool) -> None:
    """Refuse a response curve that does not belong to the data.

    Parameters
    ----------
    header, response
        Keywords of the exposure and of the response.
    name
        File name of the response, for messages.
    lamp
        Whether the lamp spectrum was put back into the exposure; a response then has it
        too (`LAMP_RESTORED`).

    Raises
    ------
    BadInput
        If the instrument modes differ, or only one of them has the lamp spectrum.
    """
    if bool(response.get(LAMP_RESTORED, False)) != lamp:
        raise BadInput(
            f"is made {'without' if lamp else 'with'} the lamp-flat spectrum, the exposure "
            f"comes {'with' if lamp else 'without'} it",
            file=name,
            keyword=LAMP_RESTORED,
            remedy="reduce standard star and exposure with the same pipeline version",
        )
    mode, own = header.get("ESO INS MODE"), response.get("ESO INS MODE")
    if mode and own and mode != own:
        raise BadInput(
            f"is of mode {own}, the exposure of {mode}",
            file=name,
            keyword="ESO INS MODE",
            remedy=f"give the STD_RESPONSE of a standard star in mode {mode}",
        )


def _curve(
    wavelength: NDArray[np.float64], table: Table, column: str, outside: float | None = None
) -> NDArray[np.float64]:
    """Interpolate a column; beyond its ends it keeps its last value, or is ``outside``."""
    if "lambda" not in table.columns or column not in table.columns:
        raise BadInput(
            f"has no columns lambda and {column}",
            file=str(table.header.get("PIPEFILE", "")),
            keyword="TTYPE1",
            remedy="give the product of muse_standard or the shipped static table",
        )
    x = np.asarray(table.columns["lambda"], np.float64)
    y = np.asarray(table.columns[column], np.float64)
    good = np.isfinite(y)
    return np.asarray(np.interp(wavelength, x[good], y[good], left=outside, right=outside))
