"""Drops no larger than a voxel, which overlap eight at most, added to the sums of voxels.

What each drop shares with the voxels is computed for many drops at a time, which vector
instructions do; adding it up is left for the second step.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.weighting import shared

SUMS = 3
"""Numbers of a voxel: sums of w, w d and w**2 v."""

AT_ONCE = 256
"""Drops whose shares are computed together: few enough for the fastest cache."""

_ONE, _TWO = np.uint64(1), np.uint64(2)


@kernel
def add(
    sums: NDArray[np.float64], q: np.uint64, w: float, value: float, variance: float
) -> None:
    """Add a pixel of weight ``w`` to the sums of the voxel that begin at ``q``.

    The place is an unsigned number: it needs no look whether it counts from the end.
    """
    sums[q] += w
    sums[q + _ONE] += w * value
    sums[q + _TWO] += w * w * variance


@kernel
def _split(
    place: NDArray[np.float32],
    axis: int,
    drop: float,
    lower: NDArray[np.int32],
    near: NDArray[np.float64],
    far: NDArray[np.float64],
) -> None:
    """Find what drops share with the lower voxel along x or y and with the one above."""
    for j in range(place.shape[0]):  # side by side for the vector instructions
        near[j] = place[j, axis]
    for j in range(place.shape[0]):
        position = near[j]
        floor = np.floor(position)
        lower[j] = np.int32(floor)
        near[j] = shared(position - floor, drop)
        far[j] = shared(position - floor - 1.0, drop)


@kernel
def _split_planes(
    place: NDArray[np.float32],
    first_plane: int,
    plane: int,
    sizes: tuple[float, float, float],
    lower: NDArray[np.int32],
    near: NDArray[np.float64],
    far: NDArray[np.float64],
) -> None:
    """Find which parts of drops lie in the plane below their centre and in that above."""
    for j in range(place.shape[0]):
        near[j] = place[j, 2]
    for j in range(place.shape[0]):
        position = near[j] - first_plane
        floor = np.floor(position)
        lower[j] = np.int32(floor)
        size = sizes[0] if floor < plane else sizes[1]
        next_size = sizes[1] if floor < plane else sizes[2]
        near[j] = shared(position - floor, size) / size
        far[j] = shared(position - floor - 1.0, next_size) / next_size


@kernel
def add_small_drops(
    sheets: NDArray[np.float64],
    row: int,
    margin: int,
    place: NDArray[np.float32],
    light: NDArray[np.float32],
    slit: NDArray[np.int32],
    rejected: NDArray[np.uint8],
    weights: NDArray[np.float64],
    first_plane: int,
    plane: int,
    across: tuple[float, float],
    sizes: tuple[float, float, float],
    lower: NDArray[np.int32],
    shares: NDArray[np.float64],
) -> None:
    """Add drops that are no larger than a voxel.

    Parameters
    ----------
    sheets : float64[depth, ...]
        Sums of a ring of planes, see `pipeline.kernels.planes`; ``depth`` is a power of 2.
    row, margin : int
        Length of a row of a sheet, and voxels before its first row and column.
    place, light, slit, rejected
        Pixels of one plane of cells, at most `AT_ONCE`, see
        `pipeline.kernels.planes.add_planes`.
    weights : float64[n_exposures]
        Weight of each exposure over the area of a drop [1/voxel**2].
    first_plane, plane : int
        Plane of the cube that sheets are counted from, and that of the cells, counted
        from it.
    across : (float, float)
        Size of a drop along x and y [voxel].
    sizes : (float, float, float)
        Size of a drop along z in the plane before that of the cells, in it, and in the
        one behind [voxel].
    lower, shares : int32[3, AT_ONCE], float64[6, AT_ONCE]
        Work space.
    """
    n = place.shape[0]
    _split(place, 0, across[0], lower[0], shares[0], shares[1])
    _split(place, 1, across[1], lower[1], shares[2], shares[3])
    _split_planes(place, first_plane, plane, sizes, lower[2], shares[4], shares[5])
    columns, lines, planes = lower[0], lower[1], lower[2]
    for j in range(n):
        columns[j] = (lines[j] + margin) * row + (columns[j] + margin) * SUMS
    sums, size, mask = sheets.reshape(-1), sheets.shape[1], sheets.shape[0] - 1
    beside, behind = np.uint64(SUMS), np.uint64(row)
    left, right, front, back = shares[0], shares[1], shares[2], shares[3]
    for j in range(n):
        if rejected[j]:
            continue
        value, variance = np.float64(light[j, 0]), np.float64(light[j, 1])
        weight = weights[slit[j] >> 11]
        fore, rear = front[j] * weight, back[j] * weight
        for k in range(2):
            part = shares[4 + k, j]
            q = np.uint64(((planes[j] + k) & mask) * size + columns[j])
            add(sums, q, part * fore * left[j], value, variance)
            add(sums, q + beside, part * fore * right[j], value, variance)
            add(sums, q + behind, part * rear * left[j], value, variance)
            add(sums, q + behind + beside, part * rear * right[j], value, variance)
