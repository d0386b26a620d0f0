"""Filters over the nearest pixels of an image.

Those of `scipy.ndimage`, whose import costs a tenth of a second, do the same.
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]
Mask = NDArray[np.bool_]
Neighbours = Literal["sides", "corners"]
"""Which of the nearest eight pixels count: those that share a side, or a corner, too."""

_TRUNCATE = 4.0
"""Widths of a Gaussian beyond which it is nothing."""


def shrunk(mask: Mask, neighbours: Neighbours = "sides") -> Mask:
    """Return the pixels all of whose neighbours belong to a mask; none outside do."""
    return np.asarray(np.logical_and.reduce(list(_shifted(mask, 1, neighbours))))


def grown(mask: Mask, neighbours: Neighbours = "sides") -> Mask:
    """Return a mask with the neighbours of its pixels."""
    return np.asarray(np.logical_or.reduce(list(_shifted(mask, 1, neighbours))))


def opened(mask: Mask, neighbours: Neighbours = "sides") -> Mask:
    """Return a mask without the parts that are smaller than a neighbourhood."""
    return grown(shrunk(mask, neighbours), neighbours)


def highest(image: Image, reach: int) -> Image:
    """Return the highest value of the square around each pixel."""
    outside = {"mode": "constant", "constant_values": -np.inf}
    shifted = _shifted(image, reach, "corners", **outside)
    return np.asarray(np.maximum.reduce(list(shifted)))


def mean_around(image: Image) -> Image:
    """Return the mean of the 3 x 3 pixels around each one; mirrored at the edges."""
    shifted = list(_shifted(image, 1, "corners", mode="symmetric"))
    return np.asarray(np.mean(shifted, axis=0))


def smoothed(image: Image, sigma: float) -> Image:
    """Smooth an image by a Gaussian [pix] along both axes; mirrored at the edges."""
    kernel = gaussian(sigma)
    for _ in range(image.ndim):
        edges = [(0, 0)] * (image.ndim - 1) + [(kernel.size // 2,) * 2]
        wide = np.pad(image, edges, mode="symmetric")
        rows = [np.convolve(row, kernel, mode="valid") for row in wide]
        image = np.array(rows).T
    return image


def gaussian(sigma: float) -> NDArray[np.float64]:
    """Return a Gaussian of area 1, float64[2 n + 1]."""
    n = int(_TRUNCATE * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-n, n + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum())


def between(image: Image, y: Image, x: Image) -> Image:
    """Return values between the pixels, linear in both directions.

    Parameters
    ----------
    image : float64[ny, nx]
    y, x : float64[n]
        Places inside the image [pix, 0-based].
    """
    b, a = y.astype(int), x.astype(int)
    above, right = np.minimum(b + 1, len(image) - 1), np.minimum(a + 1, len(image[0]) - 1)
    v, u = y - b, x - a
    low = image[b, a] * (1 - u) + image[b, right] * u
    high = image[above, a] * (1 - u) + image[above, right] * u
    return np.asarray(low * (1 - v) + high * v)


def _shifted(
    image: NDArray[Any], reach: int, neighbours: Neighbours, **outside: Any
) -> Iterator[NDArray[Any]]:
    """Yield an image shifted by up to ``reach`` in both directions.

    Without ``outside``, which says how to fill up (see `numpy.pad`), by nothing.
    """
    ny, nx = image.shape
    wide = np.pad(image, reach, **(outside or {"mode": "constant"}))
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            if neighbours == "corners" or reach in (dy, dx):
                yield wide[dy : dy + ny, dx : dx + nx]
