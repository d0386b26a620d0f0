"""Pixels of sky flats on voxels that are as wide as a pixel and many Angstrom deep.

Sums are float64[nz, ny, nx, 3]: of w, w d and w**2 v over the pixels of each voxel, as
`pipeline.kernels.resample.weighted_means` wants them.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.reject import IRAF, MEDIAN, median
from pipeline.kernels.weighting import NEAREST, distance_weight, overlap


@kernel
def add_to_cube(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
    drop: tuple[float, float, float],
    sums: NDArray[np.float64],
) -> None:
    """Share pixels between the voxels that their drops overlap.

    Parameters
    ----------
    x, y, wavelength : float32[n]
        Positions [pix] and wavelengths [Angstrom].
    data, dq, stat : [n]
        Values, flags and variances; flagged pixels are left out.
    origin, step : float64[3]
        Coordinates of the first voxel and their increments, in the order x, y,
        wavelength.
    drop : (float, float, float)
        Sizes of a drop [voxel], at most 1.
    sums : float64[nz, ny, nx, 3]
        Accumulates the sums of w, w d and w**2 v.
    """
    nz, ny, nx, _ = sums.shape
    for i in range(data.shape[0]):
        if dq[i] != 0:
            continue
        px = (x[i] - origin[0]) / step[0]
        py = (y[i] - origin[1]) / step[1]
        pz = (wavelength[i] - origin[2]) / step[2]
        for c in range(max(int(np.floor(pz)), 0), min(int(np.floor(pz)) + 2, nz)):
            wz = overlap(pz - c, drop[2])
            if wz <= 0.0:
                continue
            for b in range(max(int(np.floor(py)), 0), min(int(np.floor(py)) + 2, ny)):
                wy = wz * overlap(py - b, drop[1])
                for a in range(max(int(np.floor(px)), 0), min(int(np.floor(px)) + 2, nx)):
                    w = wy * overlap(px - a, drop[0])
                    sums[c, b, a, 0] += w
                    sums[c, b, a, 1] += w * data[i]
                    sums[c, b, a, 2] += w * w * stat[i]


@kernel
def add_by_distance(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    origin: NDArray[np.float64],
    step: NDArray[np.float64],
    scale: tuple[float, float, float],
    method: int,
    radius: float,
    sums: NDArray[np.float64],
) -> None:
    """Add pixels to their own and the 26 voxels around, weighted by distance.

    With `NEAREST` a voxel keeps only the pixel nearest to its centre, of those inside it.

    Parameters
    ----------
    x, y, wavelength : float32[n]
        Positions [pix] and wavelengths [Angstrom].
    data, dq, stat : [n]
        Values, flags and variances; flagged pixels are left out.
    origin, step : float64[3]
        Coordinates of the first voxel and their increments, in the order x, y,
        wavelength.
    scale : (float, float, float)
        Size of a voxel [detector pixel].
    method, radius : int, float
        See `pipeline.kernels.weighting.distance_weight`.
    sums : float64[nz, ny, nx, 3]
        Accumulates the sums of w, w d and w**2 v.
    """
    nz, ny, nx, _ = sums.shape
    reach = 0 if method == NEAREST else 1
    for i in range(data.shape[0]):
        if dq[i] != 0:
            continue
        px = (x[i] - origin[0]) / step[0]
        py = (y[i] - origin[1]) / step[1]
        pz = (wavelength[i] - origin[2]) / step[2]
        cx, cy, cz = (
            int(np.floor(px + 0.5)),
            int(np.floor(py + 0.5)),
            int(np.floor(pz + 0.5)),
        )
        for c in range(max(cz - reach, 0), min(cz + reach + 1, nz)):
            dz = (pz - c) * scale[2]
            for b in range(max(cy - reach, 0), min(cy + reach + 1, ny)):
                dy = (py - b) * scale[1]
                for a in range(max(cx - reach, 0), min(cx + reach + 1, nx)):
                    dx = (px - a) * scale[0]
                    w = distance_weight(method, dx, dy, dz, radius, 1)
                    if method == NEAREST:
                        if w <= sums[c, b, a, 0]:
                            continue
                        sums[c, b, a] = 0.0
                    sums[c, b, a, 0] += w
                    sums[c, b, a, 1] += w * data[i]
                    sums[c, b, a, 2] += w * w * stat[i]


@kernel
def flag_high_in_cells(
    start: NDArray[np.int32],
    order: NDArray[np.int32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    shape: tuple[int, int, int],
    statistic: int,
    sigma: float,
    flag: int,
) -> int:
    """Flag pixels far above those of their voxel and of the voxels in the rows next to it.

    Parameters
    ----------
    start, order : int32[n_cells + 1], int32[n_used]
        Pixels by cell, see `pipeline.kernels.resample.sort_by_cell`.
    data, dq, stat : [n]
        Values, flags (changed) and variances; flagged pixels are not judged by.
    shape : (int, int, int)
        Planes, rows and columns of cells.
    statistic : int
        `pipeline.kernels.reject` ``IRAF``: mean and its error from the variances;
        ``MEAN``: mean and standard deviation; ``MEDIAN``: median and median absolute
        deviation.
    sigma : float
        Limit above the level [spreads].
    flag : int
        Bits to set.

    Returns
    -------
    int
        Number of pixels flagged.
    """
    nz, ny, nx = shape
    values = np.empty(4096, np.float32)
    hits = np.zeros(data.shape[0], np.bool_)
    for c in range(nz):
        for b in range(ny):
            for a in range(nx):
                own = (c * ny + b) * nx + a
                if start[own + 1] == start[own]:
                    continue
                n, variance = 0, 0.0
                for row in range(max(b - 1, 0), min(b + 2, ny)):
                    width = 0 if row == b else 1
                    for plane in range(max(c - width, 0), min(c + width + 1, nz)):
                        line = (plane * ny + row) * nx
                        first = start[line + max(a - width, 0)]
                        last = start[line + min(a + width + 1, nx)]
                        for k in range(first, last):
                            i = order[k]
                            if dq[i] != 0:
                                continue
                            if n == values.shape[0]:
                                longer = np.empty(2 * n, np.float32)
                                longer[:n] = values
                                values = longer
                            values[n] = data[i]
                            variance += stat[i]
                            n += 1
                if n < 3:
                    continue
                if statistic == MEDIAN:
                    level = median(values, n)
                    for k in range(n):
                        values[k] = abs(values[k] - level)
                    spread = median(values, n)
                else:
                    level = 0.0
                    for k in range(n):
                        level += values[k]
                    level /= n
                    spread = np.sqrt(variance) / n
                    if statistic != IRAF:
                        squares = 0.0
                        for k in range(n):
                            squares += (values[k] - level) ** 2
                        spread = np.sqrt(squares / (n - 1))
                for k in range(start[own], start[own + 1]):
                    hits[order[k]] = data[order[k]] > level + sigma * spread
    n_flagged = 0
    for i in range(data.shape[0]):
        if hits[i]:
            dq[i] |= np.uint32(flag)
            n_flagged += 1
    return n_flagged
