"""Twilight flats: smoothing of planes, correction of pixels by a smooth cube."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.reject import median


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
    nz, ny, nx = cube.shape
    n_left = 0
    for i in range(data.shape[0]):
        x = int(np.floor((xpos[i] - origin[0]) / step[0] + 0.5))
        y = int(np.floor((ypos[i] - origin[1]) / step[1] + 0.5))
        x = min(max(x, 0), nx - 1)
        y = min(max(y, 0), ny - 1)
        z = min(max((wavelength[i] - origin[2]) / step[2], 0.0), nz - 1.0)
        below = int(np.floor(z))
        above = min(below + 1, nz - 1)
        right = z - below
        first = float(cube[below, y, x])
        second = float(cube[above, y, x])
        factor = first * (1.0 - right) + second * right
        if not np.isfinite(factor):
            factor = first if np.isfinite(first) else second
        if not (np.isfinite(factor) and factor != 0.0):
            n_left += 1
            continue
        data[i] = data[i] / factor
        stat[i] = stat[i] / (factor * factor)
    return n_left


@kernel
def median_filter(image: NDArray[np.float32], nx: int, ny: int) -> NDArray[np.float32]:
    """Return the median of the finite pixels in a box around each pixel.

    Parameters
    ----------
    image : float32[ny_image, nx_image]
        Not finite pixels are left out.
    nx, ny : int
        Size of the box [pix], odd; it is cut at the border of the image.

    Returns
    -------
    filtered : float32[ny_image, nx_image]
        NaN where the pixel itself is not finite.
    """
    height, width = image.shape
    filtered = np.full(image.shape, np.nan, np.float32)
    values = np.empty(nx * ny, np.float32)
    for y in range(height):
        for x in range(width):
            if not np.isfinite(image[y, x]):
                continue
            n = 0
            for b in range(max(y - ny // 2, 0), min(y + ny // 2 + 1, height)):
                for a in range(max(x - nx // 2, 0), min(x + nx // 2 + 1, width)):
                    if np.isfinite(image[b, a]):
                        values[n] = image[b, a]
                        n += 1
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
