"""Pixels sorted by the voxel that their centre lies in, which is their *cell*.

Neighbours on the grid then are neighbours in memory, which rejection and resampling live
on. The order inside a cell is that in which the pixels came, wherever a slab was cut.
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
def count(cells: NDArray[np.int32], counts: NDArray[np.int32]) -> None:
    """Count the pixels of each cell, into ``counts[cell + 1]``."""
    for i in range(cells.shape[0]):
        if cells[i] >= 0:
            counts[cells[i] + 1] += 1


@kernel
def add_up(counts: NDArray[np.int32]) -> None:
    """Turn the counts in place into where the pixels of each cell begin."""
    for k in range(1, counts.shape[0]):
        counts[k] += counts[k - 1]


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
    count(cells, start)
    add_up(start)
    order = np.empty(start[n_cells], np.int32)
    put_in_order(cells, 0, start[:n_cells].copy(), order)
    return start, order


@kernel
def put_in_order(
    cells: NDArray[np.int32],
    first: int,
    following: NDArray[np.int32],
    order: NDArray[np.int32],
) -> None:
    """Put the numbers of pixels, which go on from the first one, where they belong.

    Parameters
    ----------
    cells : int32[n]
        Cell of each pixel, -1 for none.
    first : int
        Number of the first pixel.
    following : int32[n_cells]
        Where the next pixel of each cell belongs; changed.
    order : int32[n_used]
        Receives the numbers.
    """
    for i in range(cells.shape[0]):
        if cells[i] >= 0:
            k = following[cells[i]]
            following[cells[i]] = k + 1
            order[k] = first + i


@kernel
def pack(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    z: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    origin: NDArray[np.uint32],
    exposure: int,
    records: NDArray[np.float32],
) -> None:
    """Put all that is needed of a pixel side by side, so that it is found at once.

    Parameters
    ----------
    x, y, z, data, stat, origin : [n]
        Grid coordinates [voxel], values, variances and origins on the detector.
    exposure : int
        Number of the exposure.
    records : float32[n, 6]
        Receives ``x, y, z, data, stat`` and the bits of the integer
        ``exposure << 11 | ifu << 6 | slice``.
    """
    for i in range(x.shape[0]):
        slit = np.int32(exposure << 11 | np.int64(origin[i] & np.uint32(0x7FF)))
        records[i, 0], records[i, 1], records[i, 2] = x[i], y[i], z[i]
        records[i, 3], records[i, 4] = data[i], stat[i]
        records[i, 5] = slit.view(np.float32)


@kernel
def sort_pixels(
    records: NDArray[np.float32],
    order: NDArray[np.int32],
    place: NDArray[np.float32],
    light: NDArray[np.float32],
    slit: NDArray[np.int32],
) -> None:
    """Take pixels in an order.

    Parameters
    ----------
    records
        Of `pack`.
    order : int32[n]
        Numbers of pixels.
    place : float32[n, 3]
        Receives x, y and z.
    light : float32[n, 2]
        Receives values and variances.
    slit : int32[n]
        Receives ``exposure << 11 | ifu << 6 | slice``.
    """
    for k in range(order.shape[0]):
        i = np.uint32(order[k])
        place[k, 0], place[k, 1], place[k, 2] = records[i, 0], records[i, 1], records[i, 2]
        light[k, 0], light[k, 1] = records[i, 3], records[i, 4]
        slit[k] = np.float32(records[i, 5]).view(np.int32)


@kernel
def reached_spaxels(
    start: NDArray[np.int32], slit: NDArray[np.int32], reached: NDArray[np.bool_]
) -> None:
    """Mark the spaxels in which exposures have pixels.

    Parameters
    ----------
    start : int32[n_planes * ny * nx + 1]
        Where the pixels of each cell begin.
    slit : int32[n]
        See `sort_pixels`.
    reached : bool[n_exposures, ny, nx]
        Set to true where there are pixels, else left as it is.
    """
    n_exposures, ny, nx = reached.shape
    missing = np.full((ny, nx), n_exposures)
    for exposure in range(n_exposures):
        for b in range(ny):
            for a in range(nx):
                missing[b, a] -= int(reached[exposure, b, a])
    for c in range((start.shape[0] - 1) // (ny * nx)):
        for b in range(ny):
            for a in range(nx):
                if missing[b, a] == 0:
                    continue
                cell = (c * ny + b) * nx + a
                for k in range(start[cell], start[cell + 1]):
                    exposure = slit[k] >> 11
                    missing[b, a] -= int(not reached[exposure, b, a])
                    reached[exposure, b, a] = True
