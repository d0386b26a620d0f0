"""The wavelength solutions of all slices of an IFU, from the places of their lines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_lines import ArcLamp, all_lamps
from pipeline.algorithms.arc_slices import ArcSlices
from pipeline.algorithms.line_errors import (
    LightCentres,
    corrected,
    isolated_lines,
    line_errors,
    skew_correction,
    spread_over_columns,
)
from pipeline.algorithms.wavelength import (
    MAX_ROUNDS,
    Places,
    Surface,
    Weighting,
    fit_wavelengths,
    n_distinct,
)
from pipeline.spec import BadInput

Floats = NDArray[np.float64]

FEW_ROUNDS = 3
"""Rounds of rejection before the errors of the lines are known."""
LARGEST_GAP, LARGEST_END = 0.25, 0.12
"""Part of the detector that may be without a line, inside and at either end."""
LARGEST_SCATTER = 0.2
"""Scatter around a solution that cannot be right [Angstrom]."""


@dataclass(frozen=True)
class FitSettings:
    """How surfaces are fitted.

    ``weighting``, ``kappa``: see `fit_wavelengths`; ``skewness``: whether wavelengths
    refer to the centre of light; ``consensus``: whether slices are compared to find
    lines with wrong wavelengths; ``history``: whether to keep all residuals.
    """

    weighting: Weighting
    kappa: float
    skewness: bool
    consensus: bool
    history: bool = False


def solve(
    arcs: ArcSlices, lamps: Sequence[ArcLamp], lampwise: bool, settings: FitSettings
) -> tuple[list[Places], list[Surface]]:
    """Fit the wavelengths of all slices.

    Parameters
    ----------
    arcs
        The measured lines.
    lamps
        All lamps.
    lampwise
        Whether they were measured one by one: lines of one lamp then displace no others.
    settings
        How to fit.

    Returns
    -------
    places, surfaces
        By slice: the measured lines and the solution.

    Raises
    ------
    BadInput
        If the lines of a slice do not determine its solution.
    """
    places = []
    for state in arcs.slices:
        state.places = [Places.join(state.places)]
        places.append(state.places[0])
    if settings.skewness:
        groups = lamps if lampwise else [all_lamps(lamps)]
        isolated = isolated_lines(arcs.catalogue, [lamp.elements for lamp in groups])
        light = [
            LightCentres(
                *(np.concatenate(parts) for parts in zip(*state.light, strict=True))
            )
            for state in arcs.slices
        ]
        waves = arcs.catalogue.wavelength
        corrections = skew_correction(places, light, isolated, waves)
        places = [corrected(p, c) for p, c in zip(places, corrections, strict=True)]
    errors = None
    if settings.consensus:
        first = [_fit(arcs, lamps, settings, places, s, None) for s in range(len(places))]
        errors = line_errors(places, first, len(arcs.catalogue.wavelength))
    return places, [
        _fit(arcs, lamps, settings, places, s, errors) for s in range(len(places))
    ]


def _fit(
    arcs: ArcSlices,
    lamps: Sequence[ArcLamp],
    settings: FitSettings,
    places: Sequence[Places],
    s: int,
    errors: Floats | None,
) -> Surface:
    """Fit one slice and see whether its lines suffice."""
    n_rows, number = arcs.size.shape[0], arcs.numbers[s]
    rough = settings.consensus and errors is None
    surface = fit_wavelengths(
        places[s],
        n_rows,
        x_order=arcs.search.x_order,
        y_order=arcs.search.y_order,
        weighting=settings.weighting,
        kappa=settings.kappa,
        line_error=None if errors is None else spread_over_columns(errors, places[s]),
        max_rounds=FEW_ROUNDS if rough else MAX_ROUNDS,
        history=settings.history and not rough,
    )
    if surface is None:
        n_lines = n_distinct(places[s].line)
        raise _insufficient(lamps, f"{n_lines} lines in slice {number} do not determine")
    inside, end = gaps(places[s].y[surface.used], n_rows)
    if inside > LARGEST_GAP * n_rows or end > LARGEST_END * n_rows:
        raise _insufficient(
            lamps,
            f"{inside:.0f} rows inside and {end:.0f} at an end of slice {number} without "
            "a line do not allow",
        )
    if not np.sqrt(surface.mse) < LARGEST_SCATTER:
        raise _insufficient(
            lamps,
            f"lines in slice {number} scatter by {np.sqrt(surface.mse):.2f} A around",
        )
    return surface


def gaps(rows: Floats, n_rows: int) -> tuple[float, float]:
    """Return the largest distances between rows, and from them to an end [pix]."""
    ordered = np.sort(rows)
    end = max(ordered[0] - 1, n_rows - ordered[-1])
    return float(np.diff(ordered).max(initial=0.0)), float(end)


def _insufficient(lamps: Sequence[ArcLamp], problem: str) -> BadInput:
    """Say that the lines do not suffice."""
    elements = ", ".join("+".join(lamp.elements) for lamp in lamps)
    return BadInput(
        f"{problem} a wavelength solution (lamps: {elements})",
        file=lamps[0].frames[0].name,
        keyword="ESO INS LAMPn ST",
        remedy="give well exposed arcs of all lamps: Ne, Xe and HgCd",
    )
