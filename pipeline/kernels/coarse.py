"""Pixels of sky flats on voxels that are as wide as a pixel and many Angstrom deep.

Sums are float64[nz, ny, nx, 3]: of w, w d and w**2 v over the pixels of each voxel, as
`pipeline.kernels.resample.weighted_means` wants them.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
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
