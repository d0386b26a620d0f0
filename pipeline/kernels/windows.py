"""Least squares with columns that are zero outside a window of rows.

A column is the values in its window; those of all columns stand one after the other.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def products(
    values: NDArray[np.float64],
    bounds: NDArray[np.int64],
    first: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the weighted sums of products of columns with each other.

    Parameters
    ----------
    values : float64[...]
        Of all columns.
    bounds : int64[n_columns + 1]
        Column ``i`` is ``values[bounds[i]:bounds[i + 1]]``.
    first : int64[n_columns]
        Row of its first value.
    weight : float64[n_rows]
        Of each row.

    Returns
    -------
    float64[n_columns, n_columns]
        Symmetric.
    """
    n = first.shape[0]
    sums = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            low, high = _common(bounds, first, i, j)
            a, b = bounds[i] - first[i], bounds[j] - first[j]
            total = 0.0
            for k in range(low, high):
                total += weight[k] * values[a + k] * values[b + k]
            sums[i, j] = total
            sums[j, i] = total
    return sums


@kernel
def quadratic_forms(
    values: NDArray[np.float64],
    bounds: NDArray[np.int64],
    first: NDArray[np.int64],
    matrix: NDArray[np.float64],
    n_rows: int,
) -> NDArray[np.float64]:
    """Return ``c M c`` of the values ``c`` of all columns in each row, float64[n_rows].

    Parameters
    ----------
    values, bounds, first
        The columns, see `products`.
    matrix : float64[n_columns, n_columns]
        Symmetric.
    n_rows
        Number of rows.
    """
    forms = np.zeros(n_rows)
    for i in range(first.shape[0]):
        for j in range(i + 1):
            low, high = _common(bounds, first, i, j)
            a, b = bounds[i] - first[i], bounds[j] - first[j]
            factor = matrix[i, j] if i == j else matrix[i, j] + matrix[j, i]
            for k in range(low, high):
                forms[k] += factor * values[a + k] * values[b + k]
    return forms


@kernel
def _common(
    bounds: NDArray[np.int64], first: NDArray[np.int64], i: int, j: int
) -> tuple[int, int]:
    """Return where the rows that two columns have in common begin and end."""
    low = max(first[i], first[j])
    high = min(first[i] + bounds[i + 1] - bounds[i], first[j] + bounds[j + 1] - bounds[j])
    return low, high
