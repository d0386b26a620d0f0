"""Process flags: is the product what its exposures allow? Computed from the data.

Every function takes numbers and returns a `ProcessFlag`; sources are section "process
QC" of the design facts (ESO's MUSE IDP quality pages) and, where they give no number,
our own choice, named here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, log, sqrt
from statistics import median

from qc.flags import SATURATED_PIXELS
from qc.scores import Verdict
from qc.trend import MAD_TO_SIGMA, Trend, robust_trend

N_MAD = 5.0
"""Distance from a relation that is flagged [MAD]."""

OH_FREE = ((5405.0, 5505.0), (6030.0, 6130.0), (6640.0, 6740.0))
"""Windows of 100 Angstrom between the OH bands 9-2, 8-2, 9-3, 6-1 and 7-2, without any
line in the shipped SKY_LINES, and seen by both instrument sizes (ours)."""

NEGATIVE_SIGMA = 5.0
NEGATIVE_LIMIT = 1e-3
"""Fraction of voxels below -5 sigma that is flagged (ours).

STAT follows the counts of each pixel, so low ones carry too small a sigma: good simulated
exposures of some 20 counts a pixel have 2 to 3.5e-4, one with a saturated star 1.7e-3.
"""

COSMIC_POISSON = 5.0
"""Odd counts must also be this many Poisson standard deviations off (ours)."""

COSMIC_TRACK = 10.0
"""Pixels that come together: a track has some, and the noise of their number grows with
its length (ours: mean of the squared lengths over the mean length)."""

COSMIC_FLOOR = 0.1
"""Relative difference between exposures that is never flagged (ours)."""

SNR_FLOOR = 0.1
"""Difference in ln(SNR) from the month that is never flagged (ours)."""

DEPTH_FLOOR = 0.5
"""Difference in limiting magnitude from the month that is never flagged [mag]: the field
is rougher by a factor of 1.6 (ours; the brightness of sources moves it by 0.2)."""

CLOSENESS_LIMIT = 0.05
"""Association score below which a product is flagged: three cadences away (ours)."""


@dataclass(frozen=True, slots=True)
class ProcessFlag:
    """Verdict of one check of a product, with the number and what it was held against."""

    name: str
    verdict: Verdict
    value: float | None
    limit: float | None
    text: str


def saturation(pixels_per_input: Mapping[str, int]) -> ProcessFlag:
    """Check the saturated raw pixels, summed over the IFUs, of each input exposure."""
    if not pixels_per_input:
        return ProcessFlag("SATURATION", "unknown", None, None, "no raw input was counted")
    name, worst = max(pixels_per_input.items(), key=lambda item: (item[1], item[0]))
    verdict: Verdict = "green" if worst < SATURATED_PIXELS else "red"
    text = f"{worst} saturated pixels in {name} (limit {SATURATED_PIXELS})"
    return ProcessFlag("SATURATION", verdict, float(worst), float(SATURATED_PIXELS), text)


def missing_sky(is_object: bool, has_sky: bool) -> ProcessFlag:
    """Check whether an object has a dedicated sky exposure."""
    good = has_sky or not is_object
    text = "has a dedicated sky exposure" if good else "no dedicated sky exposure"
    return ProcessFlag("MISSING_SKY", "green" if good else "red", None, None, text)


def negative_counts(fraction: float) -> ProcessFlag:
    """Check the fraction of finite voxels below -5 sigma (sigma from STAT)."""
    verdict: Verdict = "green" if fraction <= NEGATIVE_LIMIT else "red"
    text = f"{fraction:.2e} of the voxels are below -5 sigma (limit {NEGATIVE_LIMIT:g})"
    return ProcessFlag("NEGATIVE_COUNTS", verdict, fraction, NEGATIVE_LIMIT, text)


def calibration_distance(closeness: float, level: int, name: str) -> ProcessFlag:
    """Check a product's association score and the worst level of its calibrations."""
    good = closeness >= CLOSENESS_LIMIT and level <= 1
    text = f"closeness {closeness:.3f} set by {name}, worst level {level}"
    return ProcessFlag(
        "CALIB_DISTANCE", "green" if good else "red", closeness, CLOSENESS_LIMIT, text
    )


def cosmics_per_ccd(
    rejected: Mapping[int, int], exptime_s: float
) -> tuple[ProcessFlag, dict[int, float]]:
    """Check that all IFUs of an exposure have alike numbers of rejected pixels.

    Parameters
    ----------
    rejected : mapping of int to int
        Pixels rejected as cosmic rays before combination, by IFU.
    exptime_s : float
        Exposure time [s].

    Returns
    -------
    flag : ProcessFlag
        Red when an IFU is beyond 5 MAD of the others, and beyond the noise of tracks.
    rates : dict of int to float
        Rejected pixels per CCD and 1000 s.
    """
    if not rejected or exptime_s <= 0:
        return ProcessFlag("COSMICS_IFU", "unknown", None, None, "not counted"), {}
    rates = {ifu: 1000.0 * n / exptime_s for ifu, n in sorted(rejected.items())}
    if len(rates) < 3:
        text = "too few IFUs to compare"
        return ProcessFlag("COSMICS_IFU", "unknown", None, None, text), rates
    middle = median(rates.values())
    mad = median(abs(rate - middle) for rate in rates.values())
    pixels = max(middle * exptime_s / 1000.0, 1.0)
    noise = COSMIC_POISSON * sqrt(COSMIC_TRACK * pixels) * 1000.0 / exptime_s
    allowed = max(N_MAD * mad, noise)
    worst = max(rates, key=lambda ifu: (abs(rates[ifu] - middle), -ifu))
    verdict: Verdict = "green" if abs(rates[worst] - middle) <= allowed else "red"
    text = (
        f"IFU {worst}: {rates[worst]:.0f} pixels per 1000 s,"
        f" all: {middle:.0f} +- {allowed:.0f} allowed"
    )
    return ProcessFlag("COSMICS_IFU", verdict, rates[worst], allowed, text), rates


def cosmics_per_exposure(
    rate: float, trend: Trend | None, ccd_ks: float = inf
) -> ProcessFlag:
    """Check the rate of an exposure [pixels per CCD and 1000 s] against the month's.

    ``ccd_ks``: number of CCDs times exposure time [1000 s]; what the noise of the tracks
    expected in them explains is not flagged.
    """
    floor = 0.0
    if trend is not None:
        pixels = max(trend.median * ccd_ks, 1.0)
        noise = COSMIC_POISSON * sqrt(COSMIC_TRACK * pixels) / ccd_ks
        floor = max(COSMIC_FLOOR * abs(trend.median), 0.0 if ccd_ks == inf else noise)
    text = f"{rate:.0f} rejected pixels per CCD and 1000 s"
    return _against("COSMICS", rate, trend, floor, text)


def expected_snr(
    source_e: float, sky_e: float, n_pixels: float, ron_e: float, correlation: float = 1.0
) -> float:
    """Return the signal-to-noise ratio that the detected electrons allow.

    Parameters
    ----------
    source_e, sky_e : float
        Detected electrons C of the source and C_sky of the background [count].
    n_pixels : float
        Detector pixels that contribute.
    ron_e : float
        Read-out noise of a pixel [count].
    correlation : float
        Inverse of the noise factor of the resampling for the aperture: voxels share noise
        with their neighbours, so a sum is noisier than its variances say.
    """
    variance = source_e + sky_e + n_pixels * ron_e**2
    return correlation * source_e / sqrt(variance) if variance > 0 else 0.0


def snr_relation(pairs: Sequence[tuple[float, float]]) -> Trend | None:
    """Return the month's relation: trend of ln(measured / expected SNR).

    ``pairs`` are measured and expected SNR of products of the same mode and NCOMBINE.
    """
    return robust_trend(_log_ratio(measured, expected) for measured, expected in pairs)


def snr_against_counts(
    measured: float, expected: float, relation: Trend | None
) -> ProcessFlag:
    """Check the measured SNR against what the counts allow, relative to the month."""
    ratio = _log_ratio(measured, expected)
    text = f"SNR {measured:.2f}, the counts allow {expected:.2f}"
    return _against("SNR_COUNTS", ratio, relation, SNR_FLOOR, text)


def depth_against_variance(
    measured: float, expected: float, relation: Trend | None
) -> ProcessFlag:
    """Check the depth that the data show against the one that their variance promises.

    Parameters
    ----------
    measured, expected : float
        5-sigma limits of a point source [mag]: from the scatter of the white-light image,
        and from the variance with the noise factors of its aperture and planes.
    relation : Trend, optional
        The month's differences for products of the same mode and NCOMBINE.
    """
    text = f"limit {measured:.2f} mag, the variance promises {expected:.2f}"
    return _against("DEPTH", measured - expected, relation, DEPTH_FLOOR, text)


def _log_ratio(measured: float, expected: float) -> float:
    """Return the logarithm of a ratio of SNRs; infinite where one is not positive."""
    return log(measured / expected) if measured > 0 and expected > 0 else -inf


def _against(
    name: str, value: float, trend: Trend | None, floor: float, text: str
) -> ProcessFlag:
    """Flag a number beyond 5 MAD, and beyond ``floor``, of its trend."""
    if trend is None:
        return ProcessFlag(name, "unknown", value, None, f"{text}; no trend yet")
    limit = max(N_MAD * trend.sigma / MAD_TO_SIGMA, floor)
    off = abs(value - trend.median)
    verdict: Verdict = "green" if isfinite(value) and off <= limit else "red"
    return ProcessFlag(
        name, verdict, value, limit, f"{text} ({off:.3g} off, {limit:.3g} allowed)"
    )
