"""Read-out noise of the four ports from differences of bias exposures."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Quadrant, size_of
from pipeline.kernels.read_noise import difference_histogram
from pipeline.spec import RawFrame, blocks

CLIP_SIGMA = 5.0
"""Differences beyond this are cosmic rays, not noise."""

_HALF = 256
_N_BANDS = 8
_ROWS = 32


class ReadNoise(NamedTuple):
    """Noise of one port and its error, and its level, all in adu.

    ``levels``: median of the light-sensitive part, by exposure.
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
        By port. The error is the scatter between parts of the port and pairs.
    """
    return [_port_noise(raws, port) for port in size_of(raws[0].shape).quadrants()]


def _port_noise(raws: Sequence[RawFrame], port: Quadrant) -> ReadNoise:
    """Measure one port on bands of rows spread over it."""
    n_rows = port.raw_y.stop - port.raw_y.start
    step = n_rows // _N_BANDS
    variances: list[float] = []
    levels: list[list[float]] = [[] for _ in raws]
    for band in range(_N_BANDS):
        histograms = np.zeros((len(raws) - 1, 2 * _HALF + 1), np.int64)
        start = port.raw_y.start + band * step
        for rows in blocks(step // 2, _ROWS):
            there = slice(start + rows.start, start + rows.stop)
            _count(raws, port, there, histograms, levels)
        variances += [_clipped_variance(histogram) / 2 for histogram in histograms]
    noise = float(np.sqrt(np.mean(variances)))
    scatter = float(np.std(variances, ddof=1)) if len(variances) > 1 else 0.0
    error = scatter / np.sqrt(len(variances)) / (2 * noise) if noise > 0 else 0.0
    return ReadNoise(noise, float(error), tuple(float(np.median(v)) for v in levels))


def _count(
    raws: Sequence[RawFrame],
    port: Quadrant,
    rows: slice,
    histograms: NDArray[np.int64],
    levels: list[list[float]],
) -> None:
    """Add some rows to the histograms of all pairs; note the median of each exposure."""
    counts = [raw.read(rows, port.raw_x) for raw in raws]
    middle = [float(np.median(c[::8, ::2])) for c in counts]
    for noted, level in zip(levels, middle, strict=True):
        noted.append(level)
    for k, (first, second) in enumerate(pairwise(counts)):
        shift = round(middle[k] - middle[k + 1])
        difference_histogram(first, second, 0, first.shape[1], shift, histograms[k])


def _clipped_variance(histogram: NDArray[np.int64]) -> float:
    """Return the variance of counted differences without far outliers."""
    value = np.arange(len(histogram)) - len(histogram) // 2
    keep = np.ones(len(histogram), bool)
    variance = 0.0
    for _ in range(10):
        n = histogram[keep].sum()
        if n < 2:
            return 0.0
        mean = float((histogram * value)[keep].sum() / n)
        variance = float((histogram * (value - mean) ** 2)[keep].sum() / (n - 1))
        limit = CLIP_SIGMA * np.sqrt(variance) + 1
        closer = np.abs(value - mean) <= limit
        if (closer == keep).all():
            break
        keep = closer
    return variance
