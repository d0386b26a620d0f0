"""Where the slices of an IFU lie in one cut across a flat-field exposure."""

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.spec import BadInput

Floats = NDArray[np.float64]
Run = tuple[int, int]

BRIDGED = 3
"""Dark columns inside a slice that do not cut it in two [pix]; gaps are wider than 5."""
FAINTEST = 0.05
"""Light of a vignetted slice that is still looked for, in parts of that of most slices:
well above the 1 % of stray light between them."""
MOST_LOST = 0.25
"""Part of the slices that may be lost: a dead port takes half of them with it."""
SMALLEST_STEP = 0.8
"""Distance of neighbours below which these are not two slices, in parts of the usual."""


def locate_slices(
    cut: NDArray[np.float32], size: Size, file: str = ""
) -> tuple[Floats, Floats]:
    """Return left and right edges of the slices in one cut, to a pixel [0-based].

    Slices of more than half of the usual light are found first; their distances tell
    which ones are missing, and these are looked for with a lower threshold in their
    places. What is still missing, or has another width than slices have, is NaN.

    Parameters
    ----------
    cut : float32[nx]
        Light along a row [count].
    size
        Instrument size.
    file
        Name of the exposure, for messages.

    Raises
    ------
    BadInput
        If more than `MOST_LOST` of the slices are missing.
    """
    light = np.nan_to_num(cut, nan=0.0)
    usual = float(np.percentile(light, 60))
    bright = _runs(light, 0.5 * usual)
    found = [run for run in bright if _is_slice(run, size)]
    indices = _indices(found, len(light), size)
    if len(indices) < (1 - MOST_LOST) * size.n_slices:
        wide = [run for run in bright if run[1] - run[0] > size.slice_width_min / 2]
        raise BadInput(
            f"{len(indices) or len(wide)} slices instead of {size.n_slices} in the middle "
            f"row (of {size.slice_width_min:g} to {size.slice_width_max:g} pix)",
            file=file,
            keyword="ESO DPR TYPE",
            remedy="give lamp flats (FLAT,LAMP) in which the lamp was on",
        )
    slices: dict[int, Run] = dict(zip(indices, found, strict=True))
    for index in sorted(set(range(size.n_slices)) - slices.keys()):
        start, stop = _window(index, slices, len(light), size.n_slices)
        dim = _dim_slice(light[start:stop], FAINTEST * usual, size)
        if dim is not None:
            slices[index] = start + dim[0], start + dim[1]
    edges = np.full((2, size.n_slices), np.nan)
    for index, run in slices.items():
        edges[:, index] = run
    return edges[0] - 0.5, edges[1] - 0.5


def _runs(light: NDArray[np.float32], level: float) -> list[Run]:
    """Return the consecutive pixels above a level, bridged over dark columns."""
    steps = np.diff(np.concatenate([[0], (light > level).astype(np.int8), [0]]))
    joined: list[Run] = []
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if joined and start - joined[-1][1] <= BRIDGED:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _is_slice(run: Run, size: Size) -> bool:
    """Tell whether a run is as wide as slices are, to a pixel."""
    return size.slice_width_min - 1 <= run[1] - run[0] <= size.slice_width_max + 1


def _indices(found: list[Run], nx: int, size: Size) -> list[int]:
    """Return the place of each run among all slices, from 0; none if they do not fit.

    Slices follow each other at nearly equal distances. Those missing at the ends are
    shared out by the room there is on either side.
    """
    if len(found) < 2:
        return []
    centres = np.mean(found, axis=1)
    pitch = float(np.median(np.diff(centres)))
    if np.diff(centres).min() < SMALLEST_STEP * pitch:
        return []
    places = np.concatenate([[0], np.cumsum(np.rint(np.diff(centres) / pitch))])
    missing = size.n_slices - 1 - int(places[-1])
    if missing < 0:
        return []
    room = found[0][0] - (nx - found[-1][1])
    before = int(np.clip(np.rint((missing + room / pitch) / 2), 0, missing))
    return [before + int(place) for place in places]


def _window(index: int, slices: dict[int, Run], nx: int, n_slices: int) -> Run:
    """Return the pixels among which a missing slice can lie."""
    before = max((i for i in slices if i < index), default=-1)
    after = min((i for i in slices if i > index), default=n_slices)
    low = slices[before][1] if before >= 0 else 0
    high = slices[after][0] if after < n_slices else nx
    share = (high - low) / (after - before - 1)
    start = low + share * (index - before - 1)
    return int(start), int(start + share)


def _dim_slice(light: NDArray[np.float32], faintest: float, size: Size) -> Run | None:
    """Return the slice that lies alone in some pixels, if there is one."""
    level = float(np.median(light)) if len(light) else 0.0
    if level < faintest:
        return None
    fitting = [run for run in _runs(light, 0.5 * level) if _is_slice(run, size)]
    alone = len(fitting) == 1 and fitting[0][0] > 0 and fitting[0][1] < len(light)
    return fitting[0] if alone else None
