"""Vignetted regions of the field: where they are and how much light they lose.

Until March 2017 lamp flats of the wide field were vignetted in a corner, so the sky flats
divided by them are too bright there; in the narrow field the sky itself is vignetted at
the top of the field (MUSE pipeline manual, muse_twilight).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.polynomial_image import Image, Mask, polynomial_image
from pipeline.kernels.twilight import median_filter

Method = Literal["polyfit", "gaussian", "median"]

RECOMMENDED = {"polyfit": 4, "gaussian": 10, "median": 5}
"""Order, FWHM [pix] or box [pix] where none is given (genuine pipeline)."""

SIGMA_OF_FWHM = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))


@dataclass(frozen=True)
class Smoothing:
    """How a vignetted region is smoothed.

    Parameters
    ----------
    method
        ``polyfit``, ``gaussian`` or ``median``.
    x, y
        Orders of the polynomial, sizes of the median box [pix], or two numbers whose
        mean is the FWHM of the Gaussian [pix]; negative: the recommended one.
    steepest
        Pixels that differ from a neighbour by more are left out; 0 for none.
    brightens
        Whether the region can only be too bright (wide field) or too dark (narrow field).
    """

    method: Method
    x: int
    y: int
    steepest: float
    brightens: bool

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers along x and y, the recommended ones where none are given."""
        usual = RECOMMENDED[self.method]
        return (self.x if self.x >= 0 else usual), (self.y if self.y >= 0 else usual)

    def one_sided(self, ratio: Image) -> Image:
        """Return a ratio without values that vignetting cannot cause."""
        one = np.float32(1.0)
        return np.maximum(ratio, one) if self.brightens else np.minimum(ratio, one)


@dataclass(frozen=True)
class Vignetting:
    """A vignetted region, smoothed.

    Attributes
    ----------
    factor : float32[ny, nx]
        Factor of the smooth field; 1 outside the region.
    used : bool[ny, nx]
        Pixels it was made from.
    region : bool[ny, nx]
        The region.
    """

    factor: Image
    used: Mask
    region: Mask


def adapted_mask(mask: Mask, shape: tuple[int, int]) -> Mask:
    """Return a mask of a corner on an image of another size.

    The quadrant with the most masked pixels keeps its corner; the others are dropped.

    Parameters
    ----------
    mask : bool[ny, nx]
        True in the region.
    shape
        Rows and columns of the image.

    Raises
    ------
    ValueError
        If no pixel is masked.
    """
    ny, nx = mask.shape
    lower, upper = slice(0, ny // 2), slice(max(ny // 2 - 1, 0), ny)
    left, right = slice(0, nx // 2), slice(max(nx // 2 - 1, 0), nx)
    corners = [(lower, left), (lower, right), (upper, right), (upper, left)]
    counts = [int(mask[corner].sum()) for corner in corners]
    if not any(counts):
        raise ValueError("the mask is empty")
    y, x = corners[int(np.argmax(counts))]
    part = mask[y, x]
    height, width = min(part.shape[0], shape[0]), min(part.shape[1], shape[1])
    adapted = np.zeros(shape, bool)
    rows = (slice(0, height), slice(0, height))
    if y == upper:
        rows = slice(shape[0] - height, None), slice(part.shape[0] - height, None)
    columns = (slice(0, width), slice(0, width))
    if x == right:
        columns = slice(shape[1] - width, None), slice(part.shape[1] - width, None)
    adapted[rows[0], columns[0]] = part[rows[1], columns[1]]
    return adapted


def top_of_field(shape: tuple[int, int], height: int) -> Mask:
    """Return the mask of the uppermost ``height`` rows and the one below them.

    That one more row belongs to it is how the genuine pipeline counts.
    """
    mask = np.zeros(shape, bool)
    mask[max(shape[0] - height - 1, 0) :] = True
    return mask


def steep_pixels(ratio: Image, region: Mask, steepest: float) -> Mask:
    """Return the pixels of a region at edges that vignetting cannot cause.

    Of two neighbours that differ by ``steepest`` or more, the one farther from 1; pixels
    outside the region count as 1.
    """
    values = np.where(region, ratio, 1.0).astype(np.float64)
    steep = np.zeros(region.shape, bool)
    for axis in (0, 1):
        first, second = (
            np.moveaxis(values, axis, 0)[:-1],
            np.moveaxis(values, axis, 0)[1:],
        )
        edge = np.abs(second - first) >= steepest
        first_is_worse = np.abs(first - 1.0) > np.abs(second - 1.0)
        marked = np.moveaxis(steep, axis, 0)
        marked[:-1] |= edge & first_is_worse
        marked[1:] |= edge & ~first_is_worse
    return steep & region


def smoothed_region(
    ratio: Image, mask: Mask, bad: Mask, smoothing: Smoothing
) -> Vignetting:
    """Return how much too bright or too dark the smooth field is in a region.

    Parameters
    ----------
    ratio : float32[ny, nx]
        White light over the smooth field.
    mask : bool[ny, nx]
        The vignetted region.
    bad : bool[ny, nx]
        Pixels outside the field; only in the narrow field they get a factor, too.
    smoothing
        How to smooth.

    Raises
    ------
    ValueError
        If no pixel of the region can be used.
    """
    region = mask & ~bad
    used = region & np.isfinite(ratio)
    if smoothing.steepest > 0:
        used &= ~steep_pixels(ratio, used, smoothing.steepest)
    if not used.any():
        raise ValueError("no pixel in the vignetted region")
    known = np.where(used, ratio, np.float32(np.nan)).astype(np.float32)
    x, y = smoothing.sizes
    if smoothing.method == "gaussian":
        smooth = _gaussian(known, 0.5 * (x + y))
    elif smoothing.method == "median":
        smooth = median_filter(known, x | 1, y | 1, True)
    else:
        smooth = polynomial_image(smoothing.one_sided(known), used, (x, y))
    there = (region if smoothing.brightens else mask) & np.isfinite(smooth)
    factor = np.where(there, smoothing.one_sided(smooth), np.float32(1.0))
    if not smoothing.brightens:
        factor = _only_below_maximum(factor, region)
    return Vignetting(factor.astype(np.float32), used, region)


def _gaussian(known: Image, fwhm: float) -> Image:
    """Return the mean of the known pixels around each pixel, with Gaussian weights."""
    half = round(fwhm) | 1
    offsets = np.arange(-half, half + 1)
    weights = np.exp(-0.5 * (offsets / (fwhm * SIGMA_OF_FWHM)) ** 2)
    good = np.isfinite(known)

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy import ndimage  # costs 0.2 s, which muse_scibasic does not need

        along_x = ndimage.convolve1d(values, weights, axis=1, mode="constant")
        return np.asarray(ndimage.convolve1d(along_x, weights, axis=0, mode="constant"))

    weight = spread(good.astype(np.float64))
    mean = np.full(known.shape, np.nan)
    np.divide(spread(np.where(good, known, 0.0)), weight, out=mean, where=weight > 0)
    return mean.astype(np.float32)


def _only_below_maximum(factor: Image, region: Mask) -> Image:
    """Return a factor whose rows below its highest row are 1 where that is near 1.

    Seen from the top of the field the light rises to that of the rest; what falls again
    is no vignetting (genuine pipeline, which takes "near" as within 0.1).
    """
    kept = factor.copy()
    highest = -np.inf
    for row in range(factor.shape[0] - 1, -1, -1):
        if not region[row].any():
            continue
        mean = float(factor[row][region[row]].mean(dtype=np.float64))
        highest = max(highest, mean)
        if abs(highest - 1.0) < 0.1 and mean < highest:
            kept[row] = 1.0
    return kept
