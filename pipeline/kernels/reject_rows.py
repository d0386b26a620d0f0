"""Rejection of cosmic rays as in the genuine pipeline: by the next rows of voxels.

All pixels of a voxel are compared with those of the voxel itself and of the rows of
voxels on both sides of its slice, in units of the scatter of these few values.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spread import level_and_spread

ALONG_X, ALONG_Y, OBLIQUE = 0, 1, 2
"""How slices lie on the grid of a cube."""


@kernel
def flag_above_rows(
    start: NDArray[np.int32],
    light: NDArray[np.float32],
    planes: tuple[int, int],
    shape: tuple[int, int, int],
    statistic: int,
    sigma: float,
    slices: int,
) -> NDArray[np.uint8]:
    """Flag pixels far above those of their cell and of the cells beside its slice.

    Parameters
    ----------
    start : int32[n_cells + 1]
        Where the pixels of each cell begin, see `pipeline.kernels.sorting`.
    light : float32[n, 2]
        Values and their variances, sorted by cell.
    planes : (int, int)
        First and last (exclusive) plane of cells whose pixels are judged; the planes
        next to them must be there, too, where the cube has them.
    shape : (int, int, int)
        Planes, rows and columns of cells.
    statistic, sigma : int, float
        One of `pipeline.kernels.spread` and the limit in units of its spread.
    slices : int
        `ALONG_X`, `ALONG_Y`, or `OBLIQUE`, for which the cells of the same row count, too.

    Returns
    -------
    rejected : uint8[n]
        1 for outliers.
    """
    nz, ny, nx = shape
    rejected = np.zeros(light.shape[0], np.uint8)
    near = np.empty((2, 256), np.float32)
    for c in range(planes[0], planes[1]):
        for b in range(ny):
            for a in range(nx):
                own = (c * ny + b) * nx + a
                if start[own + 1] == start[own]:
                    continue
                n = 0
                for plane in range(max(c - 1, 0), min(c + 2, nz)):
                    for row in range(max(b - 1, 0), min(b + 2, ny)):
                        for column in range(max(a - 1, 0), min(a + 2, nx)):
                            cell = (plane * ny + row) * nx + column
                            if cell != own and (
                                (slices == ALONG_X and row == b)
                                or (slices == ALONG_Y and column == a)
                            ):
                                continue
                            last = n + start[cell + 1] - start[cell]
                            if last > near.shape[1]:
                                wider = np.empty((2, 2 * last), np.float32)
                                wider[:, :n] = near[:, :n]
                                near = wider
                            for i in range(start[cell], start[cell + 1]):
                                near[0, n], near[1, n] = light[i, 0], light[i, 1]
                                n += 1
                if n < 3:
                    continue
                level, spread = level_and_spread(near[0], near[1], n, statistic)
                for i in range(start[own], start[own + 1]):
                    rejected[i] = int(light[i, 0] > level + sigma * spread)
    return rejected
