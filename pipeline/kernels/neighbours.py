"""The pixels around a cell, which those in it are compared with.

What pixels of one cell are compared with differs by few: each leaves out those of its own
slice around. So the pixels of the 27 cells are collected once, and counts decide for most
pixels that they do not stand out.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.cells import HIGHEST, NUMBER, SPARE
from pipeline.kernels.spread import MEDIAN, level_and_spread, median_of_many

MAX_RANK = 16
"""Most values around that are passed over as hit by cosmic rays."""


@kernel
def float_at_least(value: float) -> np.float32:
    """Return the lowest float32 that is not below a number."""
    rounded = np.float32(value)
    return rounded if rounded >= value else np.nextafter(rounded, np.float32(np.inf))


@kernel
def rank_around(
    start: NDArray[np.int32], c: int, b: int, a: int, shape: tuple[int, int, int]
) -> int:
    """Return which of the values around a cell stands for their extreme (1: the first).

    Cosmic rays leave tracks; up to a thirtieth of the pixels around may be hit.
    """
    nz, ny, nx = shape
    n = 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 2, 0), min(b + 3, ny)):
            line = (plane * ny + row) * nx
            n += start[line + min(a + 3, nx)] - start[line + max(a - 2, 0)]
    return min(2 + n // 30, MAX_RANK)


@kernel
def surely_ordinary(
    start: NDArray[np.int32],
    values: NDArray[np.float32],
    cells: NDArray[np.float32],
    marks: NDArray[np.uint32],
    bar: float,
    c: int,
    b: int,
    a: int,
    shape: tuple[int, int, int],
) -> bool:
    """Tell whether surely no pixel of a cell stands out, by counts of those around.

    Either more than half of what any of them is compared with reach a bar, as then does
    the median, or too many are as high as the highest one for a cosmic ray.

    Parameters
    ----------
    start, shape
        See `pipeline.kernels.reject.flag_outliers`.
    values : float32[n]
        Of the pixels, sorted by cell.
    cells, marks : float32[3, 6, ny + 2, nx + 2], uint32[3, ny + 2, nx + 2]
        See `pipeline.kernels.crowds.unsure_cells`.
    bar : float
        What the median must reach for all of them; infinite if that does not matter.
    c, b, a : int
        Plane, row and column of the cell.
    """
    nz, ny, nx = shape
    own, top = marks[c % 3, b + 1, a + 1], cells[c % 3, HIGHEST, b + 1, a + 1]
    n_all, n_others = np.float32(0), np.float32(0)
    for plane in range(3):
        for row in range(b, b + 3):
            for k in range(a, a + 3):
                number, shared = cells[plane, NUMBER, row, k], marks[plane, row, k] & own
                n_all += number
                n_others += cells[plane, SPARE, row, k] if shared else number
    lowest = float_at_least(bar)
    n_low, n_high = 0, 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 1, 0), min(b + 2, ny)):
            line = (plane * ny + row) * nx
            run = values[start[line + max(a - 1, 0)] : start[line + min(a + 2, nx)]]
            for j in range(run.shape[0]):
                n_low += int(run[j] < lowest)
                n_high += int(run[j] >= top)
    here = cells[c % 3, NUMBER, b + 1, a + 1] - cells[c % 3, SPARE, b + 1, a + 1]
    if n_others + here > 2 * n_low:
        return True
    n_higher = n_high - (n_all - n_others)
    return bool(n_higher >= 2 and n_higher >= rank_around(start, c, b, a, shape))


@kernel
def gather(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    values: NDArray[np.float32],
    slit: NDArray[np.int32],
    c: int,
    b: int,
    a: int,
    shape: tuple[int, int, int],
    statistic: int,
    near: NDArray[np.float32],
    slits: NDArray[np.int32],
) -> int:
    """Collect the pixels of the 27 cells around ``c, b, a`` and return their number.

    Parameters
    ----------
    start, light, slit, shape, statistic
        See `pipeline.kernels.reject.flag_outliers`.
    values : float32[n]
        Of the pixels, sorted by cell.
    c, b, a : int
        Plane, row and column of the cell.
    near : float32[4, ...]
        Its first row receives the values, the second one the variances, unless the
        statistic is the median.
    slits : int32[...]
        Receives the numbers of their slices; -1 for the pixels of the cell itself, which
        every pixel of the cell is compared with.
    """
    nz, ny, nx = shape
    cell = (c * ny + b) * nx + a
    n, own = 0, 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 1, 0), min(b + 2, ny)):
            line = (plane * ny + row) * nx
            first, last = start[line + max(a - 1, 0)], start[line + min(a + 2, nx)]
            if plane == c and row == b:
                own = n + start[cell] - first
            run, names = values[first:last], slit[first:last]
            near_run, slits_run = near[0, n : n + last - first], slits[n : n + last - first]
            for k in range(run.shape[0]):
                near_run[k], slits_run[k] = run[k], names[k]
            if statistic != MEDIAN:
                for k in range(first, last):
                    near[1, n + k - first] = light[k, 1]
            n += last - first
    for k in range(own, own + start[cell + 1] - start[cell]):
        slits[k] = -1
    return n


@kernel
def half_reach(
    near: NDArray[np.float32],
    slits: NDArray[np.int32],
    n: int,
    slit: int,
    value: float,
    bar: float,
) -> tuple[bool, int]:
    """Tell whether more than half of what a pixel is compared with reach a bar.

    Their median then does, too. Also returns how many pixels around, of other slices, are
    at least as high as the pixel.

    Parameters
    ----------
    near, slits, n : float32[...], int32[...], int
        See `gather`.
    slit, value, bar : int, float, float
        Of the pixel; the bar.
    """
    lowest, top = float_at_least(bar), np.float32(value)
    n_used, n_reach, n_higher = 0, 0, 0
    for k in range(n):
        used = int(slits[k] != slit)
        n_used += used
        n_reach += used & int(near[k] >= lowest)
        n_higher += used & int(slits[k] >= 0) & int(near[k] >= top)
    return 2 * n_reach > n_used, n_higher


@kernel
def stands_out(
    near: NDArray[np.float32],
    slits: NDArray[np.int32],
    n: int,
    variances: NDArray[np.float32],
    work: NDArray[np.float32],
    value: float,
    slit: int,
    n_own_slit: int,
    statistic: int,
    sigma: float,
    margin: float,
) -> bool:
    """Tell whether a pixel exceeds what it is compared with by more than the limit.

    Parameters
    ----------
    near, slits, n : float32[...], int32[...], int
        See `gather`.
    variances, work : float32[...], float32[2, ...]
        Variances of the values, if the statistic is not the median; work space.
    value, slit : float, int
        Of the pixel.
    n_own_slit : int
        Number of pixels of its slice in its cell.
    statistic, sigma, margin : int, float, float
        What the spread is made of, the limit in units of it, and its least value.
    """
    values, others = work[0], work[1]
    n_used = 0
    for k in range(n):
        values[n_used] = near[k]
        n_used += int(slits[k] != slit)
    if n_used < 3 or n_used - n_own_slit < 2:
        return False
    if statistic == MEDIAN:
        return above_median(values, n_used, others, value, sigma, margin)
    n_used = 0
    for k in range(n):
        others[n_used] = variances[k]
        n_used += int(slits[k] != slit)
    level, spread = level_and_spread(values, others, n_used, statistic)
    return bool(value > level + max(sigma * spread, margin))


@kernel
def above_median(
    values: NDArray[np.float32],
    n: int,
    work: NDArray[np.float32],
    value: float,
    sigma: float,
    margin: float,
) -> bool:
    """Tell whether a value exceeds the median of others by more than the limit.

    That is ``margin`` or ``sigma`` times the median absolute deviation, the larger one. It
    exceeds the latter if that is so for more than half of the deviations, none of which
    need be put in order; if for just one half, their median is the mean of the two next to
    the limit. ``work`` has as many elements as ``values``.
    """
    level = median_of_many(values, n, work)
    if value <= level + margin:
        return False
    n_close = 0
    for k in range(n):
        n_close += int(value > level + sigma * np.float32(abs(values[k] - level)))
    if 2 * n_close != n:
        return 2 * n_close > n
    inner, outer = np.float32(0.0), np.float32(np.inf)
    for k in range(n):
        away = np.float32(abs(values[k] - level))
        if value > level + sigma * away:
            inner = max(inner, away)
        else:
            outer = min(outer, away)
    return bool(value > level + sigma * (0.5 * (float(inner) + float(outer))))
