"""Statistics of whole images, gathered as their rows come by."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.statistics import add_to_statistics

FIRST, LAST, WIDTH = -1000.0, 85000.0, 0.5
"""Range and width of the histogram from which medians are taken [count]."""


class ImageStatistics:
    """Mean, standard deviation, extremes and median of an image.

    The median is interpolated inside a bin of half a count.
    """

    def __init__(self) -> None:
        self._sums = np.array([0.0, 0.0, 0.0, np.inf, -np.inf])
        self._histogram = np.zeros(int((LAST - FIRST) / WIDTH), np.int64)

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
        below = np.cumsum(self._histogram)
        half = self.n / 2
        k = int(np.searchsorted(below, half))
        share = (half - (below[k] - self._histogram[k])) / self._histogram[k]
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
