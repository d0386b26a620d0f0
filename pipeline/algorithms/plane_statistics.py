"""Statistics of an image in memory, the exact median among them, in two passes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.statistics import describe_plane, values_between

_N_BINS = 1 << 16
"""Bins by the upper half of the bits of a number."""


@dataclass(frozen=True)
class PlaneStatistics:
    """What an image or a part of it looks like, NaN left out.

    ``columns``, ``rows``: float64, mean of each column and of each row; ``scatter``:
    standard deviation of each column.
    """

    median: float
    mean: float
    stdev: float
    low: float
    high: float
    columns: NDArray[np.float64]
    scatter: NDArray[np.float64]
    rows: NDArray[np.float64]


def plane_statistics(
    data: NDArray[np.float32], columns: slice = slice(None)
) -> PlaneStatistics:
    """Measure an image.

    Parameters
    ----------
    data
        float32[ny, nx], contiguous.
    columns
        The part to measure.
    """
    start, stop, _ = columns.indices(data.shape[1])
    ny, nx = data.shape[0], stop - start
    sums = np.array([0.0, np.inf, -np.inf])
    total, squares, rows = np.zeros(nx), np.zeros(nx), np.zeros(ny)
    histogram = np.zeros(_N_BINS, np.int64)
    describe_plane(data, start, stop, sums, total, squares, rows, histogram)
    n = int(sums[0])
    if n == 0:
        nan = float("nan")
        return PlaneStatistics(nan, nan, nan, nan, nan, total, squares, rows)
    mean = float(total.sum() / n)
    variance = (float(squares.sum()) - n * mean**2) / max(n - 1, 1)
    scatter = (squares - total**2 / ny) / max(ny - 1, 1)
    return PlaneStatistics(
        median=_median(data, start, stop, histogram),
        mean=mean,
        stdev=float(np.sqrt(max(variance, 0.0))),
        low=float(sums[1]),
        high=float(sums[2]),
        columns=total / ny,
        scatter=np.sqrt(np.maximum(scatter, 0.0)),
        rows=rows / nx,
    )


def _median(
    data: NDArray[np.float32], start: int, stop: int, histogram: NDArray[np.int64]
) -> float:
    """Return the median: it is among the values of the bin or bins in the middle."""
    below = np.cumsum(histogram)
    n = int(below[-1])
    ranks = (n - 1) // 2, n // 2
    first, last = (int(np.searchsorted(below, rank, side="right")) for rank in ranks)
    found = np.empty(below[last] - below[first] + histogram[first], np.float32)
    values_between(data, start, stop, first, last, found)
    before = int(below[first] - histogram[first])
    places = [rank - before for rank in ranks]
    return float(np.partition(found, places)[places].mean(dtype=np.float64))
