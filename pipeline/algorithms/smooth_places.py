"""Smoothing of the geometry: slices of a stack against a straight line."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.slice_places import Places
from pipeline.instrument import Size

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

LARGEST_ERRORS = {"x": 0.90, "y": 0.10, "angle": 0.07, "width": 0.25}
"""Values with larger errors are replaced [pix, pix, deg, pix] (genuine pipeline)."""
QC_NAMES = {"x": "NX", "y": "NY", "angle": "NANGLE", "width": "NWIDTH"}
CERTAIN = 3.0
"""Deviations of more than so many errors are real."""
MANY = 3
"""More replaced values in one stack are worth a warning (genuine pipeline)."""


@dataclass(frozen=True)
class Smoothed:
    """Smoothed places; ``changed``: how many values of each property were replaced."""

    places: Places
    changed: dict[str, int]


def smooth_places(places: Places, size: Size, sigma: float, *, keep_real: bool) -> Smoothed:
    """Replace deviant values by those of a straight line through the slices of a stack.

    Values that were not measured, or have too large errors, are replaced in any case.

    Parameters
    ----------
    places
        Slices.
    size
        Of the instrument.
    sigma
        Limit, in units of the scatter around the line.
    keep_real
        Whether to keep deviations that the measurement shows to be real.
    """
    columns = {name: values.copy() for name, values in vars(places).items()}
    changed = dict.fromkeys(QC_NAMES, 0)
    stack = (places.sky - 1) // size.slices_per_stack
    for ifu in np.unique(places.ifu):
        for number in np.unique(stack):
            here = np.flatnonzero((places.ifu == ifu) & (stack == number))
            for name in QC_NAMES:
                values, errors = columns[name], columns[f"{name}_error"]
                line, rms = _straight_line(places.sky[here], values[here], errors[here])
                away = np.abs(values[here] - line)
                poor = ~(errors[here] <= LARGEST_ERRORS[name])
                deviant = away > sigma * rms
                if keep_real:
                    deviant &= away < CERTAIN * errors[here]
                replaced = here[(poor | deviant) & np.isfinite(line)]
                values[replaced] = line[np.isin(here, replaced)]
                errors[replaced] = rms
                changed[name] += len(replaced)
                if len(replaced) > MANY:
                    log.warning(
                        "IFU %d: %d of %d values of %s were replaced in the stack of sky "
                        "slices %d to %d: check the MASK exposures for lost spots or raise "
                        "--smooth",
                        ifu, len(replaced), len(here), name,
                        places.sky[here].min(), places.sky[here].max(),
                    )  # fmt: skip
    return Smoothed(Places(**columns), changed)


def _straight_line(
    sky: NDArray[np.int64], values: Floats, errors: Floats
) -> tuple[Floats, float]:
    """Return a straight line through the values that have errors, and the scatter.

    NaN if there are less than three.
    """
    used = np.isfinite(values) & np.isfinite(errors)
    if used.sum() < 3:
        return np.full(len(values), np.nan), np.nan
    floor = max(float(np.median(errors[used])), 1e-9)
    weight = 1 / np.hypot(errors[used], floor)
    line = np.polynomial.Polynomial.fit(sky[used], values[used], 1, w=weight)
    rest = (values[used] - line(sky[used])) * weight
    scatter = float(np.sqrt(rest @ rest / (weight @ weight)))
    return np.asarray(line(sky.astype(np.float64))), scatter
