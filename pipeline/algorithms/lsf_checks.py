"""Whether arc exposures determine line spread functions."""

import logging
from collections.abc import Sequence

import numpy as np

from pipeline.algorithms.arc_lines import ArcLamp
from pipeline.algorithms.lsf_fit import FEWEST, LineFit
from pipeline.algorithms.lsf_samples import LampSamples
from pipeline.spec import BadInput, Frame

log = logging.getLogger(__name__)

GAP = 0.25
"""Largest part of the wavelengths without any line (ours): 1160 Angstrom."""
FAR_OFF = 0.3
"""Mean displacement of lines that no good wavelength table has [Angstrom] (ours)."""
DEAD = 0.1
"""Part of the slices that may be without lines (ours)."""


def check_number(samples: Sequence[LampSamples]) -> None:
    """Refuse exposures of lamps that have too few lines.

    Raises
    ------
    BadInput
        Before anything is fitted.
    """
    n = sum(len(one.lines.references) for one in samples)
    if n < FEWEST:
        elements = "+".join(e for one in samples for e in one.lines.elements)
        raise BadInput(
            f"only {n} lines of {elements} are good enough",
            keyword="ARC",
            remedy="add arc exposures of all lamps, or lower line_quality",
        )


def check_lines(
    fit: LineFit, lamps: Sequence[ArcLamp], wavecal: str, limits: tuple[float, float]
) -> None:
    """Refuse exposures whose lines are missing, few, displaced or far apart.

    Parameters
    ----------
    fit
        What was measured.
    lamps
        In the same order.
    wavecal
        Name of the wavelength table.
    limits
        First and last wavelength of the instrument [Angstrom].

    Raises
    ------
    BadInput
        With the lamp or the table that is to be exchanged.
    """
    taken = fit.equations.taken
    for lamp, lines in zip(lamps, fit.lamps, strict=True):
        if not taken[:, fit.part_of(lines)].any():
            raise BadInput(
                f"shows no usable line of {'+'.join(lamp.elements)}",
                file=", ".join(frame.name for frame in lamp.frames),
                keyword=lamp.keyword,
                remedy="the lamp was off or overexposed: leave these exposures out",
            )
    displaced = [
        np.concatenate([fit.displacements(lamp, s) for lamp in fit.lamps])[taken[s]]
        for s in range(fit.n_slices)
    ]
    far = float(np.median(np.abs(np.concatenate(displaced))))
    if far > FAR_OFF:
        raise BadInput(
            f"lines lie {far:.2f} Angstrom from where it puts them",
            file=wavecal,
            keyword="WAVECAL_TABLE",
            remedy="make the wavelength table from arcs of the same night",
        )
    used = np.concatenate([lamp.used.any(axis=1) for lamp in fit.lamps])
    seen = np.sort(fit.wavelength[used & (taken[taken.any(axis=1)].mean(axis=0) > 0.5)])
    low, high = limits
    edges = np.concatenate([[low], seen[(seen > low) & (seen < high)], [high]])
    widest = int(np.argmax(np.diff(edges)))
    gap = float(np.diff(edges)[widest])
    if len(seen) < FEWEST or gap > GAP * (high - low):
        raise BadInput(
            f"{len(seen)} lines, none from {edges[widest]:.0f} to "
            f"{edges[widest + 1]:.0f} Angstrom",
            keyword="ARC",
            remedy="add arc exposures of all lamps",
        )


def check_slices(fit: LineFit, raw: Frame) -> None:
    """Say which slices have no lines: the mean of all others stands for them.

    Raises
    ------
    BadInput
        If these are many.
    """
    dead = np.flatnonzero(~fit.equations.taken.any(axis=1))
    names = ", ".join(str(s + 1) for s in dead)
    if len(dead) > DEAD * fit.n_slices:
        raise BadInput(
            f"{len(dead)} slices have no lines: {names}",
            file=raw.name,
            keyword="TRACE_TABLE",
            remedy="check trace table and exposures, or use another LSF_PROFILE",
        )
    if len(dead):
        log.warning(
            "%s, TRACE_TABLE: too few lines in slice %s, which gets the mean line spread "
            "function of all others; check trace table and exposures",
            raw.name,
            names,
        )
