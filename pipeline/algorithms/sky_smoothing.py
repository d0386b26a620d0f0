"""Noise taken out of a spectrum of the sky, and everything else left in it.

The continuum of the sky is what is left of an observed spectrum without its lines: with
all of that spectrum's noise, which the subtraction then puts into every pixel of a
wavelength alike, so that it does not average out over an aperture. Yet part of what is left
is real: lines that no list has, and what is wrong with the shapes of those that were
fitted. So the spectrum is taken apart by scales, and of each scale stays what stands out
of the known noise (the starlet transform: Starck, Murtagh and Bertero 2015, Handbook of
Mathematical Methods in Imaging, chapter 3).
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

N_SCALES = 6
"""Scales of 1, 2, ... 32 bins; what is wider stays in any case. With bins of 0.3 Angstrom
that is a continuum that changes over 30 Angstrom, as that of the fit of the lines."""

SIGNIFICANT = 4.0
"""Deviations of the noise from which a detail stays (ours): of pure noise one detail in
16,000 does, so of a spectrum of 15,000 bins hardly any."""

_B3 = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0


def without_noise(
    values: Array, variance: Array, expected: Array | float = 0.0
) -> tuple[Array, Array]:
    """Return a spectrum without details that noise can make, and the noise left in it.

    Parameters
    ----------
    values, variance : float64[n]
        Spectrum in bins whose noise is independent, and its variance; no gaps.
    expected : float64[n]
        Size of the details that are known to be there: where they are larger than the
        noise, all stays.

    Returns
    -------
    float64[n]
        The smooth spectrum and all details that stand out.
    float64[n]
        Its variance.
    """
    details, smooth = _scales(values)
    kernels, widest = _scales(_impulse())
    noise = _filtered(variance, widest)
    for detail, kernel in zip(details, kernels, strict=True):
        own = _filtered(variance, kernel)
        stays = np.abs(detail) > SIGNIFICANT * np.sqrt(own)
        stays |= expected > np.sqrt(own)
        smooth = smooth + np.where(stays, detail, 0.0)
        noise = noise + np.where(stays, own, 0.0)
    return smooth, noise


def _scales(values: Array) -> tuple[list[Array], Array]:
    """Return the details of each scale and what is left, which add up to the values."""
    details, smooth = [], values
    for scale in range(N_SCALES):
        step = 2**scale
        wide = np.pad(smooth, 2 * step, mode="reflect")
        n = smooth.size
        wider = sum(h * wide[k * step : k * step + n] for k, h in enumerate(_B3))
        details.append(smooth - wider)
        smooth = np.asarray(wider)
    return details, smooth


def _impulse() -> Array:
    """Return a single 1 in the middle of zeros that no scale reaches beyond."""
    reach = 2 * (2**N_SCALES - 1)
    impulse = np.zeros(2 * reach + 1)
    impulse[reach] = 1.0
    return impulse


def _filtered(variance: Array, kernel: Array) -> Array:
    """Return the variance of a spectrum convolved with a kernel, of odd length."""
    wide = np.pad(variance, kernel.size // 2, mode="reflect")
    return np.convolve(wide, kernel**2, mode="valid")
