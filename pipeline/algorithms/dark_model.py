"""Smooth model of a master dark: a plane and the glow of the four read-out corners.

Follows ``muse_dark --model`` of the genuine pipeline: two horizontal stripes are taken
out first (they are not part of the model), then a bilinear surface is fitted to the
middle of the detector, and to what remains a surface of fifth order in each corner that
fades to zero. Pixels that differ from the model are flagged, and what differs on a large
scale goes into the variance.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.algorithms.hot_pixels import flag_deviant
from pipeline.algorithms.surface import fit_surface
from pipeline.flags import Flag
from pipeline.instrument import FULL, Size
from pipeline.spec import Planes

STRIPES = ((1180, 280), (3560, 340))
"""Middle and half width of the horizontal stripes of some detectors [pix]."""
STRIPE_MARGIN = 50
"""Rows on both sides of a stripe that its surface must join with zero [pix]."""
BORDER = 500
"""Pixels at the rim that the bilinear surface leaves out [pix]."""
CORNER, CORNER_MARGIN, FADE = 750, 50, 100
"""Radius of a corner, of the pixels around it that are fitted too, width of the ring
where its surface goes to zero [pix]."""
CORNER_SIGMA = 10.0
"""Distance from the smoothed corner beyond which a pixel is not fitted [stdev]."""
FWHM = 11.0
"""Of the Gaussian that smooths pixels [pix]; its box reaches as far to each side."""
SMOOTHING = FWHM / np.sqrt(8 * np.log(2))
"""Its standard deviation [pix]."""

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


def dark_model(dark: Planes, size: Size) -> Planes:
    """Return the model of a master dark.

    Parameters
    ----------
    dark
        DATA, DQ and STAT of the whole master [count].
    size
        That of the detector; lengths scale with it.

    Returns
    -------
    Planes
        The model, flags of the master and of pixels that differ from it, and the variance
        of the master plus the square of the smoothed residuals.
    """
    data = dark.data - _stripes(dark, size)
    model = _bilinear(data, dark.dq, size)
    np.maximum(model, 0, out=model)
    residual = data - model
    for corner in _corners(size):
        _add_corner(model, residual, dark.dq == 0, corner, size)
    residual = data - model
    dq = dark.dq.copy()
    flag_deviant(residual, dq, size, low_sigma=5.0, high_sigma=5.0)
    _flag_groups(residual, dq, 3.0)
    wide = _smoothed(residual, dq == 0)
    return Planes(model, dq, dark.stat + wide * wide)


def _scaled(length: int, size: Size) -> int:
    """Return a length on the real detector for a detector of this size [pix]."""
    return round(length * size.quadrant_nx / FULL.quadrant_nx)


def _stripes(dark: Planes, size: Size) -> Image:
    """Return the light of the horizontal stripes, zero elsewhere [count]."""
    found = np.zeros_like(dark.data)
    scale = size.quadrant_ny / FULL.quadrant_ny
    for middle, half_width in STRIPES:
        first, last = (round(scale * (middle + k * half_width)) for k in (-1, 1))
        margin = max(round(scale * STRIPE_MARGIN), 1)
        rows = slice(first - margin - 1, last + margin)
        data, good = dark.data[rows].copy(), dark.dq[rows] == 0
        edges = [slice(0, margin + 1), slice(-margin - 1, None)]
        level = np.mean([data[edge][good[edge]].mean(dtype=float) for edge in edges])
        data -= np.float32(level)
        for edge in edges:
            data[edge], good[edge] = 0.0, True
        inside = slice(margin, len(data) - margin)
        fit = np.maximum(fit_surface(data, good, 5), 0)
        found[rows][inside] = fit[inside]
    return found


def _bilinear(data: Image, dq: NDArray[np.uint32], size: Size) -> Image:
    """Return the bilinear surface through the middle of the detector."""
    flags = dq.copy()
    flag_deviant(data, flags, size, low_sigma=3.0, high_sigma=3.0)
    border = _scaled(BORDER, size)
    good = np.zeros(data.shape, bool)
    inside = slice(border, -border), slice(border, -border)
    good[inside] = flags[inside] == 0
    return fit_surface(data, good, 1)


def _corners(size: Size) -> list[tuple[slice, slice]]:
    """Return the parts of the image that hold the read-out corners, corner first."""
    reach = _scaled(CORNER + FADE, size) + 1
    low, high = slice(0, reach), slice(-1, -reach - 1, -1)
    return [(low, low), (low, high), (high, high), (high, low)]


def _add_corner(
    model: Image, residual: Image, good: Mask, corner: tuple[slice, slice], size: Size
) -> None:
    """Fit what is left in one corner and add it to the model."""
    left = np.ascontiguousarray(residual[corner])
    y, x = np.ogrid[: left.shape[0], : left.shape[1]]
    radius = np.hypot(y, x)
    core = radius <= _scaled(CORNER, size)
    smooth = np.maximum(_smoothed(left, core), 0)
    noise = float(left[core & good[corner]].std(dtype=float))
    fitted = np.abs(left - smooth) <= CORNER_SIGMA * noise
    fitted &= radius <= _scaled(CORNER + CORNER_MARGIN, size)
    ring = (radius >= _scaled(CORNER, size)) & (radius <= _scaled(CORNER + FADE, size))
    left[ring] = 0.0
    fit = np.maximum(fit_surface(left, fitted | ring, 5), 0)
    model[corner] += np.where(core, fit, 0)


def _smoothed(data: Image, good: Mask) -> Image:
    """Return the Gaussian mean of the good pixels around each pixel."""
    weight = good.astype(np.float32)
    options = {"mode": "constant", "radius": round(FWHM)}
    total = gaussian_filter(np.where(good, data, 0), SMOOTHING, **options)
    share = gaussian_filter(weight, SMOOTHING, **options)
    found: Image = np.divide(total, share, out=np.zeros_like(data), where=share > 1e-6)
    return found


def _flag_groups(residual: Image, dq: NDArray[np.uint32], sigma: float) -> None:
    """Flag deviating pixels with two or more such neighbours, and what four enclose."""
    good = residual[dq == 0]
    limit = sigma * float(np.mean(np.abs(good - np.median(good))))
    far = np.abs(residual) > limit
    padded = np.pad(far, 1).astype(np.uint8)
    beside = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    found = ((far & (beside >= 2)) | (beside == 4)) & (dq == 0)
    dq[found & (residual > 0)] |= np.uint32(Flag.HOT_PIXEL)
    dq[found & (residual <= 0)] |= np.uint32(Flag.DARK_PIXEL)
