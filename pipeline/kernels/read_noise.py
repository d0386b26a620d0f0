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
