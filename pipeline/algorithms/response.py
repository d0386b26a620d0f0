"""From the spectrum of a standard star to response and telluric absorption."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.smooth import Method, smooth_spectrum, window_limits
from pipeline.instrument import DISPERSION
from pipeline.kernels.spectrum import running_medians
from pipeline.spec import BadInput, Columns

Array = NDArray[np.float64]

BLUE_LIMIT = {"WFM-NOAO-N": 4750.0, "WFM-AO-N": 4690.0}
"""Bluer light is cut off by a filter in these modes [Angstrom] (MUSE user manual)."""

FIRST, LAST = 4150.0, 9800.0
"""Range to which response curves are extended [Angstrom]; all that MUSE can record."""

N_EXTENSION = 100
"""Points added at either end."""

END_WIDTH = 150.0
"""Data that the linear extensions follow [Angstrom] (genuine pipeline)."""

STEEPEST = 0.005
"""Slope of the extensions at most [mag/Angstrom] (ours); MUSE itself stays below 0.003."""

LEAST_SIGNAL, SIGNAL_REACH = 3.0, 15.0
"""Median signal-to-noise ratio of the points within a distance [Angstrom] below which a
point says nothing about the response (ours)."""

KAPPA = 3.0
"""Rejection in the fits across telluric bands [rms]."""

ERROR_LIMITS = (1e-4, 0.1)
"""Smallest and largest error given to telluric factors (genuine pipeline)."""

AREA = 483250.7
"""Effective area of a VLT unit telescope [cm**2] (genuine pipeline)."""

PHOTON = 1.98644586e-8
"""Planck's constant times the speed of light [erg Angstrom]."""


class TelluricBand(NamedTuple):
    """Absorption band and the surroundings that say what would be seen without [A]."""

    low: float
    high: float
    outer_low: float
    outer_high: float


TELLURIC_BANDS = (
    TelluricBand(6273.0, 6320.0, 6213.0, 6380.0),
    TelluricBand(6864.0, 6967.0, 6780.0, 7060.0),
    TelluricBand(7164.0, 7325.0, 7080.0, 7410.0),
    TelluricBand(7590.0, 7704.0, 7490.0, 7800.0),
    TelluricBand(8085.0, 8386.0, 7980.0, 8500.0),
    TelluricBand(8917.6, 9800.0, 7720.0, 9800.0),
)
"""H2O, O2 B, H2O, O2 A, H2O, H2O. Deeper than 2 % at the resolution of MUSE, widened to
where they are shallower than 0.5 %, from a Paranal transmission model (SkyCalc, airmass 1,
3.5 mm of water)."""


@dataclass(frozen=True)
class Sensitivity:
    """A response curve, all float64[n].

    Attributes
    ----------
    wavelength
        [Angstrom].
    response, error
        ``2.5 log10((count/s/Angstrom)/(erg/s/cm**2/Angstrom))`` above the atmosphere.
    telluric
        Transmission of telluric bands at airmass 1; NaN outside them.
    lamp
        Part of the response that comes from the lamp spectrum that was put back into the
        data [mag]. Without it the response is smooth, whatever the instrument does, so
        that is what is fitted and smoothed.
    """

    wavelength: Array
    response: Array
    error: Array
    telluric: Array
    lamp: Array

    @property
    def throughput(self) -> Array:
        """Share of the photons above the atmosphere that are counted."""
        return throughput(self.wavelength, self.response)


def throughput(wavelength: Array, response: Array) -> Array:
    """Return the share of photons that are counted for a response [mag]."""
    return np.asarray(PHOTON / AREA / wavelength * 10 ** (0.4 * response))


def telluric_bands(columns: Columns | None) -> tuple[TelluricBand, ...]:
    """Return the bands of a TELLURIC_REGIONS table, without one `TELLURIC_BANDS`."""
    if columns is None:
        return TELLURIC_BANDS
    rows = zip(*(columns[name] for name in ("lmin", "lmax", "bgmin", "bgmax")), strict=True)
    return tuple(TelluricBand(*(float(value) for value in row)) for row in rows)


def sensitivity(
    wavelength: Array,
    flux: Array,
    variance: Array,
    reference: Columns,
    *,
    exptime: float,
    airmass: float,
    extinction: Columns | None,
    mode: str,
    lamp: Callable[[Array], Array] = np.ones_like,
) -> Sensitivity:
    """Compare the counts of a star with its tabulated flux.

    Parameters
    ----------
    wavelength, flux, variance : float64[n]
        Spectrum of the star [count per pixel of 1.25 Angstrom]; points that are not
        positive, without significant light around or bluer than the mode's filter are
        left out.
    reference
        ``lambda``, ``flux`` and perhaps ``fluxerr`` [erg/s/cm**2/Angstrom].
    exptime
        [s].
    airmass, extinction
        The atmosphere; ``extinction`` has ``lambda`` and ``extinction`` [mag/airmass].
    mode
        ``ESO INS MODE``.
    lamp
        The lamp spectrum that was put back into the data, as a function of wavelength.

    Raises
    ------
    BadInput
        If the star is too faint at all wavelengths.
    """
    table = np.asarray(reference["lambda"], np.float64)
    good = (flux > 0) & (variance > 0) & (wavelength >= BLUE_LIMIT.get(mode, 0.0))
    good &= (wavelength >= table[0]) & (wavelength <= table[-1])
    good &= _significant(wavelength, flux, variance)
    if not good.any():
        raise BadInput(
            f"its light is nowhere above {LEAST_SIGNAL:.0f} sigma",
            keyword="PIXTABLE_STD",
            remedy="leave this exposure out: the star missed the field or was too faint",
        )
    wavelength, flux, variance = wavelength[good], flux[good], variance[good]
    true = np.interp(wavelength, table, np.asarray(reference["flux"], np.float64))
    relative = variance / flux**2
    if "fluxerr" in reference:
        error = np.interp(wavelength, table, np.asarray(reference["fluxerr"], np.float64))
        relative = relative + (error / true) ** 2
    response = 2.5 * np.log10(flux / exptime / DISPERSION / true)
    if extinction is not None:
        response = response + airmass * np.interp(
            wavelength, extinction["lambda"], extinction["extinction"]
        )
    return Sensitivity(
        wavelength,
        response,
        2.5 / np.log(10) * np.sqrt(relative),
        np.full(wavelength.size, np.nan),
        2.5 * np.log10(np.maximum(lamp(wavelength), 1e-6)),
    )


def _significant(wavelength: Array, flux: Array, variance: Array) -> NDArray[np.bool_]:
    """Tell which points lie among others that show the star.

    Neighbours decide, not the point itself: to keep lucky points alone would make the
    response too high.
    """
    known = np.isfinite(flux) & (variance > 0)
    ratio = flux[known] / np.sqrt(variance[known])
    result = np.zeros(wavelength.size, np.bool_)
    limits = window_limits(wavelength[known], SIGNAL_REACH)
    result[known] = running_medians(ratio, *limits) >= LEAST_SIGNAL
    return result


def bridge_telluric(
    curve: Sensitivity, bands: Sequence[TelluricBand], airmass: float
) -> Sensitivity:
    """Separate telluric absorption from the response.

    Across each band the response is a parabola through its surroundings; a straight line
    where they lie on one side only and are shorter than the band. What is missing to it is
    absorption, taken to airmass 1.
    """
    x = curve.wavelength
    inside = np.zeros(x.size, np.bool_)
    for band in bands:
        inside |= (x >= band.low) & (x <= band.high)
    measured = curve.response - curve.lamp
    smooth, error, telluric = measured.copy(), curve.error.copy(), curve.telluric.copy()
    for band in bands:
        near = (x >= band.outer_low) & (x <= band.outer_high) & ~inside
        within = (x >= band.low) & (x <= band.high)
        if not within.any() or near.sum() < 5:
            continue
        both = (x[near] < band.low).any() and (x[near] > band.high).any()
        long = np.ptp(x[near]) > np.ptp(x[within])
        middle = 0.5 * (band.low + band.high)
        order = 2 if both or long else 1
        fit, rms = _clipped_polynomial(x[near] - middle, measured[near], order)
        smooth[within] = np.polyval(fit, x[within] - middle)
        error[within] = np.hypot(error[within], rms)
        seen = 10 ** (0.4 * (measured[within] - smooth[within]))
        telluric[within] = np.minimum(seen, 1.0) ** (1.0 / airmass)
    return replace(curve, response=smooth + curve.lamp, error=error, telluric=telluric)


def _clipped_polynomial(x: Array, y: Array, order: int) -> tuple[Array, float]:
    """Fit a polynomial with rejection; return coefficients and rms."""
    used = np.ones(x.size, np.bool_)
    for _ in range(10):
        fit = np.polyfit(x[used], y[used], order)
        residual = y - np.polyval(fit, x)
        rms = float(np.sqrt(np.mean(residual[used] ** 2)))
        keep = np.abs(residual) <= KAPPA * rms + 1e-12
        if keep.sum() < order + 3 or (keep == used).all():
            break
        used = keep
    return fit, rms


def extend(curve: Sensitivity) -> Sensitivity:
    """Continue the curve to `FIRST` and `LAST`: straight lines, times the lamp at the end.

    The lines follow the bare response over `END_WIDTH`, points weighted by their errors.

    Returns
    -------
    Sensitivity
        With `N_EXTENSION` points more at either end, whose errors double every 25 A.
    """
    x, bare = curve.wavelength, curve.response - curve.lamp
    parts = [curve]
    for end, near, beyond in (
        (0, x <= x[0] + END_WIDTH, np.linspace(FIRST, x[0], N_EXTENSION, endpoint=False)),
        (-1, x >= x[-1] - END_WIDTH, np.linspace(LAST, x[-1], N_EXTENSION, endpoint=False)),
    ):
        level, slope = _line(x[near] - x[end], bare[near], curve.error[near])
        distance = np.abs(beyond - x[end])
        lamp = np.full(N_EXTENSION, curve.lamp[end])
        error = float(np.median(curve.error[near])) * (1 + distance / 25.0)
        values = level + slope * (beyond - x[end]) + lamp
        nothing = np.full(N_EXTENSION, np.nan)
        parts.append(Sensitivity(beyond, values, error, nothing, lamp))
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("wavelength", "response", "error", "telluric", "lamp")
    ]
    order = np.argsort(columns[0], kind="stable")
    return Sensitivity(*(column[order] for column in columns))


def _line(x: Array, y: Array, error: Array) -> tuple[float, float]:
    """Return level at 0 and slope of a weighted line, no steeper than `STEEPEST`."""
    weight = 1.0 / np.maximum(error, 0.1 * np.median(error) + 1e-12) ** 2
    x0, y0 = np.average(x, weights=weight), np.average(y, weights=weight)
    spread = float(np.average((x - x0) ** 2, weights=weight))
    slope = float(np.average((x - x0) * (y - y0), weights=weight)) / max(spread, 1e-12)
    slope = float(np.clip(slope, -STEEPEST, STEEPEST))
    return float(y0 - slope * x0), slope


def response_table(curve: Sensitivity, method: Method, mode: str) -> dict[str, Array]:
    """Return the columns of STD_RESPONSE: the curve smoothed, and as measured.

    Smoothed first and extended then, so that the many points of the data cannot pull the
    few beyond their ends.
    """
    bare = curve.response - curve.lamp
    smooth = smooth_spectrum(curve.wavelength, bare, curve.error, method, mode)
    fine = extend(replace(curve, response=smooth.values + curve.lamp, error=smooth.errors))
    columns = {
        "lambda": fine.wavelength,
        "response": fine.response,
        "resperr": fine.error,
    }
    if method != "none":
        rough = extend(curve)
        columns["response_unsmoothed"] = rough.response
        columns["resperr_unsmoothed"] = rough.error
    columns["throughput"] = fine.throughput
    return columns


def telluric_table(curve: Sensitivity) -> dict[str, Array]:
    """Return the columns of STD_TELLURIC: the bands, with a 1 on either side of each."""
    known = np.isfinite(curve.telluric)
    beside = np.zeros(known.size, np.bool_)
    beside[1:] |= known[:-1]
    beside[:-1] |= known[1:]
    rows = known | beside
    factor = np.where(known, curve.telluric, 1.0)[rows]
    smallest, largest = ERROR_LIMITS
    return {
        "lambda": curve.wavelength[rows],
        "ftelluric": factor,
        "ftellerr": np.clip(1.0 - factor, smallest, largest),
    }


def zero_point(curve: dict[str, Array], reference: Columns, band: Columns) -> float:
    """Return the magnitude of the standard as counted minus its true one in a filter.

    Parameters
    ----------
    curve
        Columns ``lambda`` and ``throughput``.
    reference
        Columns ``lambda`` and ``flux`` of the star.
    band
        Columns ``lambda`` and ``throughput`` of the filter.
    """
    x = curve["lambda"]
    flux = np.interp(x, reference["lambda"], reference["flux"])
    weight = np.interp(x, band["lambda"], band["throughput"], left=0.0, right=0.0)
    seen = (curve["throughput"] * flux * weight).sum()
    return float(-2.5 * np.log10(seen / (flux * weight).sum()))
