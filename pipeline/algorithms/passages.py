"""Passages: when, in heights of the mask, each pinhole was in the middle of a slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.mask_sequence import MaskSequence
from pipeline.algorithms.spots import Spots
from pipeline.instrument import PINHOLE_ROWS
from pipeline.kernels.spots import fit_passage
from pipeline.spec import BadInput

Floats = NDArray[np.float64]

FLOOR = 0.15
"""A passage ends where less than this part of the peak is left."""
BRIGHT = 20.0
"""Signal over noise that the peak of a passage has at least."""
FEWEST = 4
"""Exposures that a passage needs."""
SPARSE = 2.5
"""A step within a passage of so many usual ones is too long: an exposure is missing near
the peak."""
DISTANCE_RANGE = 0.5, 0.8
"""Distances of two passages that are those of neighbouring rows [mm] (genuine pipeline)."""
FEWEST_PAIRS = 20
"""Pairs of passages needed for the distance of the rows."""


@dataclass(frozen=True)
class Passages:
    """Passages of one IFU, one entry for each.

    ``line``, ``slice``, ``spot``: int64[n], from 0; ``height``, ``error``: float64[n] of
    the mask at the peak [mm]; ``x``, ``y``: float64[n], mean place of the spot [pix,
    1-based]; ``flux``: float64[n], sum over the exposures [count].
    """

    line: NDArray[np.int64]
    slice: NDArray[np.int64]
    spot: NDArray[np.int64]
    height: Floats
    error: Floats
    x: Floats
    y: Floats
    flux: Floats

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Passages":
        """Return some entries."""
        return Passages(*(column[chosen] for column in vars(self).values()))

    def distances(self) -> Floats:
        """Return the distances of successive passages of each spot [mm]."""
        order = np.lexsort((self.height, self.spot, self.slice, self.line))
        sorted_ = self.take(order)
        same = np.diff(sorted_.line) == 0
        same &= (np.diff(sorted_.slice) == 0) & (np.diff(sorted_.spot) == 0)
        steps = np.diff(sorted_.height)[same]
        low, high = DISTANCE_RANGE
        return np.asarray(steps[(steps > low) & (steps < high)])


def find_passages(spots: Spots, sequence: MaskSequence) -> Passages:
    """Fit all passages that the sequence holds from end to end.

    Saturated spots are left out as if their exposure were missing. Passages that begin
    before the first or end after the last exposure, or have none near the peak, are lost.
    """
    order = sequence.order
    height = np.ascontiguousarray(sequence.height[order])
    step = float(np.median(np.diff(height)))
    rows = []
    flux, error = spots.flux[order], np.maximum(spots.error[order], 1.0)
    x, y = spots.x[order], spots.y[order]
    saturated = spots.saturated[order]
    for index in np.argwhere(np.isfinite(flux[0])):
        where = (slice(None), *index.tolist())
        good = ~saturated[where]
        heights, light, noise = (v[good] for v in (height, flux[where], error[where]))
        for run in _runs(light, noise):
            inside = slice(max(run.start - 2, 0), run.stop + 2)
            found = _fit(heights[inside], light[inside], noise[inside], step)
            if found is not None:
                weight = light[run] / light[run].sum()
                at_x, at_y = (weight @ values[where][good][run] for values in (x, y))
                place = [at_x, at_y, light[run].sum()]
                rows.append([*index, *found, *place])
    table = np.array(rows, np.float64).reshape(-1, 8).T
    numbers = (column.astype(np.int64) for column in table[:3])
    return Passages(*numbers, *(np.ascontiguousarray(column) for column in table[3:]))


def _runs(light: Floats, noise: Floats) -> list[slice]:
    """Return the exposures of each bright passage that is complete."""
    if len(light) < FEWEST:
        return []
    peak = int(np.argmax(light))
    if light[peak] < BRIGHT * noise[peak]:
        return []
    lit = light > FLOOR * light[peak]
    ends = np.flatnonzero(np.diff(np.concatenate([[0], lit.astype(np.int8), [0]])))
    return [
        slice(start, stop)
        for start, stop in ends.reshape(-1, 2).tolist()
        if start > 0 and stop < len(light) and stop - start >= FEWEST
    ]


def _fit(
    height: Floats, light: Floats, noise: Floats, step: float
) -> tuple[float, float] | None:
    """Return height and error of the peak of a passage, None if they are not sure."""
    total = light.sum()
    middle = float(light @ height / total)
    width = float(np.sqrt(max(light @ (height - middle) ** 2 / total, step**2)))
    p = np.array([light.max(), middle, width])
    height, light, noise = (np.ascontiguousarray(v) for v in (height, light, noise))
    error = fit_passage(height, light, noise, p)
    near = np.abs(height - p[1]) < 2 * max(p[2], step)
    if not np.isfinite(error) or near.sum() < FEWEST:
        return None
    if np.diff(height[near]).max() > SPARSE * step:
        return None
    return float(p[1]), float(error)


def row_distance(passages: list[Passages], file: str) -> tuple[float, float]:
    """Return the distance of the rows of the mask as its drive tells it, and its error.

    The drive's steps are not true to scale: on the mask it is `PINHOLE_ROWS` [mm].

    Raises
    ------
    BadInput
        If too few slices saw two rows pass.
    """
    values = np.concatenate([found.distances() for found in passages])
    if len(values) < FEWEST_PAIRS:
        raise BadInput(
            f"two rows of the mask passed {len(values)} spots only, so that the scale of "
            f"its drive cannot be measured ({FEWEST_PAIRS} are needed)",
            file=file,
            keyword="ESO INS POS3 POS",
            remedy=f"give the whole sequence: the mask must move by {2 * PINHOLE_ROWS:.2f} "
            "mm in many small steps",
        )
    value, error, _ = clipped_mean(values, np.ones(len(values)))
    return value, error


def clipped_mean(
    values: Floats, weights: Floats, limit: float = 3.5
) -> tuple[float, float, NDArray[np.bool_]]:
    """Return the weighted mean of values without the deviant ones, its error, those used.

    The error is that of the scatter. ``limit``: robust standard deviations.
    """
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    used = np.abs(values - middle) <= limit * max(spread, 1e-9)
    w, v = weights[used], values[used]
    mean = float(w @ v / w.sum())
    n = len(v)
    if n < 2:
        return mean, float(1 / np.sqrt(w.sum())), used
    variance = float(w**2 @ (v - mean) ** 2) / w.sum() ** 2
    return mean, float(np.sqrt(variance * n / (n - 1))), used
