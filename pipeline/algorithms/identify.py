"""Which line is which: dispersion of a slice from the pattern of its lines.

Nothing is assumed but the description of the instrument: the mean dispersion to a few per
cent and the wavelength in the middle of the detector to some hundred pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from pipeline.algorithms.arc_lines import ArcLines
from pipeline.algorithms.line_search import Detections
from pipeline.instrument import DISPERSION, Size
from pipeline.kernels.pattern import best_dispersion, match_lines

Floats = NDArray[np.float64]

OFFSET = 500.0
"""Largest error of the wavelength expected in the middle of the detector [Angstrom]."""
NEIGHBOUR_OFFSET = 350.0
"""Largest difference between neighbouring slices there [Angstrom]: they come in three
steps of 120 pixels."""
CURVATURE = 15.0
"""Largest quadratic term of the dispersion at the ends of the detector [Angstrom]."""
BRIGHTEST = 40
"""Lines of either list that take part in the search for the pattern."""
MARGIN = 100.0
"""Wavelengths beyond those that all slices record whose lines take part [Angstrom]."""
CAPTURE = 3.0
"""Distance at which a line begins to agree with the catalogue [Angstrom]."""
STEP = 0.5
"""Sampling of that agreement [Angstrom]."""
STAGES = ((2, 4.0), (3, 3.0), (4, 2.0), (5, 1.5))
"""Order of the dispersion and distance of matches in each round [Angstrom]; the last
round takes the order asked for and the tolerance."""
RECOGNISED = 0.5
"""Mean agreement of the brightest lines from which a pattern counts as found: the right
lamp reaches 0.7 to 0.9, wrong ones and chance 0.15 to 0.37 (simulated exposures)."""


@dataclass(frozen=True)
class Dispersion:
    """Wavelength in the middle of a slice as a function of the row (0-based).

    ``coefficients``: float64[n], Chebyshev in ``2 row / (n_rows - 1) - 1``.
    """

    coefficients: Floats
    n_rows: int

    def wavelength(self, row: Floats) -> Floats:
        """Return wavelengths [Angstrom] at rows."""
        return np.asarray(chebyshev.chebval(self._unit(row), self.coefficients))

    def slope(self, row: Floats) -> Floats:
        """Return the sampling [Angstrom/pix] at rows."""
        derivative = chebyshev.chebder(self.coefficients)
        return np.asarray(
            chebyshev.chebval(self._unit(row), derivative) * 2 / (self.n_rows - 1)
        )

    def row(self, wavelength: Floats) -> Floats:
        """Return rows at which wavelengths [Angstrom] fall; NaN outside the detector."""
        grid = np.arange(self.n_rows, dtype=np.float64)
        known = self.wavelength(grid)
        return np.asarray(np.interp(wavelength, known, grid, left=np.nan, right=np.nan))

    def _unit(self, row: Floats) -> Floats:
        """Return rows scaled to -1 ... 1."""
        return 2 * np.asarray(row) / (self.n_rows - 1) - 1


@dataclass(frozen=True)
class Matches:
    """Lines that were recognised in one slice.

    ``row``: float64[n] [pix, 0-based]; ``line``: int64[n], index into the list of lines;
    ``detection``: int64[n], index into the detections.
    """

    row: Floats
    line: NDArray[np.int64]
    detection: NDArray[np.int64]


def find_pattern(
    found: Detections,
    lines: ArcLines,
    size: Size,
    dispersion_range: float,
    prior: Dispersion | None = None,
) -> tuple[Dispersion, float]:
    """Find the quadratic dispersion at which most bright lines fall on the catalogue.

    Parameters
    ----------
    found
        Lines of one lamp in one slice.
    lines
        Catalogue of that lamp.
    size
        Instrument size.
    dispersion_range
        Largest relative deviation from the nominal dispersion.
    prior
        Dispersion of a slice nearby, around which to search; without it everywhere.

    Returns
    -------
    dispersion
        The best one.
    agreement : float
        From 0 to 1; see `RECOGNISED`.
    """
    n_rows = size.shape[0]
    bright = np.argsort(found.strength)[-BRIGHTEST:]
    places = 2 * found.row[bright] / (n_rows - 1) - 1
    half = DISPERSION * (n_rows - 1) / 2
    if prior is None:
        centre = (size.blue + size.red) / 2
        centres = _grid(centre, OFFSET, 1.5)
        slopes = _grid(half, half * dispersion_range, 1.5)
        curvatures = _grid(0.0, CURVATURE, 3.0)
    else:
        p = chebyshev.cheb2poly(chebyshev.Chebyshev(prior.coefficients).truncate(3).coef)
        centres = _grid(float(p[0]), NEIGHBOUR_OFFSET, 1.5)
        slopes = _grid(float(p[1]), 0.006 * half, 1.5)
        curvatures = _grid(float(p[2]), 3.0, 1.5)
    recorded = (lines.wavelength > size.blue - MARGIN) & (
        lines.wavelength < size.red + MARGIN
    )
    first, score = _agreement(lines.take(recorded))
    best, c, s, q = best_dispersion(
        np.ascontiguousarray(places), score, first, STEP, centres, slopes, curvatures
    )
    coefficients = np.asarray(chebyshev.poly2cheb([c, s, q]), np.float64)
    return Dispersion(coefficients, n_rows), float(best)


def _grid(centre: float, reach: float, step: float) -> Floats:
    """Return numbers around a centre."""
    n = max(int(np.ceil(reach / step)), 1)
    return np.asarray(centre + np.linspace(-reach, reach, 2 * n + 1))


def _agreement(lines: ArcLines) -> tuple[float, NDArray[np.float32]]:
    """Sample how close wavelengths are to one of the brightest lines, 0 to 1."""
    bright = np.sort(lines.wavelength[np.argsort(lines.flux)[-BRIGHTEST:]])
    first = float(bright[0] - 2 * CAPTURE)
    grid = np.arange(first, bright[-1] + 2 * CAPTURE, STEP)
    after = np.clip(np.searchsorted(bright, grid), 1, len(bright) - 1)
    distance = np.minimum(np.abs(grid - bright[after - 1]), np.abs(grid - bright[after]))
    return first, np.clip(1 - distance / CAPTURE, 0, 1).astype(np.float32)


def match(
    dispersion: Dispersion, found: Detections, lines: ArcLines, limit: float | Floats
) -> Matches:
    """Pair detections with lines of the catalogue.

    A detection takes the line that is near and bright, a line the brightest detection.

    Parameters
    ----------
    dispersion
        Wavelengths expected.
    found
        Detections of a slice.
    lines
        Catalogue of the lamp.
    limit
        Largest distance, one for all or by line [Angstrom].
    """
    winner = match_lines(
        dispersion.wavelength(found.row),
        found.peak,
        lines.wavelength,
        0.5 * np.log10(np.maximum(lines.flux, 1.0)),
        np.broadcast_to(np.asarray(limit, np.float64), lines.wavelength.shape).copy(),
    )
    line = np.flatnonzero(winner >= 0)
    return Matches(found.row[winner[line]], line, winner[line])


def refine(
    dispersion: Dispersion,
    found: Detections,
    lines: ArcLines,
    anchors: tuple[Floats, Floats],
    order: int,
    tolerance: float,
) -> tuple[Dispersion, Matches]:
    """Improve a dispersion by matching more and more lines with growing order.

    Parameters
    ----------
    dispersion
        First guess.
    found, lines
        Detections of a slice and the catalogue of the lamp.
    anchors
        Rows [pix, 0-based] and wavelengths [Angstrom] known from other lamps.
    order
        Final order of the polynomial.
    tolerance
        Largest distance of the final matches in parts of the distance to the nearest
        usable line, but between 0.25 and 1.2 Angstrom.
    """
    usable = lines.quality > 0
    stages = [(o, np.full(len(usable), limit)) for o, limit in STAGES if o < order]
    stages.append(
        (order, np.clip(tolerance * _spacing(lines.wavelength, usable), 0.25, 1.2))
    )
    for stage_order, limit in stages:
        pairs = match(dispersion, found, lines, limit)
        good = usable[pairs.line]
        rows = np.concatenate([anchors[0], pairs.row[good]])
        waves = np.concatenate([anchors[1], lines.wavelength[pairs.line[good]]])
        dispersion = _fit(rows, waves, min(stage_order, len(rows) // 3), dispersion)
    pairs = match(dispersion, found, lines, stages[-1][1])
    good = usable[pairs.line]
    return dispersion, Matches(pairs.row[good], pairs.line[good], pairs.detection[good])


def _spacing(wavelength: Floats, usable: NDArray[np.bool_]) -> Floats:
    """Return the distance of every line to the nearest other usable line."""
    distance = np.abs(wavelength[:, None] - wavelength[usable])
    distance[distance == 0] = np.inf
    return np.asarray(distance.min(axis=1))


def _fit(rows: Floats, waves: Floats, order: int, start: Dispersion) -> Dispersion:
    """Fit a polynomial with rejection around the median deviation."""
    if order < 1:
        return start
    terms = chebyshev.chebvander(2 * rows / (start.n_rows - 1) - 1, order)
    good = np.ones(len(rows), bool)
    coefficients = start.coefficients
    for _ in range(6):
        weighted = terms.T * good
        coefficients = np.asarray(
            np.linalg.solve(weighted @ terms, weighted @ waves), float
        )
        rest = np.abs(waves - terms @ coefficients)
        middle = np.sort(rest[good])[np.count_nonzero(good) // 2]
        kept = rest < 4 * max(1.4826 * float(middle), 0.02)
        if (kept == good).all() or kept.sum() < order + 2:
            break
        good = kept
    return Dispersion(coefficients, start.n_rows)
