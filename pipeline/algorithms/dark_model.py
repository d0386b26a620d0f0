"""Smooth model of a master dark: a plane and the glow of the four read-out corners.

Follows ``muse_dark --model`` of the genuine pipeline: two horizontal stripes are taken
out first (they are not part of the model), then a bilinear surface is fitted to the
middle of the detector, and to what remains a surface of fifth order in each corner that
fades to zero. Pixels that differ from the model are flagged, and what differs on a large
scale goes into the variance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.algorithms.hot_pixels import flag_deviant, middle_and_deviation
from pipeline.algorithms.surface import FittedSurface, fit_surface
from pipeline.flags import Flag
from pipeline.instrument import FULL, Size
from pipeline.spec import ImageSpool, Planes, blocks

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
_FLAGGED = np.uint16(1)
"""Stands for the flags of the master, whatever they are; those of the model are higher."""
_ROWS = 96
"""Rows of the model that are made at a time; so are as many of its smoothed residuals."""

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Flags = NDArray[np.uint16]


def dark_model(dark: ImageSpool, size: Size) -> Iterator[tuple[slice, Planes]]:
    """Yield rows of the model of a master dark.

    Of the image only the data and marks of two bytes are held in memory.

    Parameters
    ----------
    dark
        DATA, DQ and STAT of the whole master [count].
    size
        That of the detector; lengths scale with it.

    Yields
    ------
    rows, planes : slice, Planes
        The model, flags of the master and of pixels that differ from it, and the variance
        of the master plus the square of the smoothed residuals.
    """
    data, dq = np.empty(dark.shape, np.float32), np.empty(dark.shape, np.uint16)
    for rows in blocks(len(data)):
        data[rows], flags, _ = dark.read(rows)
        dq[rows] = np.where(flags != 0, _FLAGGED, 0)
    _subtract_stripes(data, dq, size)
    model = DarkModel(_bilinear(data, dq, size))
    for rows in blocks(len(data)):  # without the flags of the fit
        dq[rows] = np.where(dark.read(rows).dq != 0, _FLAGGED, 0)
    for corner in _corners(size):
        model.glow.append((corner, _glow(model.surface, data, dq, corner, size)))
    for rows in blocks(len(data)):
        data[rows] -= model.read(rows)  # what remains
    flag_deviant(data, dq, size, low_sigma=5.0, high_sigma=5.0)
    _flag_groups(data, dq, 3.0)
    for rows in blocks(len(data), _ROWS):
        wide = _smoothed_rows(data, dq, rows)
        _, flags, stat = dark.read(rows)
        flags = flags | (dq[rows] & ~_FLAGGED)
        yield rows, Planes(model.read(rows), flags, stat + wide * wide)


class Corner(NamedTuple):
    """A corner of the image, and the step that turns its rows and columns outwards."""

    rows: slice
    columns: slice
    step_y: int
    step_x: int


@dataclass
class DarkModel:
    """A surface and, added to it, the glow of corners, both [count]."""

    surface: FittedSurface
    glow: list[tuple[Corner, Image]] = field(default_factory=list)

    def read(self, rows: slice) -> Image:
        """Return some rows."""
        found: Image = np.maximum(self.surface.read(rows), 0)
        for corner, light in self.glow:
            first = corner.rows.start
            low, high = max(rows.start, first), min(rows.stop, corner.rows.stop)
            if low < high:
                part = light[low - first : high - first]
                found[low - rows.start : high - rows.start, corner.columns] += part
        return found


def _scaled(length: int, size: Size) -> int:
    """Return a length on the real detector for a detector of this size [pix]."""
    return round(length * size.quadrant_nx / FULL.quadrant_nx)


def _subtract_stripes(dark: Image, dq: Flags, size: Size) -> None:
    """Take the light of the horizontal stripes out [count]."""
    scale = size.quadrant_ny / FULL.quadrant_ny
    for middle, half_width in STRIPES:
        first, last = (round(scale * (middle + k * half_width)) for k in (-1, 1))
        margin = max(round(scale * STRIPE_MARGIN), 1)
        rows = slice(first - margin - 1, last + margin)
        data, good = dark[rows].copy(), dq[rows] == 0
        edges = [slice(0, margin + 1), slice(-margin - 1, None)]
        level = np.mean([data[edge][good[edge]].mean(dtype=float) for edge in edges])
        data -= np.float32(level)
        for edge in edges:
            data[edge], good[edge] = 0.0, True
        fit = fit_surface(data, good, 5)
        for inside in blocks(len(data)):
            part = slice(max(inside.start, margin), min(inside.stop, len(data) - margin))
            if part.start < part.stop:
                dark[rows][part] -= np.maximum(fit.read(part), 0)


def _bilinear(data: Image, dq: Flags, size: Size) -> FittedSurface:
    """Return the bilinear surface through the middle of the detector; ``dq`` is changed."""
    flag_deviant(data, dq, size, low_sigma=3.0, high_sigma=3.0)
    border = _scaled(BORDER, size)
    good = np.zeros(data.shape, bool)
    inside = slice(border, -border), slice(border, -border)
    np.equal(dq[inside], 0, out=good[inside])
    return fit_surface(data, good, 1)


def _corners(size: Size) -> list[Corner]:
    """Return the parts of the image that hold the read-out corners."""
    reach = _scaled(CORNER + FADE, size) + 1
    ny, nx = size.shape
    low_y, high_y = slice(0, reach), slice(ny - reach, ny)
    low_x, high_x = slice(0, reach), slice(nx - reach, nx)
    return [
        Corner(low_y, low_x, 1, 1),
        Corner(low_y, high_x, 1, -1),
        Corner(high_y, high_x, -1, -1),
        Corner(high_y, low_x, -1, 1),
    ]


def _glow(
    surface: FittedSurface, data: Image, dq: Flags, corner: Corner, size: Size
) -> Image:
    """Fit what the surface leaves over in one corner [count]."""
    rows, columns, *steps = corner
    outwards = slice(None, None, steps[0]), slice(None, None, steps[1])
    flat = np.maximum(surface.read(rows, columns), 0)
    left = (data[rows, columns] - flat)[outwards]
    good = (dq[rows, columns] == 0)[outwards]
    left = np.ascontiguousarray(left)
    y, x = np.ogrid[: left.shape[0], : left.shape[1]]
    squared = (y * y + x * x).astype(np.int32)  # distance from the corner
    core = squared <= _scaled(CORNER, size) ** 2
    smooth = np.maximum(_smoothed(left, core), 0)
    noise = float(left[core & good].std(dtype=float))
    fitted = np.abs(left - smooth) <= CORNER_SIGMA * noise
    fitted &= squared <= _scaled(CORNER + CORNER_MARGIN, size) ** 2
    ring = squared >= _scaled(CORNER, size) ** 2
    ring &= squared <= _scaled(CORNER + FADE, size) ** 2
    left[ring] = 0.0
    fit = np.maximum(fit_surface(left, fitted | ring, 5).read(), 0)
    return np.ascontiguousarray(np.where(core, fit, 0)[outwards])


def _smoothed(data: Image, good: Mask) -> Image:
    """Return the Gaussian mean of the good pixels around each pixel."""
    options = {"mode": "constant", "radius": round(FWHM)}
    share = gaussian_filter(good.astype(np.float32), SMOOTHING, **options)
    found: Image = gaussian_filter(np.where(good, data, 0), SMOOTHING, **options)
    known = share > 1e-6
    np.divide(found, share, out=found, where=known)
    found[~known] = 0
    return found


def _smoothed_rows(data: Image, dq: Flags, rows: slice) -> Image:
    """Return some rows of the Gaussian mean of the pixels without flags."""
    reach = round(FWHM)
    first = max(rows.start - reach, 0)
    there = slice(first, rows.stop + reach)
    return _smoothed(data[there], dq[there] == 0)[rows.start - first : rows.stop - first]


def _flag_groups(residual: Image, dq: Flags, sigma: float) -> None:
    """Flag deviating pixels with two or more such neighbours, and what four enclose."""
    _, deviation = middle_and_deviation(residual, dq)
    limit = sigma * deviation
    for rows in blocks(len(residual), _ROWS):
        first = max(rows.start - 1, 0)
        far = np.abs(residual[first : rows.stop + 1]) > limit
        inside = slice(rows.start - first, rows.stop - first)
        beside = _beside(far)[inside]
        here, flags = residual[rows], dq[rows]
        found = ((far[inside] & (beside >= 2)) | (beside == 4)) & (flags == 0)
        flags[found & (here > 0)] |= np.uint16(Flag.HOT_PIXEL)
        flags[found & (here <= 0)] |= np.uint16(Flag.DARK_PIXEL)


def _beside(marked: Mask) -> NDArray[np.uint8]:
    """Return how many of the four neighbours of each pixel are marked."""
    n = np.zeros(marked.shape, np.uint8)
    n[1:] += marked[:-1]
    n[:-1] += marked[1:]
    n[:, 1:] += marked[:, :-1]
    n[:, :-1] += marked[:, 1:]
    return n
