"""Rejection of cosmic rays by comparison with neighbours from other slices.

Pixels that are neighbours on the sky but lie in different slices are far from each
other on the detector, so a cosmic ray hits only one of them. A pixel is compared with
the pixels of the 27 cells around it that come from other slices (or exposures), and
with those of its own cell. All decisions rest on unmodified data.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.cells import cell_extremes, field_minimum, longest_runs
from pipeline.kernels.crowds import describe_crowd, surely_half_reach
from pipeline.kernels.neighbours import (
    all_half_reach,
    count_around,
    gather,
    half_reach,
    stands_out,
)
from pipeline.kernels.spread import MEAN, MEDIAN

_MAX_RANK = 16

_MAD = 0.6745
"""Median absolute deviation of a Gaussian of unit standard deviation."""


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
    nz, ny, nx = shape
    extremes = np.empty((3, ny, nx), np.float32)
    lowest = np.full((3, ny, nx), np.inf, np.float32)
    highest, quietest = np.empty_like(lowest), np.empty_like(lowest)
    runs, wide = np.empty((3, ny, nx), np.int32), np.empty(ny * nx + 1, np.int32)
    near, slits = np.empty((4, 256), np.float32), np.empty(256, np.int32)
    crowded = statistic == MEDIAN and _several_exposures(slit)
    around = (3, ny + 2, nx + 2) if crowded else (3, 2, 2)
    cell_lowest = np.full(around, np.inf, np.float32)
    number, spare = np.zeros(around, np.float32), np.zeros(around, np.float32)
    surely = np.zeros((ny, nx), np.bool_)
    for plane in range(max(planes[0] - 1, 0), min(planes[1] + 1, nz) + 1):
        now = plane % 3
        lowest[now], cell_lowest[now], number[now], spare[now] = np.inf, np.inf, 0, 0
        if plane < nz:
            low, quiet = extremes[0], extremes[1]
            cell_extremes(start, light, plane * ny * nx, low, highest[now], quiet)
            if crowded:
                longest_runs(start, slit, plane * ny * nx, runs[now])
                describe_crowd(
                    start, plane * ny * nx, low, runs[now],
                    cell_lowest[now], number[now], spare[now],
                )  # fmt: skip
            field_minimum(low, lowest[now])
            field_minimum(quiet, quietest[now])
        c = plane - 1
        if c < planes[0] or c >= planes[1]:
            continue
        n_wide = _wide_cells(highest[c % 3], lowest, quietest[c % 3], sigma * scale, wide)
        if crowded:
            surely_half_reach(
                cell_lowest, number, spare, runs[c % 3], highest[c % 3], quietest[c % 3],
                sigma * scale, wide[:n_wide], surely,
            )  # fmt: skip
        for k in range(n_wide):
            b, a = wide[k] // nx, wide[k] % nx
            if surely[b, a]:
                continue
            margin = sigma * scale * np.sqrt(max(quietest[c % 3, b, a], np.float32(0.0)))
            if crowded and all_half_reach(
                start, light, runs, highest[c % 3, b, a] - margin, c, b, a, shape
            ):
                continue
            n = count_around(start, c, b, a, shape)
            if n > slits.shape[0]:
                near, slits = np.empty((4, 2 * n), np.float32), np.empty(2 * n, np.int32)
            least = min(min(lowest[0, b, a], lowest[1, b, a]), lowest[2, b, a])
            _judge(
                start, light, slit, c, b, a, shape,
                statistic, sigma, margin, least, near, slits, rejected,
            )  # fmt: skip
    return rejected


@kernel
def _wide_cells(
    highest: NDArray[np.float32],
    lowest: NDArray[np.float32],
    quietest: NDArray[np.float32],
    limit: float,
    wide: NDArray[np.int32],
) -> int:
    """Find cells of a plane with a value far above another one around.

    Parameters
    ----------
    highest, quietest : float32[ny, nx]
        Highest value of each cell and lowest variance around it.
    lowest : float32[3, ny, nx]
        Lowest value around it in each of three planes.
    limit : float
        What is far, in units of the square root of that variance.
    wide : int32[ny * nx]
        Receives the numbers of the cells within the plane; how many is returned.
    """
    ny, nx = highest.shape
    n = 0
    for b in range(ny):
        for a in range(nx):
            most = highest[b, a]
            if most == -np.inf:
                continue
            least = min(min(lowest[0, b, a], lowest[1, b, a]), lowest[2, b, a])
            spread = np.sqrt(max(quietest[b, a], np.float32(0.0)))
            wide[n] = b * nx + a
            n += int(most - least > limit * spread)
    return n


@kernel
def _several_exposures(slit: NDArray[np.int32]) -> bool:
    """Tell whether the pixels are of more than one exposure."""
    low, high = 1 << 30, 0
    for i in range(slit.shape[0]):
        low, high = min(low, slit[i]), max(high, slit[i])
    return low >> 11 < high >> 11


@kernel
def _judge(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    slit: NDArray[np.int32],
    c: int,
    b: int,
    a: int,
    shape: tuple[int, int, int],
    statistic: int,
    sigma: float,
    margin: float,
    least: float,
    near: NDArray[np.float32],
    slits: NDArray[np.int32],
    rejected: NDArray[np.uint8],
) -> None:
    """Judge the pixels of cell ``c, b, a``.

    ``margin`` is the limit for the lowest spread that counts, ``least`` the lowest value
    around; ``near`` and ``slits`` are work space for `gather`.
    """
    cell = (c * shape[1] + b) * shape[2] + a
    n = gather(start, light, slit, c, b, a, shape, near, slits)
    for i in range(start[cell], start[cell + 1]):
        value = float(light[i, 0])
        bar = value - margin
        if bar <= least:
            continue
        if statistic == MEDIAN and half_reach(near, slits, n, slit[i], bar):
            continue
        n_same = 0
        for j in range(start[cell], start[cell + 1]):
            n_same += int(slit[j] == slit[i])
        if stands_out(
            near, slits, n, value, slit[i], n_same, statistic, sigma, margin
        ) and value > _sharpest_source(start, light, slit, i, c, b, a, shape):
            rejected[i] = 1


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
) -> float:
    """Return how high a point source may rise at pixel ``i`` of cell ``c, b, a``.

    The peak of a Gaussian of FWHM 2.2 pix or more exceeds its neighbours in the next
    slices by less than twice their own range; two cells each way are looked at, since
    the next slice may just miss the next row of cells. Values a few ranks from the top
    and from the bottom stand for the extremes, see `_rank_around`.
    """
    nz, ny, nx = shape
    rank = _rank_around(start, c, b, a, shape)
    top, bottom = np.full(rank, -np.inf), np.full(rank, np.inf)
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
