"""Sums over pixels that are gathered block by block."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def add_to_statistics(
    data: NDArray[np.float32],
    first: float,
    width: float,
    sums: NDArray[np.float64],
    histogram: NDArray[np.int32],
) -> None:
    """Add pixels to running sums and a histogram.

    Parameters
    ----------
    data : float32[ny, nx]
        Values; all count, flagged or not, except NaN.
    first, width : float
        Lower limit and width of the bins.
    sums : float64[5]
        Number, sum, sum of squares, smallest and largest value, updated in place.
    histogram : int32[n_bins]
        Number of values in each bin, updated in place; the outermost bins take what
        lies beyond.
    """
    columns, limits, bins = row_space(1, data.shape[1])
    for y in range(data.shape[0]):
        add_row(data[y], first, width, histogram, columns[0], limits[0], bins)
    fold_columns(columns[0], limits[0], sums)


@kernel
def row_space(
    n_images: int, nx: int
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int32]]:
    """Return what `add_row` needs: sums and limits by image and column, and bins."""
    limits = np.empty((n_images, 2, nx), np.float32)
    limits[:, 0], limits[:, 1] = np.inf, -np.inf
    return np.zeros((n_images, 3, nx)), limits, np.empty(nx, np.int32)


@kernel
def add_row(
    row: NDArray[np.float32],
    first: float,
    width: float,
    histogram: NDArray[np.int32],
    columns: NDArray[np.float64],
    limits: NDArray[np.float32],
    bins: NDArray[np.int32],
) -> None:
    """Add a row to the histogram and to the sums and limits of its columns."""
    last = histogram.shape[0] - 1
    n, total, squares = columns[0], columns[1], columns[2]
    low, high = limits[0], limits[1]
    for x in range(row.shape[0]):  # no branches: the compiler takes several pixels at once
        value = row[x]
        known = value == value
        wide = np.float64(value) if known else 0.0
        n[x] += 1.0 if known else 0.0
        total[x] += wide
        squares[x] += wide * wide
        low[x] = value if value < low[x] else low[x]
        high[x] = value if value > high[x] else high[x]
        place = (wide - first) / width
        place = place if place > 0.0 else 0.0
        bins[x] = np.int32(place) if place < last else last
    for x in range(row.shape[0]):
        if row[x] == row[x]:
            histogram[bins[x]] += 1


@kernel
def fold_columns(
    columns: NDArray[np.float64], limits: NDArray[np.float32], sums: NDArray[np.float64]
) -> None:
    """Add what `add_row` gathered to the sums of an image, see `add_to_statistics`."""
    for x in range(columns.shape[1]):
        for k in range(3):
            sums[k] += columns[k, x]
        sums[3], sums[4] = min(sums[3], limits[0, x]), max(sums[4], limits[1, x])


@kernel
def describe_plane(
    data: NDArray[np.float32],
    start: int,
    stop: int,
    limits: NDArray[np.float64],
    columns: NDArray[np.float64],
    squares: NDArray[np.float64],
    counts: NDArray[np.int64],
    rows: NDArray[np.float64],
    row_counts: NDArray[np.int64],
    histogram: NDArray[np.int64],
) -> None:
    """Sum up some columns of an image in one pass.

    Parameters
    ----------
    data : float32[ny, nx]
        Values; all count, but NaN.
    start, stop : int
        Columns to use.
    limits : float64[2]
        Smallest and largest value.
    columns, squares : float64[stop - start]
        Sum, and sum of squares, of each column.
    counts : int64[stop - start]
        Number of values of each column.
    rows, row_counts : float64, int64[ny]
        Sum and number of each row.
    histogram : int64[65536]
        Number of values by `order`, coarsely.

    Notes
    -----
    All results are updated in place.
    """
    nx = stop - start
    lowest, highest = np.full(nx, np.float32(np.inf)), np.full(nx, np.float32(-np.inf))
    for y in range(data.shape[0]):
        row = data[y, start:stop]
        bits = row.view(np.uint32)
        for x in range(nx):
            value = row[x]
            known = value == value
            wide = np.float64(value) if known else 0.0
            counts[x] += np.int64(known)
            columns[x] += wide
            squares[x] += wide * wide
            lowest[x] = value if value < lowest[x] else lowest[x]
            highest[x] = value if value > highest[x] else highest[x]
        n, total = 0, 0.0
        for x in range(nx):
            if row[x] == row[x]:
                n += 1
                total += np.float64(row[x])
                histogram[order(bits[x]) >> np.uint32(16)] += 1
        rows[y] += total
        row_counts[y] += n
    for x in range(nx):
        limits[0], limits[1] = min(limits[0], lowest[x]), max(limits[1], highest[x])


@kernel
def order(bits: np.uint32) -> np.uint32:
    """Return an integer that is in order of the single-precision number of some bits."""
    sign = bits >> np.uint32(31)
    return bits ^ (sign * np.uint32(0x7FFFFFFF) + np.uint32(0x80000000))


@kernel
def values_between(
    data: NDArray[np.float32],
    start: int,
    stop: int,
    first: int,
    last: int,
    found: NDArray[np.float32],
) -> None:
    """Collect the values of some columns that the bins ``first`` to ``last`` hold.

    Parameters
    ----------
    data : float32[ny, nx]
        Values, NaN are left out.
    start, stop : int
        Columns to use.
    first, last : int
        Bins of the histogram of `describe_plane`.
    found : float32[n]
        The values; as many as the bins counted.
    """
    low = np.uint32(first << 16)
    span = np.uint32((last << 16) + 0xFFFF - (first << 16))
    n = 0
    for y in range(data.shape[0]):
        row = data[y, start:stop]
        bits = row.view(np.uint32)
        for x in range(row.shape[0]):
            if np.uint32(order(bits[x]) - low) <= span and row[x] == row[x]:
                found[n] = row[x]
                n += 1


@kernel
def mean_distance(data: NDArray[np.float32], start: int, stop: int, middle: float) -> float:
    """Return the mean distance of the values of some columns from a value.

    Parameters
    ----------
    data : float32[ny, nx]
        Values, NaN are left out.
    start, stop : int
        Columns to use.
    middle : float
        The value, usually the median.
    """
    n, total = 0, 0.0
    for y in range(data.shape[0]):
        row = data[y, start:stop]
        for x in range(row.shape[0]):
            if row[x] == row[x]:
                n += 1
                total += abs(np.float64(row[x]) - middle)
    return total / max(n, 1)


@kernel
def mean_value(data: NDArray[np.float32], start: int, stop: int) -> float:
    """Return the mean of some columns.

    Parameters
    ----------
    data : float32[ny, nx]
        Values, NaN are left out.
    start, stop : int
        Columns to use.
    """
    n, total = 0, 0.0
    for y in range(data.shape[0]):
        row = data[y, start:stop]
        for x in range(row.shape[0]):
            if row[x] == row[x]:
                n += 1
                total += np.float64(row[x])
    return total / n if n > 0 else np.nan
