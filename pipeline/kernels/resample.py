"""Resampling of scattered pixels onto a regular grid of voxels.

Positions are grid coordinates: 0-based, voxel centres at whole numbers. The *cell* of a
pixel is the voxel its centre lies in. A slab holds the cells of some planes; its
results do not depend on where it was cut, since every voxel sums its pixels in the
order of the arrays.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def cell_numbers(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    z: NDArray[np.float32],
    shape: tuple[int, int, int],
    first_plane: int,
) -> NDArray[np.int32]:
    """Return the number of the cell of each pixel in a slab.

    Parameters
    ----------
    x, y, z : float32[n]
        Grid coordinates [voxel].
    shape : (int, int, int)
        Planes, rows and columns of the slab.
    first_plane : int
        Plane of the cube at which the slab begins.

    Returns
    -------
    cells : int32[n]
        ``(plane * ny + row) * nx + column`` within the slab, -1 outside of it.
    """
    nz, ny, nx = shape
    cells = np.empty(x.shape[0], np.int32)
    for i in range(x.shape[0]):
        cells[i] = -1
        if np.isfinite(x[i]) and np.isfinite(y[i]) and np.isfinite(z[i]):
            column = int(np.floor(x[i] + 0.5))
            row = int(np.floor(y[i] + 0.5))
            plane = int(np.floor(z[i] + 0.5)) - first_plane
            if 0 <= column < nx and 0 <= row < ny and 0 <= plane < nz:
                cells[i] = (plane * ny + row) * nx + column
    return cells


@kernel
def sort_by_cell(
    cells: NDArray[np.int32], n_cells: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Sort pixels by cell, keeping their order inside a cell.

    Parameters
    ----------
    cells : int32[n]
        Cell of each pixel, -1 for none.
    n_cells : int
        Number of cells.

    Returns
    -------
    start : int32[n_cells + 1]
        Where the pixels of each cell begin in ``order``.
    order : int32[n_used]
        Pixel numbers, cell after cell.
    """
    start = np.zeros(n_cells + 1, np.int32)
    for i in range(cells.shape[0]):
        if cells[i] >= 0:
            start[cells[i] + 1] += 1
    for k in range(n_cells):
        start[k + 1] += start[k]
    order = np.empty(start[n_cells], np.int32)
    place = start[:n_cells].copy()
    for i in range(cells.shape[0]):
        if cells[i] >= 0:
            order[place[cells[i]]] = i
            place[cells[i]] += 1
    return start, order


@kernel
def reached_spaxels(
    cells: NDArray[np.int32], bounds: NDArray[np.int64], shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Mark the spaxels in which exposures have pixels.

    Parameters
    ----------
    cells : int32[n]
        Cell of each pixel, -1 for none.
    bounds : int64[n_exposures + 1]
        Pixels ``bounds[k]:bounds[k + 1]`` are of exposure ``k``.
    shape : (int, int, int)
        Planes, rows and columns of the cells.

    Returns
    -------
    bool[n_exposures, ny, nx]
    """
    _, ny, nx = shape
    reached = np.zeros((bounds.shape[0] - 1, ny, nx), np.bool_)
    for k in range(reached.shape[0]):
        for i in range(bounds[k], bounds[k + 1]):
            if cells[i] >= 0:
                spaxel = cells[i] % (ny * nx)
                reached[k, spaxel // nx, spaxel % nx] = True
    return reached


@kernel
def overlap(offset: float, drop: float) -> float:
    """Return the fraction of a drop that falls into a voxel of size one.

    Parameters
    ----------
    offset : float
        Distance of the centres [voxel].
    drop : float
        Size of the drop [voxel].
    """
    shared = 0.5 * (drop + 1.0) - abs(offset)
    return max(min(shared, drop, 1.0), 0.0) / drop


@kernel
def drizzle(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    z: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    rejected: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    weights: NDArray[np.float64],
    drop: tuple[float, float, float],
    reach: int,
    shape: tuple[int, int, int],
    first_plane: int,
) -> NDArray[np.float64]:
    """Sum pixels into the voxels that their drops overlap (Fruchter & Hook 2002).

    Parameters
    ----------
    x, y, z : float32[n]
        Grid coordinates [voxel].
    data, stat : float32[n]
        Values and their variances.
    rejected : uint8[n]
        Non-zero for pixels that must not be used.
    bounds : int64[n_exposures + 1]
        Pixels ``bounds[k]:bounds[k + 1]`` are of exposure ``k``.
    weights : float64[n_exposures]
        Weight of each exposure.
    drop : (float, float, float)
        Size of a drop along x, y and z [voxel]; its sides are parallel to the grid.
    reach : int
        Farthest voxel considered, counted from the pixel's own [voxel].
    shape : (int, int, int)
        Planes, rows and columns of the slab.
    first_plane : int
        Plane of the cube at which the slab begins.

    Returns
    -------
    sums : float64[nz, ny, nx, 3]
        Sums of w, w d and w**2 v over the pixels of each voxel.
    """
    nz, ny, nx = shape
    sums = np.zeros((nz, ny, nx, 3))
    along_x = np.empty(2 * reach + 1)
    half_x, half_y, half_z = 0.5 * (drop[0] + 1), 0.5 * (drop[1] + 1), 0.5 * (drop[2] + 1)
    for k in range(weights.shape[0]):
        for i in range(bounds[k], bounds[k + 1]):
            if rejected[i]:
                continue
            px, py, pz = float(x[i]), float(y[i]), float(z[i]) - first_plane
            cx, cy = int(np.floor(px + 0.5)), int(np.floor(py + 0.5))
            cz = int(np.floor(pz + 0.5))
            x0 = max(int(np.ceil(px - half_x)), cx - reach, 0)
            x1 = min(int(np.floor(px + half_x)), cx + reach, nx - 1)
            y0 = max(int(np.ceil(py - half_y)), cy - reach, 0)
            y1 = min(int(np.floor(py + half_y)), cy + reach, ny - 1)
            z0 = max(int(np.ceil(pz - half_z)), cz - reach, 0)
            z1 = min(int(np.floor(pz + half_z)), cz + reach, nz - 1)
            value, variance = float(data[i]), float(stat[i])
            for a in range(x0, x1 + 1):
                along_x[a - x0] = overlap(px - a, drop[0])
            for c in range(z0, z1 + 1):
                wz = weights[k] * overlap(pz - c, drop[2])
                for b in range(y0, y1 + 1):
                    wzy = wz * overlap(py - b, drop[1])
                    for a in range(x0, x1 + 1):
                        w = wzy * along_x[a - x0]
                        sums[c, b, a, 0] += w
                        sums[c, b, a, 1] += w * value
                        sums[c, b, a, 2] += w * w * variance
    return sums


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


@kernel
def nearest(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    z: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    rejected: NDArray[np.uint8],
    start: NDArray[np.int32],
    order: NDArray[np.int32],
    shape: tuple[int, int, int],
    first_plane: int,
    first_cell_plane: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give each voxel the value of the pixel in its cell that lies nearest its centre.

    Parameters
    ----------
    x, y, z : float32[n]
        Grid coordinates [voxel].
    data, stat : float32[n]
        Values and their variances.
    rejected : uint8[n]
        Non-zero for pixels that must not be used.
    start, order : int32[n_cells + 1], int32[n_used]
        Pixels by cell, see `sort_by_cell`.
    shape : (int, int, int)
        Planes, rows and columns of the result.
    first_plane, first_cell_plane : int
        Planes of the cube at which the result and the cells begin.

    Returns
    -------
    data, stat : float32[nz, ny, nx]
        Value and variance; NaN in voxels without a pixel.
    """
    nz, ny, nx = shape
    values = np.full((nz, ny, nx), np.nan, np.float32)
    variances = np.full((nz, ny, nx), np.nan, np.float32)
    for c in range(nz):
        for b in range(ny):
            for a in range(nx):
                cell = ((c + first_plane - first_cell_plane) * ny + b) * nx + a
                closest = np.inf
                for k in range(start[cell], start[cell + 1]):
                    i = order[k]
                    if rejected[i]:
                        continue
                    dx, dy, dz = x[i] - a, y[i] - b, z[i] - (c + first_plane)
                    distance = dx * dx + dy * dy + dz * dz
                    if distance < closest:
                        closest = distance
                        values[c, b, a] = data[i]
                        variances[c, b, a] = stat[i]
    return values, variances
