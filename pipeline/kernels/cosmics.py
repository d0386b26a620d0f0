"""Cosmic rays in single images, by the gap they leave in a histogram (Pych 2004)."""

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.kernels._jit import kernel

_GAPS = (701, 301, 132, 57, 23, 10, 4, 1)
_MOST_BINS = 1000
_COSMIC = np.uint32(Flag.COSMIC_RAY)


@kernel
def _spread(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    box: tuple[int, int, int, int],
    low: float,
    high: float,
) -> tuple[int, float, float]:
    """Return number, mean and standard deviation of good values between two limits."""
    n = 0
    total = 0.0
    squares = 0.0
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            if dq[y, x] == 0 and low < data[y, x] < high:
                n += 1
                total += data[y, x]
                squares += np.float64(data[y, x]) ** 2
    if n == 0:
        return 0, 0.0, 0.0
    mean = total / n
    return n, mean, np.sqrt(max(squares / n - mean * mean, 0.0))


@kernel
def gap_limit(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    box: tuple[int, int, int, int],
    threshold: float,
) -> float:
    """Return the count above which a box of the image holds cosmic rays.

    Parameters
    ----------
    data, dq : float32[ny, nx], uint32[ny, nx]
        Image [count] and flags; flagged pixels take no part.
    box : (int, int, int, int)
        First and last (exclusive) row, first and last (exclusive) column.
    threshold : float
        Width of the gap [standard deviations].

    Returns
    -------
    float
        Infinite where there is no gap.
    """
    n, mean, sigma = _spread(data, dq, box, -np.inf, np.inf)
    if n == 0 or not np.isfinite(sigma):
        return np.inf
    low, high = mean - threshold * sigma, mean + threshold * sigma
    n_inside, _, clipped = _spread(data, dq, box, low, high)
    if n_inside == 0:
        return np.inf
    values = np.empty(n, np.float32)
    k = 0
    least, most = np.float32(np.inf), np.float32(-np.inf)
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            if dq[y, x] == 0 and np.isfinite(data[y, x]):
                values[k] = data[y, x]
                least, most = min(least, values[k]), max(most, values[k])
                k += 1
    width = max(threshold * clipped, 1.0)
    if not may_have_gap(values, k, float(least), float(most), width):  # spares the sorting
        return np.inf
    _sort(values, k)
    mode = _mode(values, k)
    for i in range(1, k):
        if values[i - 1] >= mode and values[i] - values[i - 1] > width:
            return float(values[i - 1])
    return np.inf


@kernel
def may_have_gap(
    values: NDArray[np.float32], n: int, least: float, most: float, width: float
) -> bool:
    """Tell whether neighbours among the sorted ``values[:n]`` may be further apart.

    Values in one bin of a width lie closer than that, so only the ends of bins count.
    """
    step = (1.0 - 1e-6) * width
    if not most - least < _MOST_BINS * step:
        return True
    n_bins = int((most - least) / step) + 1
    low, high = np.full(n_bins, np.float32(np.inf)), np.full(n_bins, np.float32(-np.inf))
    for i in range(n):
        j = min(int((values[i] - least) / step), n_bins - 1)
        low[j], high[j] = min(low[j], values[i]), max(high[j], values[i])
    last = high[0]
    for j in range(1, n_bins):
        if high[j] > -np.inf:
            if low[j] - last > width:
                return True
            last = high[j]
    return False


@kernel
def _sort(values: NDArray[np.float32], n: int) -> None:
    """Sort ``values[:n]`` in place, with gaps by Ciura (2001)."""
    for gap in _GAPS:
        for i in range(gap, n):
            value = values[i]
            place = i
            while place >= gap and values[place - gap] > value:
                values[place] = values[place - gap]
                place -= gap
            values[place] = value


@kernel
def _mode(values: NDArray[np.float32], n: int) -> float:
    """Return the start of the fullest bin of one count in sorted ``values[:n]``."""
    best = 0
    mode = values[0]
    stop = 0
    for start in range(n):
        while stop < n and values[stop] - values[start] < 1.0:
            stop += 1
        if stop - start > best:
            best = stop - start
            mode = values[start]
    return float(mode)


@kernel
def flag_cosmics(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    box_x: int,
    box_y: int,
    n_passes: int,
    threshold: float,
) -> int:
    """Flag cosmic rays in overlapping boxes of an image.

    Parameters
    ----------
    data : float32[ny, nx]
        Image [count].
    dq : uint32[ny, nx]
        Flags; cosmic rays are added.
    box_x, box_y : int
        Size of the boxes [pix]; they overlap by half.
    n_passes : int
        Number of times the image is searched; ends early when nothing new is found.
    threshold : float
        Width of the gap between sky and cosmic rays [standard deviations].

    Returns
    -------
    int
        Number of pixels flagged.
    """
    ny, nx = data.shape
    n_flagged = 0
    for _ in range(n_passes):
        found = 0
        for top in range(0, max(ny - box_y // 2, 1), max(box_y // 2, 1)):
            y0 = max(min(top, ny - box_y), 0)
            for left in range(0, max(nx - box_x // 2, 1), max(box_x // 2, 1)):
                x0 = max(min(left, nx - box_x), 0)
                box = (y0, min(y0 + box_y, ny), x0, min(x0 + box_x, nx))
                limit = gap_limit(data, dq, box, threshold)
                if limit == np.inf:
                    continue
                for y in range(box[0], box[1]):
                    for x in range(box[2], box[3]):
                        if dq[y, x] == 0 and data[y, x] > limit:
                            dq[y, x] |= _COSMIC
                            found += 1
        n_flagged += found
        if found == 0:
            break
    return n_flagged
