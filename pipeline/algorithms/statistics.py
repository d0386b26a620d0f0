"""Statistics of whole images, gathered as their rows come by."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.statistics import add_to_statistics

FIRST, LAST, WIDTH = -1000.0, 85000.0, 0.5
"""Range and width of the histogram from which medians are taken [count]."""

_N_BINS = int((LAST - FIRST) / WIDTH)
_NOTHING = 0.0, 0.0, 0.0, np.inf, -np.inf


class ImageStatistics:
    """Mean, standard deviation, extremes and median of an image.

    The median is interpolated inside a bin of half a count.
    """

    def __init__(
        self,
        sums: NDArray[np.float64] | None = None,
        histogram: NDArray[np.int32] | None = None,
    ) -> None:
        self._sums = np.array(_NOTHING) if sums is None else sums
        self._histogram = np.zeros(_N_BINS, np.int32) if histogram is None else histogram

    def add(self, data: NDArray[np.float32]) -> None:
        """Take in some rows, float32[n_rows, nx]."""
        add_to_statistics(data, FIRST, WIDTH, self._sums, self._histogram)

    @property
    def n(self) -> int:
        """Number of pixels."""
        return int(self._sums[0])

    @property
    def mean(self) -> float:
        """Mean value."""
        return float(self._sums[1] / self._sums[0])

    @property
    def stdev(self) -> float:
        """Standard deviation."""
        n, total, squares = self._sums[:3]
        return float(np.sqrt(max(squares - total * total / n, 0.0) / (n - 1)))

    @property
    def median(self) -> float:
        """Median value."""
        return self.quantile(0.5)

    def quantile(self, part: float) -> float:
        """Return the value below which a part of the pixels lies."""
        below = np.cumsum(self._histogram, dtype=np.int64)
        rank = self.n * part
        k = int(np.searchsorted(below, rank))
        share = (rank - (below[k] - self._histogram[k])) / self._histogram[k]
        return float(np.clip(FIRST + WIDTH * (k + share), *self._sums[3:]))

    def keywords(self, *, flux: bool = False) -> Iterator[tuple[str, float]]:
        """Yield ``MEDIAN``, ``MEAN``, ``STDEV``, ``MIN``, ``MAX`` (and ``INTFLUX``)."""
        yield "MEDIAN", self.median
        yield "MEAN", self.mean
        yield "STDEV", self.stdev
        yield "MIN", float(self._sums[3])
        yield "MAX", float(self._sums[4])
        if flux:
            yield "INTFLUX", float(self._sums[1])


class StackStatistics:
    """Statistics of several images whose rows come by at the same time.

    Attributes
    ----------
    images : list of ImageStatistics
        Those of each image.
    sums, histograms : float64[n, 5], int32[n, n_bins]
        What they are made from, for kernels (see `add_to_statistics`).
    """

    def __init__(self, n: int) -> None:
        self.sums = np.tile(_NOTHING, (n, 1))
        self.histograms = np.zeros((n, _N_BINS), np.int32)
        pairs = zip(self.sums, self.histograms, strict=True)
        self.images = [ImageStatistics(sums, histogram) for sums, histogram in pairs]
