"""Levels of slices in ranges of wavelength: sums over their columns, and factors."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def range_of(wavelength: float, edges: NDArray[np.float64], last: int) -> int:
    """Return the range in which a wavelength lies, -1 for none.

    Parameters
    ----------
    wavelength
        [Angstrom].
    edges : float64[n + 1]
        Rising; a range holds its blue edge, not its red one.
    last
        Where to begin to look: the range of a neighbour, or -1.
    """
    n = edges.shape[0] - 1
    if not (wavelength >= edges[0] and wavelength < edges[n]):
        return -1
    k = last if last >= 0 else 0
    while wavelength < edges[k]:
        k -= 1
    while wavelength >= edges[k + 1]:
        k += 1
    return k


@kernel
def add_to_columns(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    origin: NDArray[np.uint32],
    corner: tuple[float, float],
    mask: NDArray[np.bool_],
    edges: NDArray[np.float64],
    row_of: NDArray[np.int32],
    sums: NDArray[np.float64],
) -> None:
    """Add the pixels inside a mask to the detector column and range they belong to.

    Parameters
    ----------
    x, y, wavelength, data, dq, origin : [n]
        Pixels; flagged ones are left out.
    corner
        Coordinates of the centre of the first element of the mask.
    mask : bool[ny, nx]
        Elements that count.
    edges : float64[n_ranges + 1]
        Of the ranges of wavelength [Angstrom].
    row_of : int32[2048]
        Row of ``sums`` for the lower 11 bits of ``origin`` (IFU and slice); negative for
        none.
    sums : float64[n_slices, n_ranges, n_columns, 2]
        Increased by 1 and by the pixel's value.
    """
    ny, nx = mask.shape
    n_columns = sums.shape[2]
    k = -1
    for i in range(data.shape[0]):
        if dq[i] != 0 or not np.isfinite(data[i]):
            continue
        row = row_of[origin[i] & np.uint32(0x7FF)]
        column = origin[i] >> np.uint32(24)
        k = range_of(wavelength[i], edges, k)
        if row < 0 or column >= n_columns or k < 0:
            continue
        a = int(np.floor(x[i] - corner[0] + 0.5))
        b = int(np.floor(y[i] - corner[1] + 0.5))
        if a < 0 or a >= nx or b < 0 or b >= ny or not mask[b, a]:
            continue
        sums[row, k, column, 0] += 1.0
        sums[row, k, column, 1] += data[i]


@kernel
def multiply_slices(
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    origin: NDArray[np.uint32],
    edges: NDArray[np.float64],
    row_of: NDArray[np.int32],
    factors: NDArray[np.float64],
) -> None:
    """Multiply pixels in place by the factor of their slice and range of wavelength.

    Parameters
    ----------
    wavelength, data, stat, origin : [n]
        Pixels; ``data`` and ``stat`` are changed.
    edges, row_of
        See `add_to_columns`.
    factors : float64[n_slices, n_ranges]
    """
    k = -1
    for i in range(data.shape[0]):
        row = row_of[origin[i] & np.uint32(0x7FF)]
        k = range_of(wavelength[i], edges, k)
        if row < 0 or k < 0:
            continue
        factor = factors[row, k]
        data[i] *= factor
        stat[i] *= factor * factor
