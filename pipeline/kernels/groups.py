"""Pixels of an image that hang together."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def label_groups(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Return the groups of pixels that touch each other along a side, numbered.

    Parameters
    ----------
    mask : bool[ny, nx]
        Pixels to group.

    Returns
    -------
    labels : int32[ny, nx]
        Number of the group of each pixel, from 1 in order of rows; 0 for no group.
    n : int
        Number of groups.
    """
    ny, nx = mask.shape
    labels = np.zeros((ny, nx), np.int32)
    waiting = np.empty((mask.size, 2), np.int64)
    n = 0
    for b in range(ny):
        for a in range(nx):
            if not mask[b, a] or labels[b, a] > 0:
                continue
            n += 1
            labels[b, a] = n
            waiting[0, 0], waiting[0, 1] = b, a
            n_waiting = 1
            while n_waiting > 0:
                n_waiting -= 1
                y, x = waiting[n_waiting, 0], waiting[n_waiting, 1]
                for k in range(4):
                    dy, dx = (k // 2) * (2 * (k % 2) - 1), (1 - k // 2) * (2 * (k % 2) - 1)
                    v, u = y + dy, x + dx
                    if v < 0 or v >= ny or u < 0 or u >= nx:
                        continue
                    if mask[v, u] and labels[v, u] == 0:
                        labels[v, u] = n
                        waiting[n_waiting, 0], waiting[n_waiting, 1] = v, u
                        n_waiting += 1
    return labels, n
