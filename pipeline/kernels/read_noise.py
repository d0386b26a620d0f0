"""Differences of two bias exposures, counted."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def difference_histogram(
    first: NDArray[np.uint16],
    second: NDArray[np.uint16],
    start: int,
    stop: int,
    shift: int,
    histogram: NDArray[np.int64],
) -> None:
    """Count the differences of two exposures.

    Parameters
    ----------
    first, second : uint16[n_rows, nx]
        Raw counts of the same rows [adu].
    start, stop : int
        Columns to use.
    shift : int
        Difference of the levels, which is subtracted [adu].
    histogram : int64[2 half + 1]
        Number of pixels by difference, 0 in the middle; larger ones are left out.
    """
    half = len(histogram) // 2
    for y in range(first.shape[0]):
        for x in range(start, stop):
            place = np.int64(first[y, x]) - np.int64(second[y, x]) - shift + half
            if 0 <= place <= 2 * half:
                histogram[place] += 1


@kernel
def count_values(
    counts: NDArray[np.uint16],
    start: int,
    stop: int,
    first: NDArray[np.int64],
    histogram: NDArray[np.int64],
) -> None:
    """Count raw values, by exposure.

    Parameters
    ----------
    counts : uint16[n_frames, n_rows, nx]
        Raw counts [adu].
    start, stop : int
        Columns to use.
    first : int64[n_frames]
        Value that the first bin stands for [adu].
    histogram : int64[n_frames, n_bins]
        Number of pixels by value is added to it; the outermost bins take what lies
        beyond.
    """
    last = histogram.shape[1] - 1
    for i in range(counts.shape[0]):
        bins = histogram[i]
        for y in range(counts.shape[1]):
            row = counts[i, y, start:stop]
            for x in range(row.shape[0]):
                place = np.int64(row[x]) - first[i]
                bins[min(max(place, 0), last)] += 1
