"""The pixels of the overscan that tell the bias level, by read-out port.

The vertical overscan includes the corner that both overscans share. Left out are the
columns and rows next to the data, saturated and known bad pixels, and cosmic rays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import SATURATION, Quadrant, Size, size_of
from pipeline.kernels.overscan import flag_gaps
from pipeline.spec import RawFrame, blocks

Places = NDArray[np.intp]
"""Row and column (from 0) of pixels of a raw frame, intp[n, 2]."""
NOWHERE: Places = np.empty((0, 2), np.intp)


class GapSearch(NamedTuple):
    """How cosmic rays are found: boxes along and across [pix], passes, width of a gap."""

    along: int
    across: int
    n_passes: int
    threshold: float


@dataclass(frozen=True)
class PortOverscan:
    """Overscan of one port.

    ``vertical``: float64[n_rows, n_columns], NaN where rejected [adu]; ``first_row``: its
    first raw row (from 0); ``every``: float64[n], pixels of both overscans [adu].
    """

    port: Quadrant
    vertical: NDArray[np.float64]
    first_row: int
    every: NDArray[np.float64]


def overscan_pixels(
    raw: RawFrame, ignore: int, search: GapSearch | None, bad: Places = NOWHERE
) -> Iterator[PortOverscan]:
    """Yield the overscan of each port.

    Parameters
    ----------
    raw
        The frame.
    ignore
        Pixels next to the data section that are left out.
    search
        How cosmic rays are found, if at all.
    bad
        Known bad pixels.
    """
    size = size_of(raw.shape)
    middle = _middle_columns(raw, size)
    left_edge = size.quadrant_nx + size.scan
    for port in size.quadrants():
        rows, columns = _vertical(port, ignore)
        inside = slice(columns.start - left_edge, columns.stop - left_edge)
        vertical = np.ascontiguousarray(middle[rows, inside])
        rejected = _rejected(vertical, rows.start, columns.start, bad)
        level, first = _horizontal(port, ignore)
        horizontal = np.ascontiguousarray(raw.read(level, first))
        rejected_too = _rejected(horizontal, level.start, first.start, bad)
        if search is not None:
            flag_gaps(vertical, rejected, *_boxes(vertical, search, upright=True))
            flag_gaps(horizontal, rejected_too, *_boxes(horizontal, search, upright=False))
        every = np.concatenate([vertical[~rejected], horizontal[~rejected_too]])
        values = vertical.astype(float)
        values[rejected] = np.nan
        yield PortOverscan(port, values, rows.start, every.astype(float))


def _boxes(
    pixels: NDArray[np.uint16], search: GapSearch, *, upright: bool
) -> tuple[int, int, int, float]:
    """Return boxes no larger than the overscan, passes and width of a gap."""
    ny, nx = pixels.shape
    x, y = search.along, search.across
    if upright:
        x, y = y, x
    return min(x, nx), min(y, ny), search.n_passes, search.threshold


def _vertical(port: Quadrant, ignore: int) -> tuple[slice, slice]:
    """Return rows and columns of the vertical overscan."""
    left = port.raw_x.start < port.over_x.start
    rows = slice(
        min(port.raw_y.start, port.over_y.start), max(port.raw_y.stop, port.over_y.stop)
    )
    columns = slice(
        port.over_x.start + (ignore if left else 0),
        port.over_x.stop - (0 if left else ignore),
    )
    return rows, columns


def _horizontal(port: Quadrant, ignore: int) -> tuple[slice, slice]:
    """Return rows and columns of the horizontal overscan."""
    lower = port.raw_y.start < port.over_y.start
    rows = slice(
        port.over_y.start + (ignore if lower else 0),
        port.over_y.stop - (0 if lower else ignore),
    )
    return rows, port.raw_x


def _middle_columns(raw: RawFrame, size: Size) -> NDArray[np.uint16]:
    """Return the vertical overscan of all ports side by side, uint16[ny, 2 scan]."""
    first = size.quadrant_nx + size.scan
    pixels = np.empty((size.raw_shape[0], 2 * size.scan), np.uint16)
    for rows in blocks(size.raw_shape[0], 128):
        pixels[rows] = raw.read(rows, slice(first, first + 2 * size.scan))
    return pixels


def _rejected(
    pixels: NDArray[np.uint16], first_row: int, first_column: int, bad: Places
) -> NDArray[np.bool_]:
    """Mark saturated and known bad pixels; nothing where nothing would be left."""
    rejected: NDArray[np.bool_] = (pixels > SATURATION) | (pixels == 0)
    y, x = (bad - (first_row, first_column)).T
    inside = (y >= 0) & (y < pixels.shape[0]) & (x >= 0) & (x < pixels.shape[1])
    rejected[y[inside], x[inside]] = True
    if rejected.all():
        rejected[:] = False
    return rejected
