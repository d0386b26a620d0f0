"""Cosmic rays in an overscan, by the gap they leave in its histogram (Pych 2004)."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

_LEVELS = 65536
"""Raw counts that a pixel can have."""


@kernel
def flag_gaps(
    pixels: NDArray[np.uint16],
    rejected: NDArray[np.bool_],
    box_x: int,
    box_y: int,
    n_passes: int,
    threshold: float,
) -> int:
    """Reject pixels above a gap in the counts of overlapping boxes.

    Parameters
    ----------
    pixels : uint16[ny, nx]
        Raw counts [adu].
    rejected : bool[ny, nx]
        Pixels that take no part; those above a gap are added.
    box_x, box_y : int
        Step of the boxes is half of this, they reach one pixel farther [pix].
    n_passes : int
        Number of searches; ends early when nothing new is found.
    threshold : float
        A gap has more empty counts than this [standard deviations].

    Returns
    -------
    int
        Number of pixels rejected.
    """
    ny, nx = pixels.shape
    counts = np.zeros(_LEVELS, np.int64)
    n_rejected = 0
    for _ in range(n_passes):
        found = 0
        for i in range(_n_boxes(nx, box_x)):
            x0, x1 = _box(i, nx, box_x)
            for j in range(_n_boxes(ny, box_y)):
                y0, y1 = _box(j, ny, box_y)
                part = pixels[y0:y1, x0:x1]
                found += _flag_box(part, rejected[y0:y1, x0:x1], threshold, counts)
        n_rejected += found
        if found == 0:
            break
    return n_rejected


@kernel
def _n_boxes(n: int, size: int) -> int:
    """Return how many boxes cover ``n`` pixels, one more at the end where it is needed."""
    step = max(size // 2, 1)
    whole = max((n - size) // step, 0)
    return int(whole + 1 + (whole * step + size + 1 < n))


@kernel
def _box(k: int, n: int, size: int) -> tuple[int, int]:
    """Return the first and the last (exclusive) pixel of a box."""
    start = k * max(size // 2, 1)
    if start > n - size:
        return max(n - size, 0), n
    return start, min(start + size + 1, n)


@kernel
def _flag_box(
    pixels: NDArray[np.uint16],
    rejected: NDArray[np.bool_],
    threshold: float,
    counts: NDArray[np.int64],
) -> int:
    """Reject the pixels of one box above a gap; ``counts`` is zero before and after."""
    ny, nx = pixels.shape
    low, high = _LEVELS, -1
    for y in range(ny):
        for x in range(nx):
            if not rejected[y, x]:
                value = int(pixels[y, x])
                counts[value] += 1
                low, high = min(low, value), max(high, value)
    if high < 0:
        return 0
    limit = low + _first_gap(counts[low : high + 1], threshold)
    counts[low : high + 1] = 0
    n = 0
    if limit < high:
        for y in range(ny):
            for x in range(nx):
                if not rejected[y, x] and pixels[y, x] > limit:
                    rejected[y, x] = True
                    n += 1
    return n


@kernel
def _first_gap(counts: NDArray[np.int64], threshold: float) -> int:
    """Return the first level of the gap above the mode; the number of levels if none.

    The deviation that the gap is compared with is that of the counts within ``threshold``
    deviations of the mean of all.
    """
    n_levels = len(counts)
    mean, sigma = _moments(counts, -np.inf, np.inf)
    _, sigma = _moments(counts, mean - threshold * sigma, mean + threshold * sigma)
    mode = 0
    for k in range(n_levels):
        if counts[k] > counts[mode]:
            mode = k
    start = mode
    for k in range(mode + 1, n_levels):
        if counts[k] > 0:
            if k - start - 1 > threshold * sigma:
                return start + 1
            start = k
    return n_levels


@kernel
def _moments(counts: NDArray[np.int64], low: float, high: float) -> tuple[float, float]:
    """Return mean and deviation of counted levels between two limits; NaN without any."""
    n, total, squares = 0, 0.0, 0.0
    for k in range(len(counts)):
        if low < k < high:
            n += counts[k]
            total += counts[k] * float(k)
            squares += counts[k] * float(k) ** 2
    if n == 0:
        return np.nan, np.nan
    mean = total / n
    return mean, np.sqrt(max(squares / n - mean * mean, 0.0))
