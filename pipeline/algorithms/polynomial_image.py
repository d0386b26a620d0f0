"""Two-dimensional polynomials fitted to images."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


def polynomial_image(image: Image, good: Mask, orders: tuple[int, int]) -> Image:
    """Return the fit of all products of powers of x and y to the good pixels.

    Parameters
    ----------
    image : float32[ny, nx]
        Values.
    good : bool[ny, nx]
        Pixels that are fitted; their extent scales the coordinates.
    orders
        Highest powers of x and y.

    Returns
    -------
    fit : float32[ny, nx]
        The polynomial everywhere.
    """
    rows, columns = np.nonzero(good)
    x = _terms(columns, image.shape[1], orders[0])
    y = _terms(rows, image.shape[0], orders[1])
    terms = (y[rows][:, :, None] * x[columns][:, None, :]).reshape(len(rows), -1)
    found = np.linalg.lstsq(terms, image[good].astype(np.float64), rcond=None)[0]
    return np.asarray(y @ found.reshape(y.shape[1], x.shape[1]) @ x.T, np.float32)


def _terms(used: NDArray[np.intp], n: int, order: int) -> NDArray[np.float64]:
    """Return Chebyshev polynomials at 0 ... n - 1, scaled to the places used."""
    low, high = float(used.min()), float(used.max())
    scaled = (np.arange(n) - 0.5 * (low + high)) / max(0.5 * (high - low), 0.5)
    return np.polynomial.chebyshev.chebvander(scaled, order)
