"""Polynomials in two dimensions through the good pixels of large images."""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

_ROWS = 64


@dataclass(frozen=True)
class FittedSurface:
    """A polynomial over an image.

    ``along_y``, ``along_x``: float64[ny, n], float64[nx, n], Legendre polynomials at all
    rows and columns; ``coefficients``: float64[n, n].
    """

    along_y: NDArray[np.floating]
    along_x: NDArray[np.floating]
    coefficients: NDArray[np.floating]

    def read(
        self, rows: slice = slice(None), columns: slice = slice(None)
    ) -> NDArray[np.float32]:
        """Return the values in some rows and columns, float32[n_rows, n_columns]."""
        values = self.along_y[rows] @ self.coefficients @ self.along_x[columns].T
        return np.asarray(values, dtype=np.float32)


def fit_surface(
    data: NDArray[np.float32], good: NDArray[np.bool_], order: int
) -> FittedSurface:
    """Return the least-squares polynomial of an order in x and in y.

    The sums over a row have one small matrix product in common, so no design matrix of all
    pixels is needed.

    Parameters
    ----------
    data
        float32[ny, nx].
    good
        bool[ny, nx], pixels that count.
    order
        Largest power of each coordinate, whatever that of the other.

    Returns
    -------
    FittedSurface
        Zero where nothing constrains it.
    """
    ny, nx = data.shape
    n = order + 1
    along_y = legvander(np.linspace(-1, 1, ny), order)
    along_x = legvander(np.linspace(-1, 1, nx), order)
    pairs_x = (along_x[:, :, None] * along_x[:, None, :]).reshape(nx, n * n)
    pairs_y = (along_y[:, :, None] * along_y[:, None, :]).reshape(ny, n * n)
    matrix, vector = np.zeros((n * n, n * n)), np.zeros((n, n))
    for start in range(0, ny, _ROWS):
        rows = slice(start, start + _ROWS)
        weight = good[rows].astype(np.float64)
        matrix += pairs_y[rows].T @ (weight @ pairs_x)
        vector += along_y[rows].T @ (np.where(good[rows], data[rows], 0.0) @ along_x)
    normal = matrix.reshape(n, n, n, n).transpose(0, 2, 1, 3).reshape(n * n, n * n)
    solution = np.linalg.lstsq(normal, vector.ravel(), rcond=None)[0].reshape(n, n)
    return FittedSurface(along_y, along_x, solution)
