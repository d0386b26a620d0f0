"""Rejection of cosmic rays by comparison with neighbours from other slices.

Pixels that are neighbours on the sky but lie in different slices are far from each
other on the detector, so a cosmic ray hits only one of them. A pixel is compared with
the pixels of the 27 cells around it that come from other slices (or exposures), and
with those of its own cell. All decisions rest on unmodified data.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.cells import cell_extremes, field_minimum

IRAF, MEAN, MEDIAN = 0, 1, 2
"""Statistics: mean and its error from the variances, mean and standard deviation,
median and median absolute deviation."""

_MAX_RANK = 16

_MAD = 0.6745
"""Median absolute deviation of a Gaussian of unit standard deviation."""


@kernel
def median(values: NDArray[np.float32], n: int) -> float:
    """Return the median of ``values[:n]``, whose order is changed."""
    upper = _select(values, n, n // 2)
    if n % 2 == 1:
        return upper
    lower = values[0]
    for k in range(1, n // 2):
        lower = max(lower, values[k])
    return 0.5 * (float(lower) + upper)


@kernel
def _select(values: NDArray[np.float32], n: int, rank: int) -> float:
    """Return the value of a rank and put the smaller ones before it (Hoare 1961)."""
    low, high = 0, n - 1
    while low < high:
        pivot = values[rank]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < rank:
            low = i
        if rank < i:
            high = j
    return float(values[rank])


@kernel
def _level_and_spread(
    values: NDArray[np.float32], variances: NDArray[np.float32], n: int, statistic: int
) -> tuple[float, float]:
    """Return the centre of ``values[:n]`` and the spread that a limit is made of."""
    if statistic == MEDIAN:
        level = median(values, n)
        for k in range(n):
            values[k] = abs(values[k] - level)
        return level, median(values, n)
    level = 0.0
    variance = 0.0
    for k in range(n):
        level += values[k]
        variance += variances[k]
    level /= n
    if statistic == IRAF:
        return level, np.sqrt(variance) / n
    squares = 0.0
    for k in range(n):
        squares += (values[k] - level) ** 2
    return level, np.sqrt(squares / (n - 1))


@kernel
def flag_outliers(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    slit: NDArray[np.int32],
    planes: tuple[int, int],
    shape: tuple[int, int, int],
    statistic: int,
    sigma: float,
) -> NDArray[np.uint8]:
    """Flag pixels far above their neighbours from other slices.

    Parameters
    ----------
    start : int32[n_cells + 1]
        Where the pixels of each cell begin, see `pipeline.kernels.sorting`.
    light : float32[n, 2]
        Values and their variances, sorted by cell.
    slit : int32[n]
        Number that is the same for pixels of one slice of one exposure.
    planes : (int, int)
        First and last (exclusive) plane of cells whose pixels are judged; the planes
        next to them must be there, too, where the cube has them.
    shape : (int, int, int)
        Planes, rows and columns of cells.
    statistic : int
        `IRAF`, `MEAN` or `MEDIAN`.
    sigma : float
        Limit above the level, in units of the spread.

    Returns
    -------
    rejected : uint8[n]
        1 for outliers.

    Notes
    -----
    The spread of few values can be small by chance, so median absolute and standard
    deviation are never taken smaller than the lowest variance around, at the pixel's
    wavelength, predicts. That also decides most pixels at once: those that exceed the
    lowest value around by less than this limit, or with `MEDIAN` half of the values.
    """
    rejected = np.zeros(light.shape[0], np.uint8)
    scale = 0.0
    if statistic == MEDIAN:
        scale = _MAD
    elif statistic == MEAN:
        scale = 1.0
    near, slits = np.empty((4, 256), np.float32), np.empty(256, np.int32)
    top, bottom = np.empty(_MAX_RANK), np.empty(_MAX_RANK)
    nz, ny, nx = shape
    extremes = np.empty((3, ny, nx), np.float32)
    lowest = np.full((3, ny, nx), np.inf, np.float32)
    highest, quietest = np.empty_like(lowest), np.empty_like(lowest)
    for plane in range(max(planes[0] - 1, 0), min(planes[1] + 1, nz) + 1):
        now = plane % 3
        lowest[now] = np.inf
        if plane < nz:
            low, quiet = extremes[0], extremes[1]
            cell_extremes(start, light, plane * ny * nx, low, highest[now], quiet)
            field_minimum(low, lowest[now])
            field_minimum(quiet, quietest[now])
        c = plane - 1
        if c < planes[0] or c >= planes[1]:
            continue
        for b in range(ny):
            for a in range(nx):
                most = highest[c % 3, b, a]
                if not most > -np.inf:
                    continue
                least = min(min(lowest[0, b, a], lowest[1, b, a]), lowest[2, b, a])
                floor = scale * np.sqrt(max(quietest[c % 3, b, a], np.float32(0.0)))
                if most - least <= sigma * floor:
                    continue
                n = _count_around(start, c, b, a, shape)
                if n > slits.shape[0]:
                    near = np.empty((4, 2 * n), np.float32)
                    slits = np.empty(2 * n, np.int32)
                n_own = _gather(start, light, slit, c, b, a, shape, near, slits)
                for k in range(n_own):
                    value = near[0, k]
                    if value - least <= sigma * floor:
                        continue
                    if not _stands_out(near, slits, k, n_own, n, statistic, sigma, floor):
                        continue
                    i = start[(c * ny + b) * nx + a] + k
                    if value > _sharpest_source(
                        start, light, slit, i, c, b, a, shape, top, bottom
                    ):
                        rejected[i] = 1
    return rejected


@kernel
def _count_around(
    start: NDArray[np.int32], c: int, b: int, a: int, shape: tuple[int, int, int]
) -> int:
    """Return the number of pixels in the 27 cells around a cell."""
    nz, ny, nx = shape
    n = 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 1, 0), min(b + 2, ny)):
            line = (plane * ny + row) * nx
            n += start[line + min(a + 2, nx)] - start[line + max(a - 1, 0)]
    return n


@kernel
def _gather(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    slit: NDArray[np.int32],
    c: int,
    b: int,
    a: int,
    shape: tuple[int, int, int],
    near: NDArray[np.float32],
    slits: NDArray[np.int32],
) -> int:
    """Collect the pixels of cell ``c, b, a``, whose number is returned, and around it.

    ``near[0]`` and ``near[1]`` receive values and variances, ``slits`` their slices; those
    of the cell itself come first.
    """
    nz, ny, nx = shape
    own = (c * ny + b) * nx + a
    first, last = start[own], start[own + 1]
    n = 0
    for j in range(first, last):
        near[0, n], near[1, n], slits[n] = light[j, 0], light[j, 1], slit[j]
        n += 1
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 1, 0), min(b + 2, ny)):
            line = (plane * ny + row) * nx
            for j in range(start[line + max(a - 1, 0)], start[line + min(a + 2, nx)]):
                if j < first or j >= last:
                    near[0, n], near[1, n], slits[n] = light[j, 0], light[j, 1], slit[j]
                    n += 1
    return int(last - first)


@kernel
def _stands_out(
    near: NDArray[np.float32],
    slits: NDArray[np.int32],
    pixel: int,
    n_own: int,
    n: int,
    statistic: int,
    sigma: float,
    floor: float,
) -> bool:
    """Tell whether a pixel exceeds what it is compared with by more than the limit.

    Those are pixels of other slices around and all ``n_own`` of its own cell, see
    `_gather`; ``near[2]`` and ``near[3]`` are work space.
    """
    value, own_slit = near[0, pixel], slits[pixel]
    bar = value - sigma * floor
    n_other, n_high = 0, 0
    for k in range(n):
        other = int(slits[k] != own_slit)
        n_other += other
        n_high += other & int(near[0, k] >= bar)
    n_used = n_other
    for k in range(n_own):
        if slits[k] == own_slit:
            n_used += 1
            n_high += int(near[0, k] >= bar)
    if n_other < 2 or n_used < 3 or (statistic == MEDIAN and 2 * n_high > n_used):
        return False
    m = 0
    for k in range(n):
        if k < n_own or slits[k] != own_slit:
            near[2, m], near[3, m] = near[0, k], near[1, k]
            m += 1
    level, spread = _level_and_spread(near[2], near[3], n_used, statistic)
    return bool(value > level + sigma * max(spread, floor))


@kernel
def _rank_around(
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
    return min(2 + n // 30, _MAX_RANK)


@kernel
def _sharpest_source(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    slit: NDArray[np.int32],
    i: int,
    c: int,
    b: int,
    a: int,
    shape: tuple[int, int, int],
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
) -> float:
    """Return how high a point source may rise at pixel ``i`` of cell ``c, b, a``.

    The peak of a Gaussian of FWHM 2.2 pix or more exceeds its neighbours in the next
    slices by less than twice their own range; two cells each way are looked at, since
    the next slice may just miss the next row of cells. Values a few ranks from the top
    and from the bottom stand for the extremes, see `_rank_around`.
    """
    nz, ny, nx = shape
    rank = _rank_around(start, c, b, a, shape)
    top[:rank] = -np.inf
    bottom[:rank] = np.inf
    variance, n = 0.0, 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 2, 0), min(b + 3, ny)):
            line = (plane * ny + row) * nx
            for j in range(start[line + max(a - 2, 0)], start[line + min(a + 3, nx)]):
                if slit[j] == slit[i]:
                    continue
                value = float(light[j, 0])
                variance += light[j, 1]
                n += 1
                m = rank - 1
                if value > top[m]:
                    while m > 0 and top[m - 1] < value:
                        top[m] = top[m - 1]
                        m -= 1
                    top[m] = value
                m = rank - 1
                if value < bottom[m]:
                    while m > 0 and bottom[m - 1] > value:
                        bottom[m] = bottom[m - 1]
                        m -= 1
                    bottom[m] = value
    if n < rank:
        return float(top[0])
    high, low = top[rank - 1], bottom[rank - 1]
    noise = np.sqrt(max(variance, 0.0) / n)
    return float(high + 2.0 * max(high - low - 2.0 * noise, 0.0))
