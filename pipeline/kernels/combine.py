"""Combination of short stacks of images, with a noise model for the rejection.

All kernels take part of a stack, [n_frames, ny, nx] in data, flags and variance. Values
with flags do not take part while there are others; where there are none, all do, and
the result carries all their flags.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

AVERAGE, MEDIAN, MINMAX, SIGCLIP, SCATTER = range(5)

_PIXELS = 512
"""Pixels of a row that are averaged at a time: with all frames they fit into the cache."""


@kernel
def combine(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    method: int,
    n_low: int,
    n_high: int,
    n_keep: int,
    low_sigma: float,
    high_sigma: float,
    efficiency: NDArray[np.float64],
    out: NDArray[np.float32],
    out_dq: NDArray[np.uint32],
    out_stat: NDArray[np.float32],
) -> None:
    """Combine a stack pixel by pixel.

    Parameters
    ----------
    data, dq, stat : float32, uint32, float32[n_frames, ny, nx]
        Values, their flags and variances.
    method : int
        ``AVERAGE``, ``MEDIAN``, ``MINMAX``, ``SIGCLIP`` (with a noise model) or
        ``SCATTER`` (clips in units of the scatter of the values themselves).
    n_low, n_high, n_keep : int
        Values that ``MINMAX`` rejects at either end, and how many it keeps at least.
    low_sigma, high_sigma : float
        Limits of ``SIGCLIP`` and ``SCATTER`` around the median.
    efficiency : float64[n_frames + 1]
        By the number of values: variance of the result over that of their mean.
    out, out_dq, out_stat : [ny, nx]
        Combined values, flags and variances.
    """
    n_frames, ny, nx = data.shape
    values = np.empty(n_frames)
    variances = np.empty(n_frames)
    agree = np.zeros(nx, np.bool_)
    limit = np.float32(np.inf)
    if method == SIGCLIP:  # a little less, since the quick test rounds
        least_sigma = min(low_sigma, high_sigma)
        limit = np.float32(0.999 * least_sigma**2 * _median_factor(n_frames))
    for y in range(ny):
        if method in (AVERAGE, SIGCLIP):
            _average_row(data, dq, stat, y, limit, agree, out, out_dq, out_stat)
        for x in range(nx):
            if agree[x]:
                continue
            n, flags = _gather(data, dq, stat, y, x, values, variances)
            low, high = 0, n
            if method == MEDIAN:
                low, high = (n - 1) // 2, n // 2 + 1
            elif method == MINMAX:
                low, high = _without_extremes(n, n_low, n_high, n_keep)
            elif method == SIGCLIP:
                low, high = _clip(values, variances, n, low_sigma, high_sigma)
            elif method == SCATTER:
                low, high = _clip_scatter(values, n, low_sigma, high_sigma)
            total = 0.0
            for k in range(low, high):
                total += values[k]
            out[y, x] = total / (high - low)
            out_dq[y, x] = flags
            if method in (MEDIAN, MINMAX):
                low, high = 0, n
            squares = 0.0
            for k in range(low, high):
                squares += variances[k]
            m = high - low
            out_stat[y, x] = squares / (m * m) * efficiency[m]


@kernel
def _median_factor(n: int) -> float:
    """Return the variance of a value's distance from the median, in its own variances.

    Of two values: the variance of their difference.
    """
    return 2.0 if n == 2 else 1.0 + 1.57 / n


@kernel
def _average_row(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    y: int,
    limit: np.float32,
    agree: NDArray[np.bool_],
    out: NDArray[np.float32],
    out_dq: NDArray[np.uint32],
    out_stat: NDArray[np.float32],
) -> None:
    """Average the pixels of a row of which no value can be rejected; mark them.

    These have no flags, and no value is farther than ``limit`` [least variances] from the
    median. Nearly all pixels are of this kind, and these loops are fast: some pixels of a
    row of all frames stay in the cache, and each loop is simple enough for the compiler to
    take several pixels at once.
    """
    n_frames, nx = data.shape[0], data.shape[2]
    total, squares = np.empty(_PIXELS), np.empty(_PIXELS)
    flags = np.empty(_PIXELS, np.uint32)
    least = np.empty(_PIXELS, np.float32)
    highest = np.empty(_PIXELS, np.float32)
    moved = np.empty(_PIXELS, np.float32)
    lowest = np.empty((n_frames // 2 + 1, _PIXELS), np.float32)
    for start in range(0, nx, _PIXELS):
        stop = min(start + _PIXELS, nx)
        total[:], squares[:], flags[:] = 0.0, 0.0, np.uint32(0)
        least[:], highest[:] = np.float32(np.inf), np.float32(-np.inf)
        lowest[:] = np.float32(np.inf)
        for i in range(n_frames):
            row = data[i, y, start:stop]
            _add_values(row, dq[i, y, start:stop], total, flags)
            _add_variances(stat[i, y, start:stop], squares, least)
            if limit < np.inf:
                _sort_in(row, i, moved, lowest, highest)
        lower, upper = lowest[(n_frames - 1) // 2], lowest[n_frames // 2]
        if n_frames == 2:  # two values are compared with each other
            upper = lower
        unflagged = agree[start:stop]
        for x in range(stop - start):
            unflagged[x] = flags[x] == 0
        if limit < np.inf:
            _judge(lowest[0], lower, upper, highest, least, limit, unflagged)
        _average(total, squares, n_frames, out[y, start:stop], out_stat[y, start:stop])
        out_dq[y, start:stop] = np.uint32(0)


@kernel
def _judge(
    lowest: NDArray[np.float32],
    lower: NDArray[np.float32],
    upper: NDArray[np.float32],
    highest: NDArray[np.float32],
    least: NDArray[np.float32],
    limit: np.float32,
    agree: NDArray[np.bool_],
) -> None:
    """Unmark the pixels that have a value too far from their median."""
    half = np.float32(0.5)
    for x in range(agree.shape[0]):
        centre = half * (lower[x] + upper[x])
        up, down = highest[x] - centre, centre - lowest[x]
        apart = up if up > down else down
        agree[x] &= apart * apart <= limit * least[x]


@kernel
def _average(
    total: NDArray[np.float64],
    squares: NDArray[np.float64],
    n_frames: int,
    out: NDArray[np.float32],
    out_stat: NDArray[np.float32],
) -> None:
    """Turn sums into means and their variances."""
    for x in range(out.shape[0]):
        out[x] = total[x] / n_frames
    for x in range(out.shape[0]):
        out_stat[x] = squares[x] / (n_frames * n_frames)


@kernel
def _add_values(
    row: NDArray[np.float32],
    row_dq: NDArray[np.uint32],
    total: NDArray[np.float64],
    flags: NDArray[np.uint32],
) -> None:
    """Add values and flags of some pixels to those of the frames before."""
    for x in range(row.shape[0]):
        total[x] += row[x]
    for x in range(row.shape[0]):
        flags[x] |= row_dq[x]


@kernel
def _add_variances(
    row: NDArray[np.float32], squares: NDArray[np.float64], least: NDArray[np.float32]
) -> None:
    """Add variances of some pixels, and keep the least ones."""
    for x in range(row.shape[0]):
        squares[x] += row[x]
    for x in range(row.shape[0]):
        least[x] = row[x] if row[x] < least[x] else least[x]


@kernel
def _sort_in(
    row: NDArray[np.float32],
    n_before: int,
    moved: NDArray[np.float32],
    lowest: NDArray[np.float32],
    highest: NDArray[np.float32],
) -> None:
    """Put values in their places among the lowest of each pixel; keep the highest ones."""
    first = lowest[0]
    for x in range(row.shape[0]):
        value, before = row[x], first[x]
        highest[x] = value if value > highest[x] else highest[x]
        first[x] = value if value < before else before
        moved[x] = before if value < before else value
    for k in range(1, min(n_before + 1, lowest.shape[0])):
        kept = lowest[k]
        for x in range(row.shape[0]):
            value, before = moved[x], kept[x]
            kept[x] = value if value < before else before
            moved[x] = before if value < before else value


@kernel
def _gather(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    y: int,
    x: int,
    values: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> tuple[int, np.uint32]:
    """Sort the usable values of a pixel; return their number and the flags left."""
    n_frames = data.shape[0]
    n = 0
    flags = np.uint32(0)
    for i in range(n_frames):
        if dq[i, y, x] == 0:
            _insert(values, variances, n, data[i, y, x], stat[i, y, x])
            n += 1
        flags |= dq[i, y, x]
    if n > 0:
        return n, np.uint32(0)
    for i in range(n_frames):
        _insert(values, variances, i, data[i, y, x], stat[i, y, x])
    return n_frames, flags


@kernel
def _insert(
    values: NDArray[np.float64],
    variances: NDArray[np.float64],
    n: int,
    value: float,
    variance: float,
) -> None:
    """Put a value, with its variance, in its place among ``n`` sorted ones."""
    j = n - 1
    while j >= 0 and values[j] > value:
        values[j + 1] = values[j]
        variances[j + 1] = variances[j]
        j -= 1
    values[j + 1] = value
    variances[j + 1] = variance


@kernel
def _without_extremes(n: int, n_low: int, n_high: int, n_keep: int) -> tuple[int, int]:
    """Return the bounds of what is left; at least ``n_keep``, high ones go first."""
    spare = max(n - n_keep, 0)
    high = min(n_high, spare)
    return min(n_low, spare - high), n - high


@kernel
def _clip(
    values: NDArray[np.float64],
    variances: NDArray[np.float64],
    n: int,
    low_sigma: float,
    high_sigma: float,
) -> tuple[int, int]:
    """Return the bounds of the sorted values within the limits around the median.

    The scale is the noise model of the median value, or 1.4826 times the median absolute
    deviation where that is larger (lamps that vary): so one cosmic ray is rejected from
    three values, which no clipping by the scatter alone can do. Of two values that
    disagree the lower one stays, since cosmic rays only add.
    """
    if n < 2:
        return 0, n
    if n == 2:
        limit = high_sigma * np.sqrt(variances[0] * _median_factor(n))
        return 0, 1 if values[1] - values[0] > limit else 2
    middle = (n - 1) // 2
    centre = 0.5 * (values[middle] + values[n // 2])
    model = 0.5 * (variances[middle] + variances[n // 2]) * _median_factor(n)
    scale = max(np.sqrt(model), 1.4826 * _median_deviation(values, n, centre))
    low, high = 0, n
    while low < middle and values[low] < centre - low_sigma * scale:
        low += 1
    while high > n // 2 + 1 and values[high - 1] > centre + high_sigma * scale:
        high -= 1
    return low, high


@kernel
def _clip_scatter(
    values: NDArray[np.float64], n: int, low_sigma: float, high_sigma: float
) -> tuple[int, int]:
    """Return the bounds of the sorted values within the limits around the median.

    As in the genuine pipeline the scale is the mean absolute distance from the median,
    which is 0.4 to 0.8 standard deviations of so few values.
    """
    centre = 0.5 * (values[(n - 1) // 2] + values[n // 2])
    scale = 0.0
    for k in range(n):
        scale += abs(values[k] - centre)
    scale /= n
    low, high = 0, n
    while low < (n - 1) // 2 and values[low] < centre - low_sigma * scale:
        low += 1
    while high > n // 2 + 1 and values[high - 1] > centre + high_sigma * scale:
        high -= 1
    return low, high


@kernel
def _median_deviation(values: NDArray[np.float64], n: int, centre: float) -> float:
    """Return the median distance of sorted values from their median (the lower one)."""
    left, right = (n - 1) // 2, (n - 1) // 2 + 1
    distance = 0.0
    for _ in range((n + 1) // 2):
        to_left = centre - values[left] if left >= 0 else np.inf
        to_right = values[right] - centre if right < n else np.inf
        if to_left <= to_right:
            distance = to_left
            left -= 1
        else:
            distance = to_right
            right += 1
    return distance
