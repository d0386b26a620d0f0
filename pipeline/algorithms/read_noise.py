"""Read-out noise of the four ports from differences of bias exposures."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.raw_levels import N_BANDS, bands
from pipeline.instrument import Quadrant, size_of
from pipeline.kernels.read_noise import difference_histogram
from pipeline.spec import RawFrame

CLIP_SIGMA = 3.0
"""Differences beyond this do not count: hot columns and cosmic rays add to the noise."""

_HALF = 256
_SHARE = 4
"""Of each band of rows one in so many is read: the noise is good to 0.05 % then."""

_NORMAL_MAD = 0.6745
"""Median absolute deviation of normal numbers, in their standard deviations."""


class ReadNoise(NamedTuple):
    """Noise of one port and its error, and its level, all in adu.

    ``levels``: median of some of the light-sensitive rows, by exposure.
    """

    noise: float
    error: float
    levels: tuple[float, ...]


def read_noise(raws: Sequence[RawFrame]) -> list[ReadNoise]:
    """Measure the read-out noise of each port.

    The variance of the difference of two exposures is twice that of one: structure of
    the bias, hot columns and the shape of the overscan fit drop out, and the rounding
    to whole adu is part of it, as it is part of the noise of every exposure.

    Parameters
    ----------
    raws
        Two or more biases of one IFU; each with the next one.

    Returns
    -------
    list of ReadNoise
        By port. The error comes from the scatter between bands of rows.
    """
    found = {}
    ports = size_of(raws[0].shape).quadrants()
    for first in {port.raw_y.start: port for port in ports}.values():  # of each half
        parts = bands(first, _SHARE)
        counts = [np.stack([raw.read(rows) for rows in parts]) for raw in raws]
        for port in ports:
            if port.raw_y == first.raw_y:
                found[port.number] = _port_noise(counts, port)
    return [found[port.number] for port in ports]


def _port_noise(counts: Sequence[NDArray[np.uint16]], port: Quadrant) -> ReadNoise:
    """Measure one port on bands of whole raw rows, uint16[n_bands, n_rows, nx] each."""
    columns = port.raw_x
    levels = tuple(float(np.median(c[:, ::2, columns][:, :, ::4])) for c in counts)
    variances = np.zeros((len(counts) - 1, N_BANDS))
    for k, (first, second) in enumerate(pairwise(counts)):
        shift = round(levels[k] - levels[k + 1])
        for band in range(N_BANDS):
            histogram = np.zeros(2 * _HALF + 1, np.int64)
            start, stop = columns.start, columns.stop
            difference_histogram(first[band], second[band], start, stop, shift, histogram)
            variances[k, band] = _clipped_variance(histogram) / 2
    by_band = variances.mean(axis=0)  # pairs share exposures, bands nothing
    noise = float(np.sqrt(by_band.mean()))
    error = float(by_band.std(ddof=1)) / math.sqrt(N_BANDS)
    return ReadNoise(noise, error / (2 * noise) if noise > 0 else 0.0, levels)


def _clipped_variance(histogram: NDArray[np.int64]) -> float:
    """Return the variance of the normal distribution that counted differences follow.

    Those beyond ``CLIP_SIGMA`` are left out; what normal numbers lose by that is put back.
    """
    half = len(histogram) // 2
    value = np.arange(len(histogram)) - half
    moments = np.cumsum([histogram, histogram * value, histogram * value**2], axis=1)
    if moments[0, -1] < 2:
        return 0.0
    mean, sigma = _rough(moments[0], half)
    for _ in range(50):
        middle, reach = round(mean), math.ceil(CLIP_SIGMA * sigma)
        first = min(max(middle - reach + half, 1), len(value) - 1)
        last = min(max(middle + reach + half, first), len(value) - 1)
        n, total, squares = (moments[:, last] - moments[:, first - 1]).tolist()
        if n < 2 or squares * n == total**2:
            return 0.0
        found = total / n
        low, high = (middle + side * (reach + 0.5) - mean for side in (-1, 1))
        shift, share = _cut_normal(low / sigma, high / sigma)
        old = sigma
        sigma = math.sqrt((squares - total * found) / (n - 1) / share)
        mean = found - shift * sigma
        if abs(sigma - old) < 1e-6 * sigma:
            break
    return sigma * sigma


def _rough(below: NDArray[np.int64], half: int) -> tuple[float, float]:
    """Return median and standard deviation, from the quartiles of cumulated counts."""
    ranks = [share * below[-1] for share in (0.25, 0.5, 0.75)]
    low, middle, high = np.searchsorted(below, ranks) - half
    return float(middle), max(float(high - low) / (2 * _NORMAL_MAD), 0.5)


def _cut_normal(low: float, high: float) -> tuple[float, float]:
    """Return mean and variance of standard normal numbers between two limits."""
    density = [math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi) for x in (low, high)]
    share = 0.5 * (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)))
    mean = (density[0] - density[1]) / share
    return mean, 1 + (low * density[0] - high * density[1]) / share - mean * mean
