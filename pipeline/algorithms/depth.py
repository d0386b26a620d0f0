"""How deep a cube is: its typical noise, limiting magnitude and signal-to-noise ratio.

The accumulators take a cube block by block, in any order and with the same result, so
that no cube need be held in memory. Values that are not finite are ignored.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

FLUX_UNIT = 1e-20
"""Unit of the data of a flux-calibrated cube [erg/s/cm**2/Angstrom]."""

SIGMA_TO_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
MAD_TO_SIGMA = 1.4826

_DROP = 13
_N_BINS = 0x7F800000 >> _DROP  # up to the bit pattern of infinity


class VarianceMode:
    """Most frequent variance of a cube, gathered in a fine logarithmic histogram.

    The bins are the leading 10 bits of the mantissa of float32, 0.05-0.1 % wide, from
    1e-38 to 3e38, so the mode is found wherever it lies; the histogram of the genuine
    pipeline ends at 25.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_N_BINS, dtype=np.int64)

    def add(self, stat: NDArray[np.float32]) -> None:
        """Take in some variances, float32[...] [(1e-20 erg/s/cm**2/Angstrom)**2].

        The bit patterns of positive floats are ordered as their values; those of NaN,
        infinity and negative numbers lie behind, and zero is bin 0.
        """
        bits = np.ascontiguousarray(stat, dtype=np.float32).ravel().view(np.uint32)
        self._counts += np.bincount(bits >> _DROP, minlength=_N_BINS)[:_N_BINS]

    def variance(self) -> float:
        """Return the mode of the variances; NaN when there is none.

        The density per ln(variance) is smoothed by a Gaussian of Silverman's width and
        converted to one per variance.
        """
        counts = self._counts.astype(np.float64)
        counts[0] = 0.0
        total = counts.sum()
        if total == 0:
            return float("nan")
        used = np.flatnonzero(counts)
        first, last = max(used[0] - 200, 1), min(used[-1] + 201, _N_BINS)
        counts = counts[first:last]
        quartiles = np.searchsorted(np.cumsum(counts), [0.25 * total, 0.75 * total])
        spread = float(quartiles[1] - quartiles[0]) / 1.349
        width = float(np.clip(0.9 * spread * total**-0.2, 1.0, 50.0))
        bits = np.arange(first, last + 1, dtype=np.uint32) << _DROP
        edges = bits.view(np.float32).astype(np.float64)
        middle = 0.5 * (edges[1:] + edges[:-1])
        per_log = counts / np.diff(np.log(edges))  # bins double in width at powers of two
        density = scipy.ndimage.gaussian_filter1d(per_log, width, mode="constant") / middle
        return float(middle[int(np.argmax(density))])


def pixel_noise(mode: VarianceMode) -> float:
    """Return PIXNOISE [erg/s/cm**2/Angstrom]: the square root of the modal variance."""
    return float(FLUX_UNIT * np.sqrt(mode.variance()))


class MeanImage:
    """Mean of a cube over wavelength, over the finite voxels of each spaxel."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._sum = np.zeros(shape, dtype=np.float64)
        self._n = np.zeros(shape, dtype=np.int64)

    def add(self, data: NDArray[np.float32]) -> None:
        """Take in some planes, float32[n, ny, nx] [1e-20 erg/s/cm**2/Angstrom]."""
        for plane in data:
            good = np.isfinite(plane)
            self._sum[good] += plane[good]
            self._n += good

    def image(self) -> NDArray[np.float64]:
        """Return the mean, float64[ny, nx]; NaN where no voxel is finite."""
        with np.errstate(invalid="ignore"):
            return np.where(self._n > 0, self._sum / np.maximum(self._n, 1), np.nan)


def limiting_magnitude(
    image: NDArray[np.float64], fwhm_pix: float, blue: float, red: float
) -> float:
    """Return ABMAGLIM, the 5-sigma AB magnitude limit of a point source [mag].

    Parameters
    ----------
    image : float64[ny, nx]
        Mean of the cube over wavelength [1e-20 erg/s/cm**2/Angstrom]; NaN outside.
    fwhm_pix : float
        Image quality SKY_RES [pix].
    blue, red : float
        Limits of the wavelength range [Angstrom].

    Returns
    -------
    float
        NaN when fewer than two pixels are finite or the image is constant.

    Notes
    -----
    As the ESO Science Data Products standard and ``hdrl_maglim`` define it: the image is
    smoothed by a Gaussian of the image quality; pixels fainter than the mode are taken
    as the faint half of the background, whose scatter is that of a half normal
    distribution; a point source spreads over 4 pi sigma**2 pixels.
    """
    smooth = _smooth(image, fwhm_pix / SIGMA_TO_FWHM)
    values = smooth[np.isfinite(smooth)]
    if values.size < 2:
        return float("nan")
    faint = values[values <= histogram_mode(values)]
    deviation = MAD_TO_SIGMA * float(np.median(np.abs(faint - np.median(faint))))
    if deviation <= 0:
        return float("nan")
    noise = deviation / np.sqrt(1.0 - 2.0 / np.pi)
    return limit_of_noise(noise * point_source_area(fwhm_pix), blue, red)


def point_source_area(fwhm_pix: float) -> float:
    """Return over how many pixels a point source spreads: those of the best aperture."""
    return float(4.0 * np.pi * (fwhm_pix / SIGMA_TO_FWHM) ** 2)


def limit_of_noise(noise: float, blue: float, red: float) -> float:
    """Return the 5-sigma AB magnitude limit [mag].

    Parameters
    ----------
    noise : float
        Error of the flux in the aperture of a point source [1e-20 erg/s/cm**2/Angstrom].
    blue, red : float
        Limits of the wavelength range [Angstrom].
    """
    zero_point = -2.5 * np.log10(3.34e4 * blue * red / 3631.0) - 2.5 * np.log10(FLUX_UNIT)
    return float(-2.5 * np.log10(5.0 * noise) + zero_point)


def _smooth(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Smooth by a Gaussian, mirrored at the edges; NaN carry no weight and stay NaN."""
    good = np.isfinite(image)
    weight = scipy.ndimage.gaussian_filter(good.astype(np.float64), sigma, mode="reflect")
    total = scipy.ndimage.gaussian_filter(np.where(good, image, 0.0), sigma, mode="reflect")
    return np.where(good, total / np.where(good, weight, 1.0), np.nan)


def histogram_mode(values: NDArray[np.float64]) -> float:
    """Return the mode: the vertex of a parabola over the fullest bin and its neighbours.

    The bins are twice as wide as Scott's rule, with the MAD for the standard deviation.
    """
    deviation = MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))
    low, high = float(values.min()), float(values.max())
    if deviation <= 0 or high <= low:
        return float(np.median(values))
    width = 2.0 * 3.49 * deviation / values.size ** (1.0 / 3.0)
    n_bins = min(int((high - low) / width) + 1, 1_000_000)
    counts, edges = np.histogram(values, bins=n_bins, range=(low, low + n_bins * width))
    peak = int(np.argmax(counts))
    before = float(counts[peak - 1]) if peak > 0 else 0.0
    after = float(counts[peak + 1]) if peak + 1 < n_bins else 0.0
    curvature = 2.0 * counts[peak] - before - after
    shift = 0.5 * (after - before) / curvature if curvature > 0 else 0.0
    return float(edges[peak] + (0.5 + shift) * width)


def der_snr(flux: NDArray[np.float64]) -> float:
    """Return the signal-to-noise ratio per pixel of a spectrum, from the spectrum alone.

    Parameters
    ----------
    flux : float64[n]
        Any unit; values that are not finite, and exact zeros, are left out.

    Returns
    -------
    float
        Median over noise; NaN with fewer than five values, infinite without noise.

    Notes
    -----
    DER_SNR of Stoehr et al. 2008 (ASPC 394, 505): the noise is 1.482602/sqrt(6) times
    the median of |2 f(i) - f(i-2) - f(i+2)|, unmoved by slopes and slow curvature. It
    does not use STAT. Noise correlated over two pixels or more is underestimated.
    """
    good = flux[np.isfinite(flux) & (flux != 0)].astype(np.float64)
    if good.size < 5:
        return float("nan")
    second = np.abs(2.0 * good[2:-2] - good[:-4] - good[4:])
    noise = 1.482602 / np.sqrt(6.0) * float(np.median(second))
    return float(np.median(good) / noise) if noise > 0 else float("inf")


class NegativeVoxels:
    """Fraction of voxels far below zero, in standard deviations."""

    def __init__(self, n_sigma: float = 5.0) -> None:
        self._n_sigma = n_sigma
        self._n_low = 0
        self._n = 0

    def add(self, data: NDArray[np.float32], stat: NDArray[np.float32]) -> None:
        """Take in some voxels: data and variance, float32[...] of one shape."""
        good = np.isfinite(data) & np.isfinite(stat) & (stat > 0)
        self._n += int(good.sum())
        self._n_low += int((data[good] < -self._n_sigma * np.sqrt(stat[good])).sum())

    def fraction(self) -> float:
        """Return the fraction; NaN when nothing was finite."""
        return self._n_low / self._n if self._n else float("nan")
