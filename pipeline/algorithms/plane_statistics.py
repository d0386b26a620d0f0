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
    limits = np.array([np.inf, -np.inf])
    total, squares, n_column = np.zeros(nx), np.zeros(nx), np.zeros(nx, np.int64)
    rows, n_row = np.zeros(ny), np.zeros(ny, np.int64)
    histogram = np.zeros(_N_BINS, np.int64)
    describe_plane(
        data, start, stop, limits, total, squares, n_column, rows, n_row, histogram
    )
    n, mean = int(n_column.sum()), float(total.sum()) / max(int(n_column.sum()), 1)
    variance = (float(squares.sum()) - n * mean**2) / max(n - 1, 1)
    scatter = (squares - total**2 / np.maximum(n_column, 1)) / np.maximum(n_column - 1, 1)
    if n == 0:
        mean, variance, limits = np.nan, np.nan, np.full(2, np.nan)
    return PlaneStatistics(
        median=_median(data, start, stop, histogram) if n else np.nan,
        mean=mean,
        stdev=float(np.sqrt(np.maximum(variance, 0.0))),
        low=float(limits[0]),
        high=float(limits[1]),
        columns=total / np.where(n_column > 0, n_column, np.nan),
        scatter=np.sqrt(np.maximum(scatter, 0.0)),
        rows=rows / np.where(n_row > 0, n_row, np.nan),
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
