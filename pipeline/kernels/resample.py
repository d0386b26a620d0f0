"""Sums of weighted pixels and planes, turned into means and images."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def weighted_means(
    sums: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn the sums of `drizzle` into values and variances.

    Parameters
    ----------
    sums : float64[nz, ny, nx, 3]
        Sums of w, w d and w**2 v.

    Returns
    -------
    data, stat : float32[nz, ny, nx]
        Weighted mean and its variance; NaN in voxels without a pixel.
    """
    nz, ny, nx, _ = sums.shape
    data = np.empty((nz, ny, nx), np.float32)
    stat = np.empty((nz, ny, nx), np.float32)
    for c in range(nz):
        for b in range(ny):
            for a in range(nx):
                w = sums[c, b, a, 0]
                if w > 0.0:
                    data[c, b, a] = sums[c, b, a, 1] / w
                    stat[c, b, a] = sums[c, b, a, 2] / (w * w)
                else:
                    data[c, b, a] = np.nan
                    stat[c, b, a] = np.nan
    return data, stat


@kernel
def add_planes(
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    weights: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Add planes of a cube to the sums of a weighted mean image, in their order.

    Parameters
    ----------
    data, stat : float32[nz, ny, nx]
        Values and variances; voxels whose value is not finite are left out.
    weights : float64[nz]
        Planes without weight are left out.
    sums : float64[3, ny, nx]
        Increased by w, w d and w**2 v.
    """
    nz, ny, nx = data.shape
    for c in range(nz):
        w = weights[c]
        if not w > 0.0:
            continue
        for b in range(ny):
            for a in range(nx):
                if np.isfinite(data[c, b, a]):
                    sums[0, b, a] += w
                    sums[1, b, a] += w * data[c, b, a]
                    sums[2, b, a] += w * w * stat[c, b, a]
