"""Least-squares surfaces: products of Chebyshev polynomials of column and row."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.normal import cholesky, substitute


@kernel
def _terms(x: float, y: float, n_x: int, n_y: int, terms: NDArray[np.float64]) -> None:
    """Fill the ``n_x * n_y`` products of Chebyshev polynomials at one point."""
    in_x = 1.0
    before_x = x
    for i in range(n_x):
        in_y = 1.0
        before_y = y
        for j in range(n_y):
            terms[i * n_y + j] = in_x * in_y
            in_y, before_y = 2.0 * y * in_y - before_y, in_y
        in_x, before_x = 2.0 * x * in_x - before_x, in_x


@kernel
def add_places(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    n_x: int,
    n_y: int,
    matrix: NDArray[np.float64],
    vector: NDArray[np.float64],
) -> None:
    """Add places to the normal equations of a surface; negative weights take them out.

    Parameters
    ----------
    x, y : float64[n]
        Places, within -1 and 1.
    values : float64[n]
        Values there.
    weights : float64[n]
        Inverse variances; 0 leaves a value out.
    n_x, n_y : int
        Numbers of polynomials in either direction.
    matrix, vector : float64[n_x * n_y, n_x * n_y], float64[n_x * n_y]
        Normal equations (lower triangle), updated in place.
    """
    m = n_x * n_y
    terms = np.empty(m)
    for k in range(x.shape[0]):
        if weights[k] != 0.0:
            _terms(x[k], y[k], n_x, n_y, terms)
            for a in range(m):
                weighted = weights[k] * terms[a]
                vector[a] += weighted * values[k]
                for b in range(a + 1):
                    matrix[a, b] += weighted * terms[b]


@kernel
def solve_surface(
    matrix: NDArray[np.float64], vector: NDArray[np.float64], n_x: int, n_y: int
) -> NDArray[np.float64]:
    """Solve the normal equations of a surface.

    Parameters
    ----------
    matrix, vector : float64[m, m], float64[m]
        As `add_places` leaves them; not changed.
    n_x, n_y : int
        Numbers of polynomials in either direction, ``m`` is their product.

    Returns
    -------
    float64[n_x, n_y]
        Chebyshev coefficients; NaN where the places do not determine them.
    """
    factor, solution = matrix.copy(), vector.copy()
    if cholesky(factor, n_x * n_y):
        substitute(factor, solution, n_x * n_y)
    else:
        solution[:] = np.nan
    return solution.reshape(n_x, n_y)


@kernel
def surface_at(
    coefficients: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Evaluate a surface.

    Parameters
    ----------
    coefficients : float64[n_x, n_y]
        As from `fit_surface`.
    x, y : float64[n]
        Places, within -1 and 1.

    Returns
    -------
    float64[n]
        Values there.
    """
    n_x, n_y = coefficients.shape
    flat, terms = coefficients.ravel(), np.empty(n_x * n_y)
    values = np.empty(x.shape[0])
    for k in range(x.shape[0]):
        _terms(x[k], y[k], n_x, n_y, terms)
        values[k] = 0.0
        for a in range(n_x * n_y):
            values[k] += flat[a] * terms[a]
    return values
