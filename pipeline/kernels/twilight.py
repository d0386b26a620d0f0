"""Twilight flats: repair of detector rows, smoothing of planes, division by the cube."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spread import IRAF, MEDIAN, median

_TOGETHER = 1024
"""Pixels that one loop after the other passes over while they are in the cache; each loop
is so simple that the compiler makes vector instructions of it."""


@kernel
def divide_by_cube(
    xpos: NDArray[np.float32],
    ypos: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    cube: NDArray[np.float32],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
) -> int:
    """Divide pixels by a smooth cube: nearest in x and y, linear in wavelength.

    Outside the cube its outermost values are used; where it is not finite in both
    planes a pixel is left as it is.

    Parameters
    ----------
    xpos, ypos : float32[n]
        Positions [pix].
    wavelength : float32[n]
        Wavelengths [Angstrom].
    data, stat : float32[n]
        Values and variances, changed in place.
    cube : float32[nz, ny, nx]
        Factors.
    origin, step : float64[3]
        Coordinates of the first voxel and their increments: x, y [pix], wavelength
        [Angstrom].

    Returns
    -------
    int
        Number of pixels left as they were.
    """
    per_plane = cube.shape[1] * cube.shape[2]
    factors = cube.reshape(-1)
    place = np.empty(_TOGETHER, np.int32)
    right = np.empty(_TOGETHER, np.float64)
    first = np.empty(_TOGETHER, np.float32)
    second = np.empty(_TOGETHER, np.float32)
    n_left = 0
    for begin in range(0, data.shape[0], _TOGETHER):
        some = slice(begin, min(begin + _TOGETHER, data.shape[0]))
        where = xpos[some], ypos[some], wavelength[some]
        _find_voxels(where, cube.shape, origin, step, place, right)
        for k in range(some.stop - some.start):
            below = np.intp(place[k])
            above = below + per_plane
            first[k] = factors[below]
            second[k] = factors[above if above < factors.shape[0] else below]
        n_left += _divide(data[some], stat[some], first, second, right)
    return n_left


@kernel
def _find_voxels(
    where: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    shape: tuple[int, int, int],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
    place: NDArray[np.int32],
    right: NDArray[np.float64],
) -> None:
    """Find the voxel at or below pixels, as its number in the cube.

    ``where``: x, y [pix] and wavelength [Angstrom]; ``right``: how far the wavelengths lie
    beyond the plane [planes].
    """
    nz, ny, nx = shape
    xpos, ypos, wavelength = where
    x0, y0, z0 = origin[0], origin[1], origin[2]
    per_x, per_y, per_z = 1.0 / step[0], 1.0 / step[1], 1.0 / step[2]
    for k in range(xpos.shape[0]):
        x = np.floor((xpos[k] - x0) * per_x + 0.5)
        y = np.floor((ypos[k] - y0) * per_y + 0.5)
        x = min(max(x, 0.0), nx - 1.0)
        y = min(max(y, 0.0), ny - 1.0)
        z = min(max((wavelength[k] - z0) * per_z, 0.0), nz - 1.0)
        below = np.int32(z)
        right[k] = z - below
        place[k] = (below * np.int32(ny) + np.int32(y)) * np.int32(nx) + np.int32(x)


@kernel
def _divide(
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    right: NDArray[np.float64],
) -> int:
    """Divide by what lies between two factors; return how many have none."""
    n_left = 0
    for k in range(data.shape[0]):
        below, above = np.float64(first[k]), np.float64(second[k])
        factor = below * (1.0 - right[k]) + above * right[k]
        other = below if np.isfinite(below) else above
        factor = factor if np.isfinite(factor) else other
        usable = np.isfinite(factor) and factor != 0.0
        inverse = 1.0 / factor if usable else 1.0
        n_left += 0 if usable else 1
        data[k] *= inverse
        stat[k] *= inverse * inverse
    return n_left


@kernel
def median_filter(
    image: NDArray[np.float32], nx: int, ny: int, fill: bool = False
) -> NDArray[np.float32]:
    """Return the median of the finite pixels in a box around each pixel.

    Parameters
    ----------
    image : float32[ny_image, nx_image]
        Not finite pixels are left out.
    nx, ny : int
        Size of the box [pix], odd; it is cut at the border of the image.
    fill : bool
        Whether pixels that are not finite get the median around them, too.

    Returns
    -------
    filtered : float32[ny_image, nx_image]
        NaN where the pixel itself is not finite and ``fill`` is false, and where no
        pixel of the box is finite.
    """
    height, width = image.shape
    filtered = np.full(image.shape, np.nan, np.float32)
    values = np.empty(nx * ny, np.float32)
    for y in range(height):
        for x in range(width):
            if not fill and not np.isfinite(image[y, x]):
                continue
            n = 0
            for b in range(max(y - ny // 2, 0), min(y + ny // 2 + 1, height)):
                for a in range(max(x - nx // 2, 0), min(x + nx // 2 + 1, width)):
                    if np.isfinite(image[b, a]):
                        values[n] = image[b, a]
                        n += 1
            if n > 0:
                filtered[y, x] = median(values, n)
    return filtered


@kernel
def bridge_flagged(
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    dq: NDArray[np.uint32],
) -> int:
    """Replace flagged pixels by the mean of the good ones next to them in the row.

    Parameters
    ----------
    data, stat : float32[ny, nx]
        Values and variances, changed where flagged; the variance becomes that of one
        of the neighbours, since neighbours of one gap share their error.
    dq : uint32[ny, nx]
        Flags; not changed.

    Returns
    -------
    int
        Number of flagged pixels without a good one in their row, left as they were.
    """
    ny, nx = data.shape
    n_left = 0
    for y in range(ny):
        before = -1
        x = 0
        while x < nx:
            if dq[y, x] == 0:
                before = x
                x += 1
                continue
            after = x
            while after < nx and dq[y, after] != 0:
                after += 1
            first = before if before >= 0 else after
            second = after if after < nx else before
            for gap in range(x, after):
                if first >= nx or second < 0:
                    n_left += 1
                    continue
                data[y, gap] = 0.5 * (data[y, first] + data[y, second])
                stat[y, gap] = 0.5 * (stat[y, first] + stat[y, second])
            x = after
    return n_left


@kernel
def flag_spikes(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    reach: int,
    statistic: int,
    sigma: float,
    flag: int,
) -> int:
    """Flag pixels far above their neighbours in the detector row.

    Parameters
    ----------
    data, dq, stat : [ny, nx]
        An evenly lit image [count], flags (changed) and variances.
    reach : int
        Neighbours on either side [pix].
    statistic : int
        What the spread is made of: `pipeline.kernels.spread` ``IRAF`` (variances),
        ``MEAN`` (standard deviation) or ``MEDIAN`` (median absolute deviation); never
        less than the error of the pixel itself.
    sigma : float
        Limit above the median of the neighbours [spreads].
    flag : int
        Bits to set.

    Returns
    -------
    int
        Number of pixels flagged.
    """
    ny, nx = data.shape
    values = np.empty(2 * reach, np.float32)
    spikes = np.empty(nx, np.bool_)
    padded = np.full(nx + 2 * reach, np.float32(np.inf))
    lowest = np.empty(nx, np.float32)
    n_flagged = 0
    for y in range(ny):
        _lowest_around(data[y], dq[y], padded, lowest)
        for x in range(nx):
            error = np.sqrt(stat[y, x])
            spikes[x] = dq[y, x] == 0 and data[y, x] - lowest[x] > sigma * error
        for x in range(nx):
            if not spikes[x]:
                continue
            spikes[x] = False
            n = 0
            for k in range(max(x - reach, 0), min(x + reach + 1, nx)):
                if k != x and dq[y, k] == 0:
                    values[n] = data[y, k]
                    n += 1
            if n < 3:
                continue
            error = np.sqrt(stat[y, x])
            level = median(values, n)
            spread = error
            if statistic != IRAF:
                total = 0.0
                for k in range(n):
                    values[k] = abs(values[k] - level)
                    total += float(values[k]) ** 2
                wide = median(values, n) if statistic == MEDIAN else np.sqrt(total / n)
                spread = max(spread, wide)
            spikes[x] = data[y, x] > level + sigma * spread
        for x in range(nx):
            if spikes[x]:
                dq[y, x] |= np.uint32(flag)
                n_flagged += 1
    return n_flagged


@kernel
def _lowest_around(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    padded: NDArray[np.float32],
    lowest: NDArray[np.float32],
) -> None:
    """Find the lowest good value around each pixel of a row, itself included.

    ``padded``: work space, the row with the reach on either side, where it is infinite.
    """
    nx = data.shape[0]
    n_around = padded.shape[0] - nx + 1
    middle = padded[n_around // 2 : n_around // 2 + nx]
    for x in range(nx):
        middle[x] = data[x] if dq[x] == 0 else np.float32(np.inf)
        lowest[x] = np.float32(np.inf)
    for first in range(n_around):
        part = padded[first : first + nx]
        for x in range(nx):
            lowest[x] = part[x] if part[x] < lowest[x] else lowest[x]
