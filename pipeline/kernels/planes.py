"""Planes of a cube from pixels sorted by cell, finished one after the other.

Pixels of one plane of cells add to few planes of voxels. Their sums w, w d and w**2 v
are kept as sheets in a ring: a plane that no further pixel can reach is finished and
its sheet serves the next one. What is in work thus fits into the cache of a core,
however tall the slab is, and planes of cells may come a few at a time.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.drops import AT_ONCE, SUMS, add, add_small_drops
from pipeline.kernels.weighting import DRIZZLE, distance_weight, shared


@kernel
def empty_sheets(
    method: int,
    reach: int,
    drop: tuple[float, float, float],
    voxel: tuple[float, float],
    field: tuple[int, int],
) -> NDArray[np.float64]:
    """Return a ring of sheets for `add_planes`, which describes the parameters.

    ``field``: rows and columns of the result.
    """
    margin, depth = _margin(method, reach, drop, voxel), 4
    while depth < 2 * reach + 1:
        depth *= 2
    return np.zeros((depth, (field[0] + 2 * margin) * (field[1] + 2 * margin) * SUMS))


@kernel
def _margin(
    method: int, reach: int, drop: tuple[float, float, float], voxel: tuple[float, float]
) -> int:
    """Return how many voxels a sheet has before the first and behind the last."""
    if method != DRIZZLE:
        return reach
    return int(np.ceil(max(drop[0] / voxel[0], drop[1] / voxel[1]))) + 1


@kernel
def add_planes(
    place: NDArray[np.float32],
    light: NDArray[np.float32],
    slit: NDArray[np.int32],
    rejected: NDArray[np.uint8],
    start: NDArray[np.int32],
    planes: tuple[int, int],
    weights: NDArray[np.float64],
    method: int,
    reach: int,
    drop: tuple[float, float, float],
    radius: float,
    voxel: tuple[float, float],
    height: NDArray[np.float64],
    first_plane: int,
    sheets: NDArray[np.float64],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
) -> None:
    """Add planes of cells to the weighted means of the pixels around each voxel.

    Parameters
    ----------
    place : float32[n, 3]
        Grid coordinates x, y, z [voxel], sorted by cell.
    light : float32[n, 2]
        Values and their variances.
    slit : int32[n]
        ``exposure << 11 | ...``, see `pipeline.kernels.sorting.sort_pixels`.
    rejected : uint8[n]
        Non-zero for pixels that must not be used.
    start : int32[n_cells + 1]
        Where the pixels of each cell of the planes begin, and the end of the last.
    planes : (int, int)
        Planes of the cube in which these cells lie, the last one excluded. They follow
        those of the call before; the first ``reach`` before the result come first.
    weights : float64[n_exposures]
        Weight of each exposure.
    method : int
        Of `pipeline.kernels.weighting`, not ``NEAREST``.
    reach : int
        Farthest voxel that a pixel adds to, counted from its cell.
    drop : (float, float, float)
        Size of a drop along x, y and z [detector pixel], with sides parallel to the
        grid (Fruchter & Hook 2002).
    radius : float
        Critical radius of ``RENKA`` [detector pixel].
    voxel : (float, float)
        Size of a voxel along x and y [detector pixel].
    height : float64[nz]
        Size of the voxels of each plane along z [detector pixel].
    first_plane : int
        Plane of the cube at which the result begins.
    sheets
        Of `empty_sheets`; changed.
    data, stat : float32[nz, ny, nx]
        The planes ``reach`` below those that are added are filled in: weighted mean and
        its variance; NaN in voxels without a pixel of any weight.
    """
    nz, ny, nx = data.shape
    across = (drop[0] / voxel[0], drop[1] / voxel[1])
    along = np.empty(nz + 2 * (2 * reach + 3))  # drops in voxels of planes, and beyond
    longest = max(across[0], across[1])
    for k in range(along.shape[0]):
        along[k] = drop[2] / height[min(max(k - 2 * reach - 3, 0), nz - 1)]
        longest = max(longest, along[k])
    small = method == DRIZZLE and longest <= 1.0  # (np.max would import scipy.linalg)
    lower, shares = np.empty((3, AT_ONCE), np.int32), np.empty((6, AT_ONCE))
    by_area = weights / (across[0] * across[1])
    margin = _margin(method, reach, drop, voxel)
    row = (nx + 2 * margin) * SUMS
    for p in range(planes[1] - planes[0]):
        plane = planes[0] + p - first_plane
        if plane + reach < 0 or plane - reach >= nz:
            continue
        first, last = start[p * ny * nx], start[(p + 1) * ny * nx]
        if small:
            k = plane + 2 * reach + 3
            sizes = along[k - 1], along[k], along[k + 1]
            for i in range(first, last, AT_ONCE):
                some = slice(i, min(i + AT_ONCE, last))
                add_small_drops(
                    sheets, row, margin, place[some], light[some], slit[some],
                    rejected[some], by_area, first_plane, plane, across, sizes,
                    lower, shares,
                )  # fmt: skip
            first = last
        for i in range(first, last):
            if rejected[i]:
                continue
            x, y = float(place[i, 0]), float(place[i, 1])
            z = float(place[i, 2]) - first_plane
            value, variance = float(light[i, 0]), float(light[i, 1])
            weight = weights[slit[i] >> 11]
            if method != DRIZZLE:
                _add_by_distance(
                    sheets, row, margin, (x, y, z), plane, value, variance, weight,
                    method, radius, reach, voxel, height,
                )  # fmt: skip
            else:
                _add_drop(
                    sheets, row, margin, (x, y, z), plane, value, variance, weight,
                    across, along, 2 * reach + 3, reach,
                )  # fmt: skip
        done = plane - reach
        _finish(sheets[done & (sheets.shape[0] - 1)], row, margin, done, data, stat)


@kernel
def _add_drop(
    sheets: NDArray[np.float64],
    row: int,
    margin: int,
    place: tuple[float, float, float],
    plane: int,
    value: float,
    variance: float,
    weight: float,
    across: tuple[float, float],
    along: NDArray[np.float64],
    below: int,
    reach: int,
) -> None:
    """Add a drop of any size to the voxels within reach."""
    x, y, z = place
    column, line = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    half_x, half_y = 0.5 * (across[0] + 1.0), 0.5 * (across[1] + 1.0)
    a0 = max(int(np.ceil(x - half_x)), column - reach)
    a1 = min(int(np.floor(x + half_x)), column + reach)
    b0 = max(int(np.ceil(y - half_y)), line - reach)
    b1 = min(int(np.floor(y + half_y)), line + reach)
    weight /= across[0] * across[1]
    for c in range(plane - reach, plane + reach + 1):
        size = along[c + below]
        wz = weight * shared(z - c, size) / size
        if wz == 0.0:
            continue
        sheet = sheets[c & (sheets.shape[0] - 1)]
        for b in range(b0, b1 + 1):
            wzy = wz * shared(y - b, across[1])
            q = (b + margin) * row + (a0 + margin) * SUMS
            for a in range(a0, a1 + 1):
                add(sheet, np.uint64(q), wzy * shared(x - a, across[0]), value, variance)
                q += SUMS


@kernel
def _add_by_distance(
    sheets: NDArray[np.float64],
    row: int,
    margin: int,
    place: tuple[float, float, float],
    plane: int,
    value: float,
    variance: float,
    weight: float,
    method: int,
    radius: float,
    reach: int,
    voxel: tuple[float, float],
    height: NDArray[np.float64],
) -> None:
    """Add a pixel to all voxels within reach."""
    x, y, z = place
    column, line = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    for c in range(max(plane - reach, 0), min(plane + reach + 1, height.shape[0])):
        dz = (z - c) * height[c]
        sheet = sheets[c & (sheets.shape[0] - 1)]
        for b in range(line - reach, line + reach + 1):
            dy = (y - b) * voxel[1]
            q = (b + margin) * row + (column - reach + margin) * SUMS
            for a in range(column - reach, column + reach + 1):
                dx = (x - a) * voxel[0]
                w = weight * distance_weight(method, dx, dy, dz, radius, reach)
                add(sheet, np.uint64(q), w, value, variance)
                q += SUMS


@kernel
def _finish(
    sheet: NDArray[np.float64],
    row: int,
    margin: int,
    plane: int,
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
) -> None:
    """Turn a sheet into a plane of the result, where it is one, and clear the sheet."""
    _, ny, nx = data.shape
    if plane >= 0:
        for b in range(ny):
            q = (b + margin) * row + margin * SUMS
            for a in range(nx):
                w = sheet[q]
                if w != 0.0:
                    data[plane, b, a] = sheet[q + 1] / w
                    stat[plane, b, a] = sheet[q + 2] / (w * w)
                else:
                    data[plane, b, a] = np.nan
                    stat[plane, b, a] = np.nan
                q += SUMS
    sheet[:] = 0.0


@kernel
def nearest_planes(
    place: NDArray[np.float32],
    light: NDArray[np.float32],
    rejected: NDArray[np.uint8],
    start: NDArray[np.int32],
    first_plane: int,
    voxel: tuple[float, float],
    height: NDArray[np.float64],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
) -> None:
    """Give each voxel the value of the pixel in its cell that lies nearest its centre.

    Parameters
    ----------
    place, light, rejected, start
        Pixels sorted by cell, see `add_planes`.
    first_plane : int
        Plane of the cube at which the cells and the result begin.
    voxel, height
        As for `add_planes`.
    data, stat : float32[nz, ny, nx]
        Receive value and variance; NaN in voxels without a pixel.
    """
    nz, ny, nx = data.shape
    for c in range(nz):
        for b in range(ny):
            for a in range(nx):
                cell = (c * ny + b) * nx + a
                closest = np.inf
                data[c, b, a], stat[c, b, a] = np.nan, np.nan
                for i in range(start[cell], start[cell + 1]):
                    if rejected[i]:
                        continue
                    dx = (place[i, 0] - a) * voxel[0]
                    dy = (place[i, 1] - b) * voxel[1]
                    dz = (place[i, 2] - (c + first_plane)) * height[c]
                    distance = dx * dx + dy * dy + dz * dz
                    if distance < closest:
                        closest = distance
                        data[c, b, a] = light[i, 0]
                        stat[c, b, a] = light[i, 1]
