"""The pixels around a cell, which those in it are compared with.

What pixels of one cell are compared with differs by few: each leaves out those of its own
slice around. So the pixels of the 27 cells are collected once, and counts decide for most
pixels that they do not stand out.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spread import MEDIAN, level_and_spread, median


@kernel
def count_around(
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
def float_at_least(value: float) -> np.float32:
    """Return the lowest float32 that is not below a number."""
    rounded = np.float32(value)
    return rounded if rounded >= value else np.nextafter(rounded, np.float32(np.inf))


@kernel
def all_half_reach(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    runs: NDArray[np.int32],
    bar: float,
    c: int,
    b: int,
    a: int,
    shape: tuple[int, int, int],
) -> bool:
    """Tell whether surely more than half of what any pixel is compared with reach a bar.

    The pixels are those of cell ``c, b, a``. What they leave out is of one exposure and
    therefore at most ``runs``, int32[3, ny, nx], see `pipeline.kernels.cells.longest_runs`.
    """
    nz, ny, nx = shape
    n = 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 1, 0), min(b + 2, ny)):
            line = (plane * ny + row) * nx
            first, last = max(a - 1, 0), min(a + 2, nx)
            n += start[line + last] - start[line + first]
            for column in range(first, last):
                n -= runs[plane % 3, row, column]
    n += runs[c % 3, b, a]
    if n <= 2:
        return False
    lowest, n_low = float_at_least(bar), 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 1, 0), min(b + 2, ny)):
            line = (plane * ny + row) * nx
            run = light[start[line + max(a - 1, 0)] : start[line + min(a + 2, nx)]]
            for j in range(run.shape[0]):
                n_low += int(run[j, 0] < lowest)
    return bool(n > 2 * n_low)


@kernel
def gather(
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
    """Collect the pixels of the 27 cells around ``c, b, a`` and return their number.

    Parameters
    ----------
    start, light, slit, shape
        See `pipeline.kernels.reject.flag_outliers`.
    c, b, a : int
        Plane, row and column of the cell.
    near : float32[4, ...]
        Its first two rows receive values and variances.
    slits : int32[...]
        Receives the numbers of their slices; -1 for the pixels of the cell itself, which
        every pixel of the cell is compared with.
    """
    nz, ny, nx = shape
    own = (c * ny + b) * nx + a
    first, last = start[own], start[own + 1]
    n = 0
    for plane in range(max(c - 1, 0), min(c + 2, nz)):
        for row in range(max(b - 1, 0), min(b + 2, ny)):
            line = (plane * ny + row) * nx
            for j in range(start[line + max(a - 1, 0)], start[line + min(a + 2, nx)]):
                near[0, n], near[1, n] = light[j, 0], light[j, 1]
                slits[n] = -1 if first <= j < last else slit[j]
                n += 1
    return n


@kernel
def half_reach(
    near: NDArray[np.float32], slits: NDArray[np.int32], n: int, slit: int, bar: float
) -> bool:
    """Tell whether more than half of what a pixel is compared with reach a bar.

    Their median then does, too. See `gather` for the parameters; ``slit`` is that of the
    pixel.
    """
    lowest = float_at_least(bar)
    n_used, n_high = 0, 0
    for k in range(n):
        used = int(slits[k] != slit)
        n_used += used
        n_high += used & int(near[0, k] >= lowest)
    return 2 * n_high > n_used


@kernel
def stands_out(
    near: NDArray[np.float32],
    slits: NDArray[np.int32],
    n: int,
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
    near, slits, n : float32[4, ...], int32[...], int
        See `gather`; the last two rows of ``near`` are work space.
    value, slit : float, int
        Of the pixel.
    n_own_slit : int
        Number of pixels of its slice in its cell.
    statistic, sigma, margin : int, float, float
        What the spread is made of, the limit in units of it, and its least value.
    """
    values, variances = near[2], near[3]
    n_used = 0
    for k in range(n):
        values[n_used], variances[n_used] = near[0, k], near[1, k]
        n_used += int(slits[k] != slit)
    if n_used < 3 or n_used - n_own_slit < 2:
        return False
    if statistic == MEDIAN and not _crowd_below(values, n_used, value, sigma, margin):
        return False
    level, spread = level_and_spread(values, variances, n_used, statistic)
    return bool(value > level + max(sigma * spread, margin))


@kernel
def _crowd_below(
    values: NDArray[np.float32], n: int, value: float, sigma: float, margin: float
) -> bool:
    """Tell whether half of the values lie as close to their median as they must.

    Otherwise their median absolute deviation is too large for ``value`` to stand out.
    The order of the values is changed.
    """
    level = median(values, n)
    if value <= level + margin:
        return False
    n_close, reach = 0, (value - level) / sigma
    for k in range(n):
        n_close += int(np.float32(abs(values[k] - level)) < reach)
    return 2 * n_close >= n
