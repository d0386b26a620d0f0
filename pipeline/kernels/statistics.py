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
    histogram: NDArray[np.int64],
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
    histogram : int64[n_bins]
        Number of values in each bin, updated in place; the outermost bins take what
        lies beyond.
    """
    last = histogram.shape[0] - 1
    n, total, squares = 0, 0.0, 0.0
    low, high = sums[3], sums[4]
    for y in range(data.shape[0]):
        for x in range(data.shape[1]):
            value = np.float64(data[y, x])  # float() would stay single precision
            if value == value:
                n += 1
                total += value
                squares += value * value
                low, high = min(low, value), max(high, value)
                histogram[int(min(max((value - first) / width, 0.0), last))] += 1
    sums[0] += n
    sums[1] += total
    sums[2] += squares
    sums[3], sums[4] = low, high


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
