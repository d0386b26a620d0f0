"""Small symmetric systems, as least squares make them."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def cholesky(matrix: NDArray[np.float64], n: int) -> bool:
    """Replace the lower triangle of ``matrix[:n, :n]`` by its Cholesky factor.

    Parameters
    ----------
    matrix : float64[m, m]
        Symmetric matrix, lower triangle filled; changed in place.
    n : int
        Number of rows in use.

    Returns
    -------
    bool
        False if the matrix is not positive definite (to 1e-13 of its diagonal).
    """
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i != j:
                matrix[i, j] = total / matrix[j, j]
            elif total > 1e-13 * matrix[i, i]:
                matrix[i, i] = np.sqrt(total)
            else:
                return False
    return True


@kernel
def substitute(factor: NDArray[np.float64], vector: NDArray[np.float64], n: int) -> None:
    """Solve the system of a Cholesky ``factor`` for ``vector``, in place.

    Parameters
    ----------
    factor : float64[m, m]
        As `cholesky` leaves it.
    vector : float64[m]
        Right-hand side; becomes the solution.
    n : int
        Number of rows in use.
    """
    for i in range(n):
        for k in range(i):
            vector[i] -= factor[i, k] * vector[k]
        vector[i] /= factor[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            vector[i] -= factor[k, i] * vector[k]
        vector[i] /= factor[i, i]
