"""Rejection of cosmic rays by comparison with neighbours from other slices.

Pixels that are neighbours on the sky but lie in different slices are far from each
other on the detector, so a cosmic ray hits only one of them. A pixel is compared with
the pixels of the 27 cells around it that come from other slices (or exposures), and
with those of its own cell. All decisions rest on unmodified data.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.cells import (
    HIGHEST,
    LOWEST,
    NUMBER,
    QUIETEST,
    clear_cells,
    describe_cells,
    field_minimum,
)
from pipeline.kernels.crowds import unsure_cells
from pipeline.kernels.neighbours import (
    gather,
    half_reach,
    rank_around,
    stands_out,
    surely_ordinary,
)
from pipeline.kernels.spread import MEAN, MEDIAN

_FEW = 2
"""Pixels of a cell that are judged at once, not counted together first (measured)."""

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
    lowest value around by less than this limit, or with `MEDIAN` half of the values. So do
    pixels around that are as high, of which a point source has more than a cosmic ray.
    """
    rejected = np.zeros(light.shape[0], np.uint8)
    scale = 0.0
    if statistic == MEDIAN:
        scale = _MAD
    elif statistic == MEAN:
        scale = 1.0
    nz, ny, nx = shape
    cells = np.empty((3, 6, ny + 2, nx + 2), np.float32)
    marks = np.empty((3, ny + 2, nx + 2), np.uint32)
    for k in range(3):
        clear_cells(cells[k], marks[k])
    lowest = np.full((3, ny, nx), np.inf, np.float32)
    quietest = np.empty_like(lowest)
    wide = np.empty(ny * nx + 1, np.int32)
    values = np.empty(light.shape[0], np.float32)
    most = _most_around(start)
    near, slits = np.empty((4, most), np.float32), np.empty(most, np.int32)
    for plane in range(max(planes[0] - 1, 0), min(planes[1] + 1, nz) + 1):
        now = plane % 3
        if plane < nz:
            here = plane * ny * nx
            describe_cells(start, light, slit, here, values, cells[now], marks[now])
        else:
            clear_cells(cells[now], marks[now])
        field_minimum(cells[now, LOWEST], lowest[now])
        field_minimum(cells[now, QUIETEST], quietest[now])
        c = plane - 1
        if c < planes[0] or c >= planes[1]:
            continue
        highest, quiet, limit = cells[c % 3, HIGHEST], quietest[c % 3], sigma * scale
        n_wide = _wide_cells(highest, lowest, quiet, limit, wide)
        if statistic == MEDIAN:
            n_wide = unsure_cells(cells, marks, c, quiet, limit, wide[:n_wide])
        for k in range(n_wide):
            b, a = wide[k] // nx, wide[k] % nx
            margin = limit * np.sqrt(max(quiet[b, a], np.float32(0.0)))
            bar = highest[b + 1, a + 1] - margin if statistic == MEDIAN else np.inf
            if cells[c % 3, NUMBER, b + 1, a + 1] > _FEW and surely_ordinary(
                start, values, cells, marks, bar, c, b, a, shape
            ):
                continue
            least = min(min(lowest[0, b, a], lowest[1, b, a]), lowest[2, b, a])
            _judge(
                start, light, values, slit, c, b, a, shape,
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
    highest : float32[ny + 2, nx + 2]
        Highest value of each cell, see `pipeline.kernels.cells.describe_cells`.
    quietest : float32[ny, nx]
        Lowest variance around it.
    lowest : float32[3, ny, nx]
        Lowest value around it in each of three planes.
    limit : float
        What is far, in units of the square root of that variance.
    wide : int32[ny * nx]
        Receives the numbers of the cells within the plane; how many is returned.
    """
    ny, nx = quietest.shape
    far = np.empty(nx, np.bool_)
    n = 0
    for b in range(ny):
        high, quiet = highest[b + 1], quietest[b]
        low, at, above = lowest[0, b], lowest[1, b], lowest[2, b]
        for a in range(nx):
            least = min(min(low[a], at[a]), above[a])
            spread = np.sqrt(max(quiet[a], np.float32(0.0)))
            far[a] = high[a + 1] - least > limit * spread
        for a in range(nx):
            wide[n] = b * nx + a
            n += int(far[a])
    return n


@kernel
def _most_around(start: NDArray[np.int32]) -> int:
    """Return how many pixels there can be at most in the 27 cells around one."""
    most = 0
    for cell in range(start.shape[0] - 1):
        most = max(most, start[cell + 1] - start[cell])
    return int(min(27 * most, start[start.shape[0] - 1] - start[0]))


@kernel
def _judge(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    values: NDArray[np.float32],
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
    around; ``near``, float32[4, ...], and ``slits`` are work space.
    """
    cell = (c * shape[1] + b) * shape[2] + a
    n = gather(start, light, values, slit, c, b, a, shape, statistic, near, slits)
    counted = statistic == MEDIAN or start[cell + 1] - start[cell] > _FEW
    for i in range(start[cell], start[cell + 1]):
        value = float(light[i, 0])
        if value - margin <= least:
            continue
        if counted:
            bar = value - margin if statistic == MEDIAN else np.inf
            reached, n_higher = half_reach(near[0], slits, n, slit[i], value, bar)
            if reached or (n_higher > 1 and n_higher >= rank_around(start, c, b, a, shape)):
                continue
        n_same = 0
        for j in range(start[cell], start[cell + 1]):
            n_same += int(slit[j] == slit[i])
        if stands_out(
            near[0], slits, n, near[1], near[2:], value, slit[i], n_same,
            statistic, sigma, margin,
        ) and value > _sharpest_source(start, light, slit, i, c, b, a, shape):  # fmt: skip
            rejected[i] = 1


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
    and from the bottom stand for the extremes, see `rank_around`.
    """
    nz, ny, nx = shape
    last, own = rank_around(start, c, b, a, shape) - 1, slit[i]
    extremes = np.full((2, last + 1), -np.inf, np.float32)
    top, bottom = extremes[0], extremes[1]
    variance, n = 0.0, 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 2, 0), min(b + 3, ny)):
            line = (plane * ny + row) * nx
            for j in range(start[line + max(a - 2, 0)], start[line + min(a + 3, nx)]):
                if slit[j] == own:
                    continue
                variance += light[j, 1]
                n += 1
                value = light[j, 0]
                if value > top[last]:
                    _keep(top, value)
                if -value > bottom[last]:
                    _keep(bottom, -value)
    if n <= last:
        return float(top[0])
    high, low = np.float64(top[last]), -np.float64(bottom[last])
    noise = np.sqrt(max(variance, 0.0) / n)
    return float(high + 2.0 * max(high - low - 2.0 * noise, 0.0))


@kernel
def _keep(highest: NDArray[np.float32], value: np.float32) -> None:
    """Put a value among falling ones, the last of which drops out."""
    m = highest.shape[0] - 1
    while m > 0 and highest[m - 1] < value:
        highest[m] = highest[m - 1]
        m -= 1
    highest[m] = value
