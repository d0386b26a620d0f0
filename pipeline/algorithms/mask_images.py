"""Images of the field that show whether a new geometry is right."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.pixels import SlicePixels
from pipeline.algorithms.skyflat import CoarseGrid, IfuSky, coarse_grid
from pipeline.algorithms.slice_places import Places
from pipeline.algorithms.spot_search import line_rows
from pipeline.flags import Flag
from pipeline.instrument import DISPERSION
from pipeline.kernels.resample import weighted_means
from pipeline.spec import ImageFrame, Planes, blocks

Floats = NDArray[np.float64]

ONE_PLANE = 10000.0
"""Step in wavelength that puts all pixels into one plane [Angstrom] (genuine pipeline)."""
SLAB = 32
"""Planes of a cube made at once."""
SPARE_ROWS = 40
"""Rows beyond a line in the middle of a slice that its ends may need [pix]."""


def placed(slices: SliceMap, places: Places) -> SliceMap:
    """Return the slices of an IFU that have a place in the field, with it."""
    rows = [
        int(np.flatnonzero((places.ifu == slices.ifu) & (places.ccd == number))[0])
        for number in slices.numbers
    ]
    x, y, angle, width = (
        values[rows] for values in (places.x, places.y, places.angle, places.width)
    )
    turn = np.radians(angle)
    place = np.stack([x, y, np.cos(turn), np.sin(turn), width], axis=1)
    good = np.isfinite(place).all(axis=1)
    return replace(
        slices,
        numbers=slices.numbers[good],
        left=slices.left[good],
        right=slices.right[good],
        wave=slices.wave[good],
        place=place[good],
    )


@dataclass(frozen=True)
class RowWindow:
    """Some rows of an image held in memory; reads as a `pipeline.spec.ImageFrame`.

    ``start``: first row; rows outside are flagged as missing.
    """

    start: int
    planes: Planes
    shape: tuple[int, int]

    def read(self, rows: slice) -> Planes:
        """Return DATA, DQ and STAT of some rows."""
        n = rows.stop - rows.start
        missing = np.full((n, self.shape[1]), np.uint32(Flag.MISSING_DATA))
        zero = np.zeros(missing.shape, np.float32)
        out = Planes(zero, missing, zero.copy())
        first = max(rows.start, self.start)
        last = min(rows.stop, self.start + len(self.planes.data))
        if first < last:
            there = slice(first - rows.start, last - rows.start)
            here = slice(first - self.start, last - self.start)
            for target, source in zip(out, self.planes, strict=True):
                target[there] = source[here]
        return out


def row_window(image: Planes, slices: SliceMap, low: float, high: float) -> RowWindow:
    """Return the rows of a detector image that hold a range of wavelengths [Angstrom]."""
    rows = line_rows(slices, np.array([low, high]))
    ny = image.data.shape[0]
    start = 0 if np.isnan(rows[:, 0]).any() else int(rows[:, 0].min())
    stop = ny if np.isnan(rows[:, 1]).any() else int(rows[:, 1].max())
    window = slice(max(start - SPARE_ROWS, 0), min(stop + SPARE_ROWS, ny))
    return RowWindow(
        window.start, Planes._make(p[window].copy() for p in image), image.data.shape
    )


def field_grid(ifus: Sequence[SliceMap], low: float, high: float) -> CoarseGrid | None:
    """Return the grid of a cube of some wavelengths; None if no pixel has one of them."""
    tables = [SlicePixels(slices, low=low, high=high) for slices in ifus]
    tables = [table for table in tables if table.n_rows]
    return coarse_grid(tables, DISPERSION) if tables else None


def field_planes(
    grid: CoarseGrid,
    ifus: Sequence[SliceMap],
    images: Sequence[RowWindow],
    low: float,
    high: float,
) -> Iterator[tuple[slice, Planes]]:
    """Yield slabs of the cube of all IFUs."""
    nz, ny, nx = grid.shape
    for planes in blocks(nz, SLAB):
        first, last = (grid.origin[2] + k * DISPERSION for k in (planes.start, planes.stop))
        part = replace(
            grid,
            origin=np.array([*grid.origin[:2], first]),
            shape=(planes.stop - planes.start, ny, nx),
        )
        reach = max(low, first - 1.5 * DISPERSION), min(high, last + 0.5 * DISPERSION)
        yield planes, _project(part, ifus, images, *reach)


def field_image(
    ifus: Sequence[SliceMap], images: Sequence[ImageFrame], low: float, high: float
) -> tuple[CoarseGrid, NDArray[np.float32]] | None:
    """Return the image of the field in some wavelengths [count]; None without pixels."""
    natural = field_grid(ifus, low, high)
    if natural is None:
        return None
    step = np.array([1.0, 1.0, ONE_PLANE])
    grid = replace(natural, step=step, shape=(1, *natural.shape[1:]))
    return grid, _project(grid, ifus, images, low, high).data[0]


def _project(
    grid: CoarseGrid,
    ifus: Sequence[SliceMap],
    images: Sequence[ImageFrame] | Sequence[RowWindow],
    low: float,
    high: float,
) -> Planes:
    """Share the pixels of all IFUs out to a grid; voxels without any are NaN."""
    total = np.zeros((*grid.shape, 3))
    for slices, image in zip(ifus, images, strict=True):
        table = SlicePixels(slices, low=low, high=high)
        if table.n_rows == 0:
            continue
        sums = IfuSky(grid, table)
        for _, pixels in table.scan(image):  # type: ignore[arg-type]
            sums.add(pixels)
        total[:, sums.rows] += sums.sums
    data, stat = weighted_means(total)
    dq = np.where(np.isfinite(data), 0, np.uint32(Flag.MISSING_DATA)).astype(np.uint32)
    return Planes(data, dq, stat)
