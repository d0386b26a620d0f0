"""The arc lines of all slices of an IFU, gathered lamp by lamp."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_centres import measure_lines
from pipeline.algorithms.arc_image import ArcImage, Strip
from pipeline.algorithms.arc_lines import ArcLamp, ArcLines
from pipeline.algorithms.identify import RECOGNISED, Dispersion, find_pattern, match, refine
from pipeline.algorithms.line_errors import LightCentres
from pipeline.algorithms.line_search import Detections, detect_lines, middle_spectrum
from pipeline.algorithms.wavelength import Places
from pipeline.instrument import Size
from pipeline.spec import BadInput

Floats = NDArray[np.float64]

FEWEST = 5
"""Lines a lamp must show in a slice."""
JUDGED, FAINTEST = 15, 0.02
"""Number of brightest lines by which a lamp is judged, and the faintest of them relative
to the brightest."""
KNOWN_DISTANCE = 2.0
"""Distance within which a line is known to the catalogue [Angstrom]."""
KNOWN_PART = 0.6
"""Part of the judged lines, over all slices, that must be known: all are with the right
lamp, 0 to 0.2 with a wrong one (simulated exposures)."""


@dataclass(frozen=True)
class Search:
    """How lines are found: the parameters of the recipe that say so.

    ``sigma``: detection limit; ``dispersion_range``: relative; ``tolerance``: of matches;
    ``x_order``, ``y_order``: of the solution; ``kappa``: rejection along a line.
    """

    sigma: float
    dispersion_range: float
    tolerance: float
    x_order: int
    y_order: int
    kappa: float


@dataclass
class SliceLines:
    """What is known of one slice.

    ``rows``, ``waves``: recognised lines in its middle [pix, 0-based; Angstrom];
    ``places``, ``light``: measured lines, lamp by lamp; ``peaks``: heights of the
    recognised lines of each lamp [count]; ``n_detected``: of all lamps.
    """

    dispersion: Dispersion | None = None
    rows: Floats = field(default_factory=lambda: np.empty(0))
    waves: Floats = field(default_factory=lambda: np.empty(0))
    places: list[Places] = field(default_factory=list)
    light: list[LightCentres] = field(default_factory=list)
    peaks: list[Floats] = field(default_factory=list)
    n_detected: int = 0


class ArcSlices:
    """Finds and measures lines of one lamp after the other in all slices.

    Parameters
    ----------
    size
        Instrument size.
    numbers : int64[n]
        The slices that have been traced, from 1.
    catalogue
        All lines.
    search
        How to find them.

    Attributes
    ----------
    slices : list of SliceLines
        From left to right.
    """

    def __init__(
        self, size: Size, numbers: NDArray[np.int64], catalogue: ArcLines, search: Search
    ) -> None:
        self.size, self.catalogue, self.search = size, catalogue, search
        self.numbers = numbers
        self.slices = [SliceLines() for _ in numbers]

    def take(self, lamp: ArcLamp, image: ArcImage) -> None:
        """Find, recognise and measure the lines of a lamp; the richest lamp comes first.

        Raises
        ------
        BadInput
            If the lamp shows too few lines, or others than its catalogue says.
        """
        chosen = np.flatnonzero(np.isin(self.catalogue.element, lamp.elements))
        lines = self.catalogue.take(chosen)
        known: list[NDArray[np.bool_]] = []
        before: Dispersion | None = None
        for number, state, strip in zip(
            self.numbers.tolist(), self.slices, image.strips(), strict=True
        ):
            found = self._detect(strip)
            if len(found.row) < FEWEST:
                raise _unlit(lamp, len(found.row), number)
            start = state.dispersion or self._recognise(lamp, found, lines, before, number)
            before, pairs = refine(
                start,
                found,
                lines,
                (state.rows, state.waves),
                self.search.y_order,
                self.search.tolerance,
            )
            known.append(_known(before, found, lines))
            state.dispersion = before
            state.rows = np.concatenate([state.rows, pairs.row])
            state.waves = np.concatenate([state.waves, lines.wavelength[pairs.line]])
            state.peaks.append(found.peak[pairs.detection])
            state.n_detected += len(found.row)
            places, light = measure_lines(
                strip,
                before,
                pairs,
                lines,
                chosen,
                x_order=self.search.x_order,
                kappa=self.search.kappa,
            )
            state.places.append(places)
            state.light.append(light)
        part = float(np.concatenate(known).mean())
        if part < KNOWN_PART:
            raise _unknown(lamp, f"only {part:.0%} of the bright lines are known to be")

    def _detect(self, strip: Strip) -> Detections:
        """Return the lines in the middle of a slice."""
        middle = len(strip.light) // 2
        spectrum = middle_spectrum(strip.light, strip.noise, middle)
        return detect_lines(*spectrum, self.search.sigma)

    def _recognise(
        self,
        lamp: ArcLamp,
        found: Detections,
        lines: ArcLines,
        before: Dispersion | None,
        number: int,
    ) -> Dispersion:
        """Find the pattern of the first lamp, near that of the slice before if possible."""
        agreement = 0.0
        for prior in (before, None) if before else (None,):
            dispersion, agreement = find_pattern(
                found, lines, self.size, self.search.dispersion_range, prior
            )
            if agreement >= RECOGNISED:
                return dispersion
        raise _unknown(
            lamp, f"the pattern in slice {number} agrees by only {agreement:.2f} with"
        )


def _known(dispersion: Dispersion, found: Detections, lines: ArcLines) -> NDArray[np.bool_]:
    """Return whether the bright lines of a slice are in the catalogue of the lamp."""
    order = np.argsort(-found.strength, kind="stable")[:JUDGED]
    bright = order[found.strength[order] > FAINTEST * found.strength[order[0]]]
    pairs = match(dispersion, found, lines, KNOWN_DISTANCE)
    return np.isin(bright, pairs.detection)


def _unlit(lamp: ArcLamp, n_found: int, number: int) -> BadInput:
    """Say that a lamp gave no light."""
    return BadInput(
        f"only {n_found} lines of {'+'.join(lamp.elements)} in slice {number}",
        file=", ".join(frame.name for frame in lamp.frames),
        keyword=lamp.keyword,
        remedy="the lamp was off or cold: leave these exposures out or take them again",
    )


def _unknown(lamp: ArcLamp, problem: str) -> BadInput:
    """Say that the lines are not those of the lamp."""
    return BadInput(
        f"{problem} lines of {'+'.join(lamp.elements)}",
        file=", ".join(frame.name for frame in lamp.frames),
        keyword=lamp.keyword,
        remedy="the header names another lamp than was on: correct it, or leave these "
        "exposures out",
    )


def richest_first(lamps: Sequence[ArcLamp], catalogue: ArcLines) -> list[ArcLamp]:
    """Sort lamps by their number of usable lines, the first finds the pattern."""
    usable = catalogue.take(catalogue.quality > 0)
    return sorted(lamps, key=lambda lamp: -len(usable.of(lamp.elements).wavelength))
