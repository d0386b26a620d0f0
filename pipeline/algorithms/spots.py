"""Spots of one IFU: the average of all exposures, then every spot in every exposure.

The exposures are read one after the other, twice: once for their average, on which the
spots are found, and once more, only the rows of the spots. What is held in memory does not
grow with their number, but for the table of spots.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.detector import CalibratedFrame
from pipeline.algorithms.spot_search import SpotPlaces, row_ranges
from pipeline.flags import Flag
from pipeline.instrument import PINHOLES_PER_SLICE, Size
from pipeline.kernels.spots import (
    ERROR,
    FLAGS,
    FLUX,
    LEVEL,
    X_WIDTH,
    Y_WIDTH,
    X,
    Y,
    average_exposure,
    measure_spots,
)
from pipeline.spec import ImageFrame, Planes, blocks

Floats = NDArray[np.float64]
Take = Callable[[int, slice, Planes], None]

BLOCK = 256
"""Rows read at once."""
GROUP = 4
"""Exposures read side by side, so that the rows of the masters serve several."""
HALF_SIZE, MARGIN = 5, 2
"""Half size of the box of a spot and columns beside it for the level [pix] (genuine
pipeline: 5 and, for the level, 7)."""
FWHM = 2.354820045
"""Full width at half maximum of a Gaussian of unit width."""


def half_width(size: Size) -> int:
    """Return the columns on either side of a spot that do not reach its neighbour."""
    pitch = size.slice_width / PINHOLES_PER_SLICE
    return min(HALF_SIZE, int(pitch / 2) - MARGIN)


def _groups(images: Sequence[ImageFrame]) -> Iterator[list[int]]:
    """Yield the numbers of the exposures of each group; forget them when they are read."""
    for group in blocks(len(images), GROUP):
        yield list(range(group.start, group.stop))
        for image in images[group]:
            _release(image)


def _release(image: ImageFrame) -> None:
    """Forget the decompressed image behind an exposure."""
    inner = getattr(image, "image", image)
    if isinstance(inner, CalibratedFrame):
        inner.raw.release()


def average(images: Sequence[ImageFrame], take: Take | None = None) -> Planes:
    """Return the average of exposures of one IFU.

    Parameters
    ----------
    images
        Exposures.
    take
        Called with number (from 0), rows and planes of all that is read.
    """
    shape = images[0].shape
    total, variance = np.zeros(shape), np.zeros(shape)
    n_good = np.zeros(shape, np.uint16)
    worst = np.full(shape, 2**32 - 1, np.uint32)
    for group in _groups(images):
        for rows in blocks(shape[0], BLOCK):
            for k in group:
                planes = images[k].read(rows)
                if take is not None:
                    take(k, rows, planes)
                average_exposure(
                    *planes, total[rows], variance[rows], n_good[rows], worst[rows]
                )
    n = np.maximum(n_good, 1)
    data = np.divide(total, n, out=total).astype(np.float32)
    stat = np.divide(variance, n.astype(np.uint32) ** 2, out=variance).astype(np.float32)
    return Planes(data, worst, stat)


@dataclass(frozen=True)
class Spots:
    """Measurements of all spots of one IFU.

    All arrays are [n_exposures, n_lines, n_slices, 3]: ``flux``, ``error`` and ``level``
    [count], ``x``, ``y`` [pix, 1-based], ``x_fwhm``, ``y_fwhm`` [pix], negative where not
    measured; ``saturated``: bool. NaN where spots were not found.
    """

    lines: Floats
    flux: Floats
    error: Floats
    level: Floats
    x: Floats
    y: Floats
    x_fwhm: Floats
    y_fwhm: Floats
    saturated: NDArray[np.bool_]


def measure(
    images: Sequence[ImageFrame],
    places: SpotPlaces,
    size: Size,
    *,
    gaussian: bool,
    beside: bool,
) -> Spots:
    """Measure all spots on all exposures of one IFU.

    Parameters
    ----------
    images
        Exposures.
    places
        Where the spots are.
    size
        Of the instrument.
    gaussian
        Whether to fit Gaussians; else centres of light.
    beside
        Whether the level comes from the columns beside the spot.
    """
    xy = places.xy.reshape(-1, 2)
    there = np.flatnonzero(np.isfinite(xy).all(axis=1))
    there = there[np.argsort(xy[there, 1], kind="stable")]
    reach = HALF_SIZE + MARGIN + 1
    ranges = row_ranges(xy[there, 1], reach, images[0].shape[0])
    cuts = np.searchsorted(xy[there, 1], [r.stop - reach for r in ranges], side="right")
    values = np.full((len(images), len(xy), 8), np.nan)
    for group in _groups(images):
        start = 0
        for rows, stop in zip(ranges, cuts.tolist(), strict=True):
            here = there[start:stop]
            start = stop
            for k in group:
                values[k, here] = _measured(
                    images[k].read(rows), xy[here] - (0, rows.start), size, gaussian, beside
                )
                values[k, here, Y] += rows.start
    shape = (len(images), *places.xy.shape[:3])
    columns = [values[..., c].reshape(shape) for c in range(8)]
    saturated = np.nan_to_num(columns[FLAGS]).astype(np.int64) & int(Flag.AD_SATURATED)
    return Spots(
        places.lines,
        columns[FLUX],
        columns[ERROR],
        columns[LEVEL],
        columns[X] + 1,
        columns[Y] + 1,
        np.where(columns[X_WIDTH] > 0, columns[X_WIDTH] * FWHM, -1.0),
        np.where(columns[Y_WIDTH] > 0, columns[Y_WIDTH] * FWHM, -1.0),
        saturated != 0,
    )


def _measured(
    planes: Planes, places: Floats, size: Size, gaussian: bool, beside: bool
) -> Floats:
    """Measure spots on some rows of one exposure."""
    found = np.empty((len(places), 8))
    measure_spots(
        *planes,
        np.ascontiguousarray(places),
        half_width(size),
        HALF_SIZE,
        MARGIN,
        gaussian,
        beside,
        found,
    )
    return found
