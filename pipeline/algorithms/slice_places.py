"""Place, angle and width of the slices in the field, from the passages of pinholes.

The rows and columns of the mask are the scale: a spot in a slice tells which column of
holes it belongs to, and the height of the mask when it was brightest tells where the slice
is. All slices of all IFUs so lie in the frame of the mask.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.passages import Passages, clipped_mean
from pipeline.instrument import PINHOLE_ROWS, PINHOLES_PER_SLICE, SAMPLING, Size

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

SLICE_HEIGHT = 60 / 288 / SAMPLING
"""Distance of the slices of a stack in the field [pix]: 288 of them in 60 arcsec."""
HOLE_ERROR = 0.001 / 3
"""Error of the place of a hole [mm]: three of it are the tolerance of the mask's design."""
STEEPEST = 5.0
"""Larger angles are wrong [deg] (genuine pipeline)."""
PLACE_FLOOR = 0.01
"""Error of a spot's place that its light does not show [pix]: waves of the trace."""
SPOT_WIDTH = 0.8
"""Gaussian width of a spot along the slice [pix], for the error of its place."""


@dataclass(frozen=True)
class Places:
    """Slices of some IFUs in the field; an entry a slice.

    ``ifu``, ``ccd``, ``sky``: int64[n]; ``x``, ``y``, ``width`` [pix], ``angle`` [deg]
    and their errors: float64[n], NaN where not measured.
    """

    ifu: NDArray[np.int64]
    ccd: NDArray[np.int64]
    sky: NDArray[np.int64]
    x: Floats
    y: Floats
    angle: Floats
    width: Floats
    x_error: Floats
    y_error: Floats
    angle_error: Floats
    width_error: Floats

    @staticmethod
    def join(parts: Sequence["Places"]) -> "Places":
        """Return the slices of several IFUs as one."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return Places(*(np.concatenate(column) for column in columns))

    def of(self, ifu: int) -> "Places":
        """Return the slices of one IFU."""
        return self.take(np.flatnonzero(self.ifu == ifu))

    def take(self, chosen: NDArray[np.int64]) -> "Places":
        """Return some slices."""
        return Places(*(column[chosen] for column in vars(self).values()))


@dataclass(frozen=True)
class MaskScale:
    """What a millimetre is.

    Parameters
    ----------
    pixels
        Pixels of the field in a millimetre of the mask.
    row
        Distance of the rows of the mask as its drive tells it [mm].
    """

    pixels: float
    row: float

    @property
    def fall(self) -> float:
        """How far the mask falls in the field by a millimetre of its drive [pix]."""
        return self.pixels * PINHOLE_ROWS / self.row


def ifu_places(
    passages: Passages, slices: SliceMap, size: Size, scale: MaskScale
) -> Places:
    """Return the slices of one IFU; y still is that of any row of holes.

    Parameters
    ----------
    passages
        Of the IFU.
    slices
        Its trace.
    size
        Of the instrument.
    scale
        Of the mask.
    """
    n = len(slices.numbers)
    values = np.full((8, n), np.nan)
    for s in range(n):
        found = _slice_place(passages.take(passages.slice == s), slices, s, size, scale)
        if found is not None:
            values[:, s] = found
    sky = np.array([size.sky_slice(int(number)) for number in slices.numbers])
    ifu = np.full(n, slices.ifu)
    return Places(ifu, slices.numbers, sky, *values)


def _slice_place(
    seen: Passages, slices: SliceMap, s: int, size: Size, scale: MaskScale
) -> Floats | None:
    """Return x, y, angle, width and their errors of a slice; None if it was not seen."""
    if len(seen.line) == 0:
        return None
    first = seen.height[0]
    height = seen.height - scale.row * np.round((seen.height - first) / scale.row)
    left, right = (polyval(seen.y, edge[s]) for edge in (slices.left, slices.right))
    along = (seen.x - (left + right) / 2) / (right - left)
    place_error = np.hypot(PLACE_FLOOR, SPOT_WIDTH / np.sqrt(seen.flux))
    height_error = np.hypot(seen.error, np.median(seen.error))
    lines = [
        _line_place(
            seen.spot[here], along[here], height[here],
            place_error[here].mean() / (right - left).mean(), height_error[here].mean(),
            size, slices.numbers[s], scale,
        )
        for here in (seen.line == line for line in np.unique(seen.line))
        if len(np.unique(seen.spot[here])) == PINHOLES_PER_SLICE
    ]  # fmt: skip
    values = np.array([line for line in lines if abs(line[2]) < STEEPEST])
    if len(values) == 0:
        return None
    means = [clipped_mean(values[:, k], values[:, 4 + k] ** -2)[:2] for k in range(4)]
    errors = np.hypot([error for _, error in means], _hole_errors(size, scale))
    return np.array([*(mean for mean, _ in means), *errors])


def _hole_errors(size: Size, scale: MaskScale) -> list[float]:
    """Return what the holes add to the errors of x, y, angle and width: lines share it."""
    hole = HOLE_ERROR * scale.pixels
    pitch = size.pinhole_pitch * scale.pixels
    slope = np.sqrt(2) * hole / ((PINHOLES_PER_SLICE - 1) * pitch)
    place = hole / np.sqrt(PINHOLES_PER_SLICE)
    return [place, place, float(np.degrees(slope)), float(slope * size.stack_width)]


def _line_place(
    spot: NDArray[np.int64],
    along: Floats,
    height: Floats,
    along_error: float,
    height_error: float,
    size: Size,
    number: int,
    scale: MaskScale,
) -> list[float]:
    """Return x, y, angle, width and their errors of a slice from the spots of one line.

    ``along``: place of the spots from the middle of the slice, in widths of the slice.
    """
    u, v = (
        np.array([values[spot == k].mean() for k in range(PINHOLES_PER_SLICE)])
        for values in (along, height)
    )
    last = PINHOLES_PER_SLICE - 1
    pitch = size.pinhole_pitch * scale.pixels
    width = pitch * last / (u[last] - u[0])
    column = _middle_column(size, number) * pitch
    x = column + float(u.mean()) * width
    rise = (v[last] - v[0]) * scale.fall / (last * pitch)
    y = -float(v.mean()) * scale.fall + (x - column) * rise
    width_error = width * along_error * np.sqrt(2) * width / (last * pitch)
    angle_error = np.degrees(np.sqrt(2) * height_error * scale.fall / (last * pitch))
    return [
        x, y, float(np.degrees(np.arctan(rise))), width,
        along_error * width / np.sqrt(3), height_error * scale.fall / np.sqrt(3),
        angle_error, width_error,
    ]  # fmt: skip


def _middle_column(size: Size, number: int) -> float:
    """Return the column of holes in the middle of a CCD slice, 0 in the field's middle."""
    stack = (number - 1) // size.slices_per_stack
    return (stack - (size.n_stacks - 1) / 2) * PINHOLES_PER_SLICE


def stack_rows(places: Places, size: Size, scale: MaskScale) -> Places:
    """Return the slices with y put in sequence: which row of holes each one saw.

    Going from slice to slice up a stack, each is expected a slice higher than the one
    before; the next possible place is a row of holes away. Zero is the reference slice.
    """
    row_height = PINHOLE_ROWS * scale.pixels
    row = (places.sky - 1) % size.slices_per_stack
    stack = (places.sky - 1) // size.slices_per_stack
    nominal = (places.ifu * size.slices_per_stack + row) * SLICE_HEIGHT
    reference = reference_slice(places, size)
    y = places.y.copy()
    start = places.y[reference]
    level = np.flatnonzero(nominal == nominal[reference])
    for here in level:
        y[here] = _nearest(y[here], start, row_height)
    for column in np.unique(stack):
        of_stack = np.flatnonzero((stack == column) & np.isfinite(y))
        of_stack = of_stack[np.argsort(nominal[of_stack], kind="stable")]
        seed = int(np.argmin(np.abs(nominal[of_stack] - nominal[reference])))
        first = of_stack[seed]
        expected = start + nominal[first] - nominal[reference]
        y[first] = _nearest(y[first], expected, row_height)
        for direction in (of_stack[seed:], of_stack[seed::-1]):
            for before, after in pairwise(direction):
                expected = y[before] + nominal[after] - nominal[before]
                y[after] = _nearest(y[after], expected, row_height)
    neighbour = _other_side(places, reference, size)
    return Places(**{
        **vars(places),
        "x": places.x - (places.x[reference] + places.x[neighbour]) / 2,
        "y": y - y[reference],
    })  # fmt: skip


def _nearest(value: float, expected: float, period: float) -> float:
    """Return the place nearest to the expected one that is whole periods away."""
    return float(value + period * np.round((expected - value) / period))


def reference_slice(places: Places, size: Size) -> int:
    """Return the slice that defines the origin.

    As in the genuine pipeline: the last of the stack left of the middle in the IFU below
    the middle of the field (12); without it, one in the middle of that stack in the next
    IFUs, then in those before.
    """
    n, half = size.slices_per_stack, size.n_ifus // 2
    left = size.n_stacks // 2
    wanted = [(half, n * left)]
    after = [*range(half + 1, size.n_ifus + 1), *range(half - 1, 0, -1), half]
    wanted += [(ifu, n * left - n // 2) for ifu in after]
    wanted += [(ifu, n * left - k) for ifu in after for k in range(n)]
    measured = np.isfinite(places.x) & np.isfinite(places.y)
    for ifu, sky in wanted:
        here = np.flatnonzero((places.ifu == ifu) & (places.sky == sky) & measured)
        there = (places.ifu == ifu) & (places.sky == sky + n) & measured
        if len(here) and there.any():
            return int(here[0])
    return int(np.flatnonzero(measured)[0])


def _other_side(places: Places, reference: int, size: Size) -> int:
    """Return the slice right of the reference slice, or itself if it was not measured."""
    sky = places.sky[reference] + size.slices_per_stack
    there = (places.ifu == places.ifu[reference]) & (places.sky == sky)
    found = np.flatnonzero(there & np.isfinite(places.x))
    return int(found[0]) if len(found) else reference


def warn_of_gaps(ifus: Sequence[int], names: Mapping[int, str]) -> None:
    """Warn where an IFU between others is missing: the distance across it is uncertain."""
    for before, after in pairwise(ifus):
        if after - before > 1:
            log.warning(
                "%s: no data of IFU %s: the distance of IFU %d from %d is right only if it "
                "is within half a row of holes of the nominal one (CHANnn); add the "
                "exposures and calibrations of the missing IFU",
                names[after], ", ".join(map(str, range(before + 1, after))), after, before,
            )  # fmt: skip
