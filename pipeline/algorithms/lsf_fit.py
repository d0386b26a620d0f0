"""Fluxes of arc lines and their common profiles, found in turn.

With the profiles fixed, the fluxes of all lines of the catalogue and a background follow
by least squares, so that neighbours do not distort a profile; with the fluxes fixed, the
profiles follow. A part of a window where a line deviates from what all others say, in
all slices alike, holds a line that the catalogue lacks: it is left out; a line that
deviates in its core is a blend: it is left out altogether.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.lsf_samples import LampLines, LampSamples
from pipeline.algorithms.lsf_shape import Knots, Shape, Wavelengths, solve_shape
from pipeline.kernels.line_profile import (
    N_PAIRS,
    flux_equations,
    profile_equations,
    solve_band,
)
from pipeline.parallel import run_all

Floats = NDArray[np.float64]

START_SIGMA = 1.1
"""Width of the Gaussian to begin with [Angstrom]: FWHM 2.6, as the MUSE user manual
(ESO-261650) gives."""

ROUNDS = ((0.05, np.inf), (0.02, 10.0), (0.01, 5.0), (0.01, 5.0), (0.01, 5.0))
"""Error of the model relative to the light, and rejection limit [sigma], of each round
(ours)."""
JUDGED = 2
"""Round after which lines are judged."""
THIN = 3
"""Until then the common part of the profiles is found from every third slice (ours)."""

FREEDOM = 1.0
"""By how much lines other than the references may differ from the catalogue, relative,
one sigma (ours): it tells lines apart that the data cannot."""

BACKGROUND_STEP = 50.0
"""Distance at which the background is free [Angstrom] (ours)."""

FAR = 0.2
"""Largest correction of the place of a line in a round [Angstrom] (ours)."""
CENTRE_ERROR = 0.003
"""Error of the centre of a line beside its noise [Angstrom]: that of wavelength tables."""
ALTERNATIONS = 3
"""Rounds in which displacements of lines and of slices are separated (ours)."""

FAINTEST = 20.0
"""Signal-to-noise ratio of a line in a slice, below which it is left out there (ours)."""
FEWEST = 6
"""Lines without which a slice says nothing (ours)."""
WHOLE = 0.7
"""Part of the pixels in the core of a line that must be good (ours)."""

SIGNIFICANT = 5.0
"""Deviation of a line from all others that counts [sigma]."""
DEVIATION, RELATIVE = 0.004, 0.01
"""... and its size: in parts of the peak of the profile, and of the profile there (ours).
A blend of that size changes the width of its line by 0.01 Angstrom, and that of the
profile by a tenth of it, since other lines share in it."""
CORE = 1.5
"""Half width of the core of a line [Angstrom]."""
MAJORITY = 0.5
"""Part of the lines that must agree: else none is judged (ours)."""


@dataclass(eq=False)
class LampFit:
    """What is found of one lamp.

    ``solution``: float64[n_slices, n_unknowns], fluxes and background [count Angstrom;
    count]; ``error`` of it; ``shift``: float64[n_slices, n_ref] [Angstrom]; ``moved``:
    float64[n_slices, n_ref, 2], its last correction and the weight of that; ``used``:
    bool[n_ref, n_intervals], the parts of the windows that count; ``flux_order``,
    ``back_order``: places of the unknowns; ``width`` of the band of the equations.
    """

    samples: LampSamples
    knots: Knots
    n_slices: int
    solution: Floats = field(init=False)
    error: Floats = field(init=False)
    shift: Floats = field(init=False)
    moved: Floats = field(init=False)
    used: NDArray[np.bool_] = field(init=False)
    _terms: tuple[Floats, Floats] | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        lines = self.lines
        first, last = lines.wavelength[0], lines.wavelength[-1]
        n_back = max(int((last - first) / BACKGROUND_STEP), 1) + 1
        grid = np.linspace(first, last, n_back)
        self.back = float(first), float(grid[1] - grid[0])
        n = len(lines.wavelength)
        places = np.empty(n + n_back, np.int64)
        places[np.argsort(np.concatenate([lines.wavelength, grid]), kind="stable")] = (
            np.arange(n + n_back)
        )
        self.flux_order, self.back_order = places[:n], places[n:]
        self.width = self._width(grid)
        shape = self.n_slices, n + n_back
        self.solution, self.error = np.zeros(shape), np.full(shape, np.inf)
        self.shift = np.zeros((self.n_slices, len(lines.references)))
        self.moved = np.zeros((self.n_slices, len(lines.references), 2))
        self.used = np.ones((len(lines.references), self.knots.n), bool)

    @property
    def lines(self) -> LampLines:
        """The lines of the lamp."""
        return self.samples.lines

    def _width(self, grid: Floats) -> int:
        """Return how far apart unknowns are that share a pixel, plus one."""
        lines, widest = self.lines, 1
        for j, (low, high) in enumerate(lines.near):
            at = lines.reference_wavelength[j]
            window = np.array([at - self.knots.reach, at + self.knots.reach])
            q = np.clip((window - grid[0]) // self.back[1], 0, len(grid) - 2).astype(int)
            together = np.concatenate(
                [self.flux_order[low:high], self.back_order[q[0] : q[1] + 2]]
            )
            widest = max(widest, int(np.ptp(together)) + 1)
        return widest

    def terms(self, wavelengths: Wavelengths) -> tuple[Floats, Floats]:
        """Return the functions of wavelength at all lines."""
        if self._terms is None:
            w = self.lines.wavelength
            self._terms = wavelengths.common(w), wavelengths.own(w)
        return self._terms

    def fluxes(self, index: int) -> Floats:
        """Return the fluxes of the reference lines in a slice [count Angstrom]."""
        return np.asarray(
            self.solution[index, self.flux_order[self.lines.references]], np.float64
        )

    def flux_errors(self, index: int) -> Floats:
        """Return the standard errors of these."""
        return np.asarray(
            self.error[index, self.flux_order[self.lines.references]], np.float64
        )

    def order(self) -> tuple[NDArray[np.int64], NDArray[np.int64], float, float]:
        """Return the layout of the unknowns, as kernels want it."""
        return self.flux_order, self.back_order, *self.back

    def catalogue(self) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """Return the lines, as kernels want them."""
        return self.lines.wavelength, self.lines.references, self.lines.near

    def prior(self, index: int, alone: bool) -> tuple[Floats, Floats]:
        """Return expected unknowns and their inverse variances.

        ``alone``: lines other than the references have no flux.
        """
        lines = self.lines
        n = self.solution.shape[1]
        expected, precision = np.zeros(n), np.full(n, 1e-12)
        other = np.ones(len(lines.wavelength), bool)
        other[lines.references] = False
        places = self.flux_order[other]
        if alone:
            precision[places] = 1e12
            return expected, precision
        ratio = self.fluxes(index) / lines.flux[lines.references]
        known = self.fluxes(index) > FAINTEST * self.flux_errors(index)
        scale = float(np.median(ratio[known])) if known.any() else 0.0
        expected[places] = scale * lines.flux[other]
        precision[places] = 1 / np.maximum(FREEDOM * expected[places], 1e-6) ** 2
        return expected, precision


@dataclass
class Equations:
    """Normal equations of the profiles of the reference lines of all lamps.

    ``pairs``: float64[n_slices, n_lines, n_intervals, N_PAIRS]; ``sums``: float64[...,
    4]; ``taken``: bool[n_slices, n_lines], where a line is good enough.
    """

    pairs: Floats
    sums: Floats
    taken: NDArray[np.bool_]

    @classmethod
    def empty(cls, n_slices: int, n_lines: int, n_intervals: int) -> "Equations":
        """Return equations without any pixel."""
        return cls(
            np.zeros((n_slices, n_lines, n_intervals, N_PAIRS)),
            np.zeros((n_slices, n_lines, n_intervals, 4)),
            np.zeros((n_slices, n_lines), bool),
        )

    def clear(self) -> None:
        """Forget all pixels."""
        self.pairs[...] = 0.0
        self.sums[...] = 0.0
        self.taken[...] = False

    def total(self, used: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return matrix and vector of each line, all slices added, without unused parts."""
        good = self.taken.astype(np.float64)
        pairs = np.einsum("sj,sjik->jik", good, self.pairs)
        sums = np.einsum("sj,sjia->jia", good, self.sums)
        return _dense(used[:, :, None] * pairs, used[:, :, None] * sums)

    def of_slice(self, index: int, used: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return matrix and vector of each line in a slice, without unused parts."""
        good = (self.taken[index, :, None] & used)[:, :, None]
        return _dense(good * self.pairs[index], good * self.sums[index])

    def deviations(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return by how much lines differ from their profiles, and its error.

        Parameters
        ----------
        coefficients : float64[n_slices, n_lines, n_intervals + 3]
            Of the profiles [1/Angstrom].

        Returns
        -------
        float64[n_lines, n_intervals], float64[n_lines, n_intervals]
            Means over each interval and all slices [1/Angstrom].
        """
        n = self.sums.shape[2]
        numerator, weight = np.zeros(self.sums.shape[1:3]), np.zeros(self.sums.shape[1:3])
        good, k = self.taken[:, :, None], 0
        for a in range(4):
            numerator += (good * self.sums[..., a]).sum(axis=0)
            for b in range(a + 1):
                pair = good * self.pairs[..., k]
                model = coefficients[:, :, a : a + n] + coefficients[:, :, b : b + n]
                numerator -= (pair * model).sum(axis=0) / (2 if a == b else 1)
                weight += pair.sum(axis=0) * (1 if a == b else 2)
                k += 1
        weight = np.maximum(weight, 1e-12)
        return numerator / weight, 1 / np.sqrt(weight)


def _dense(pairs: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """Return the matrix and the vector of each line, [n_lines, m, m] and [n_lines, m]."""
    n_lines, n, _ = sums.shape
    matrices = np.zeros((n_lines, n + 3, n + 3))
    vectors = np.zeros((n_lines, n + 3))
    rows, k = np.arange(n), 0
    for a in range(4):
        vectors[:, a : a + n] += sums[..., a]
        for b in range(a + 1):
            matrices[:, rows + a, rows + b] += pairs[..., k]
            if a != b:
                matrices[:, rows + b, rows + a] += pairs[..., k]
            k += 1
    return matrices, vectors


class LineFit:
    """Profiles and fluxes of all slices of an IFU.

    Parameters
    ----------
    samples
        The pixels of each lamp.
    knots, wavelengths
        Functions in which the profiles are described.
    shape
        Rows and columns of the detector.
    n_slices
        Number of slices.

    Attributes
    ----------
    shape : Shape
        The profiles.
    lamps : list of LampFit
        Fluxes and shifts.
    equations : Equations
        The last ones.
    """

    def __init__(
        self,
        samples: Sequence[LampSamples],
        knots: Knots,
        wavelengths: Wavelengths,
        shape: tuple[int, int],
        n_slices: int,
    ) -> None:
        self.knots, self.n_slices = knots, n_slices
        self.lamps = [LampFit(one, knots, n_slices) for one in samples]
        self.shape = Shape.gaussian(knots, wavelengths, n_slices, START_SIGMA)
        self.illumination = np.ones((n_slices, shape[1]))
        self.wavelength = np.concatenate(
            [lamp.lines.reference_wavelength for lamp in self.lamps]
        )
        self.equations = Equations.empty(n_slices, len(self.wavelength), knots.n)

    def run(self) -> None:
        """Find fluxes and profiles in some rounds."""
        for number, doubt in enumerate(ROUNDS):
            early = number <= JUDGED
            self.equations.clear()
            run_all(
                partial(self._measure, doubt=doubt),
                range(0, self.n_slices, THIN if early else 1),
            )
            used = np.concatenate([lamp.used for lamp in self.lamps])
            self.shape = solve_shape(
                self.equations.total(used),
                (self.equations.of_slice(s, used) for s in range(self.n_slices)),
                self.wavelength,
                self.knots,
                self.shape.wavelengths,
            )
            self._align()
            if number == JUDGED:
                self._judge()

    def profiles_of(self, lamp: LampFit, index: int) -> Floats:
        """Return the profiles of all lines of a lamp in a slice [1/Angstrom]."""
        return self.shape.coefficients(index, *lamp.terms(self.shape.wavelengths))

    def displacements(self, lamp: LampFit, index: int) -> Floats:
        """Return how far the light of the reference lines lies from their wavelengths."""
        profiles = self.profiles_of(lamp, index)[lamp.lines.references]
        return np.asarray(lamp.shift[index] + self.knots.middle(profiles))

    def part_of(self, lamp: LampFit) -> slice:
        """Return which of the reference lines of all lamps belong to one."""
        before = self.lamps[: self.lamps.index(lamp)]
        first = sum(len(one.lines.references) for one in before)
        return slice(first, first + len(lamp.lines.references))

    def _measure(self, index: int, doubt: tuple[float, float]) -> None:
        """Fit the fluxes of a slice and gather the equations of its profiles.

        At the first time nothing is known: the reference lines are measured alone.
        """
        columns = np.zeros((self.illumination.shape[1], 2))
        for lamp in self.lamps:
            profiles = self.profiles_of(lamp, index)
            if not np.isfinite(lamp.error[index]).any():
                self._fluxes(lamp, index, (doubt[0], np.inf), profiles, alone=True)
            self._fluxes(lamp, index, doubt, profiles, alone=False)
            self._profiles(lamp, index, doubt, profiles, columns)
        if self.equations.taken[index].sum() < FEWEST:
            self.equations.taken[index] = False
        seen = columns[:, 1] > 0
        if seen.any():
            found = columns[seen, 0] / columns[seen, 1]
            self.illumination[index, seen] = np.clip(found / np.median(found), 0.1, 10.0)

    def _fluxes(
        self,
        lamp: LampFit,
        index: int,
        doubt: tuple[float, float],
        profiles: Floats,
        *,
        alone: bool,
    ) -> None:
        """Fit the fluxes of a lamp in a slice."""
        expected, precision = lamp.prior(index, alone)
        matrix = np.zeros((len(expected), lamp.width))
        matrix[:, 0] = precision
        vector = expected * precision
        flux_equations(
            lamp.samples.of_slice(index),
            self.illumination[index],
            lamp.catalogue(),
            profiles,
            self.knots.grid,
            lamp.shift[index],
            lamp.used,
            lamp.order(),
            doubt,
            lamp.solution[index],
            matrix,
            vector,
        )
        variance = np.empty(len(vector))
        if solve_band(matrix, vector, variance):
            lamp.solution[index] = vector
            lamp.error[index] = np.sqrt(variance)

    def _profiles(
        self,
        lamp: LampFit,
        index: int,
        doubt: tuple[float, float],
        profiles: Floats,
        columns: Floats,
    ) -> None:
        """Gather the equations of the profiles of a lamp in a slice, and its shifts."""
        part = self.part_of(lamp)
        n = len(lamp.lines.references)
        moved, core = np.zeros((n, 2)), np.zeros((n, 2))
        profile_equations(
            lamp.samples.of_slice(index),
            self.illumination[index],
            lamp.catalogue(),
            profiles,
            self.knots.grid,
            lamp.shift[index],
            lamp.order(),
            doubt,
            lamp.solution[index],
            self.equations.pairs[index, part],
            self.equations.sums[index, part],
            moved,
            core,
            columns,
        )
        bright = lamp.fluxes(index) > FAINTEST * lamp.flux_errors(index)
        whole = (core[:, 0] > WHOLE * core[:, 1]) & (core[:, 1] > 0)
        self.equations.taken[index, part] = bright & whole
        step = np.clip(moved[:, 0] / np.maximum(moved[:, 1], 1e-12), -FAR, FAR)
        weight = 1 / (1 / np.maximum(moved[:, 1], 1e-12) + CENTRE_ERROR**2)
        lamp.moved[index] = np.stack([step, weight * (bright & whole)], axis=1)

    def _align(self) -> None:
        """Displace the lines: each in all slices alike, and each slice smoothly.

        Lines that were free in each slice would, where they are undersampled, adapt to the
        profile as much as it to them.
        """
        terms = self.shape.wavelengths.own(self.wavelength)
        shift = np.concatenate([lamp.shift for lamp in self.lamps], axis=1)
        moved = np.concatenate([lamp.moved for lamp in self.lamps], axis=1)
        found, weight = shift + moved[..., 0], moved[..., 1]
        own = np.zeros_like(found)
        for _ in range(ALTERNATIONS):
            line = ((found - own) * weight).sum(axis=0) / (weight.sum(axis=0) + 1e-12)
            for s in np.flatnonzero(weight.any(axis=1)):
                weighted = terms * weight[s, :, None]
                normal = terms.T @ weighted + 1e-6 * np.eye(terms.shape[1])
                own[s] = terms @ np.linalg.solve(normal, weighted.T @ (found[s] - line))
        for lamp in self.lamps:
            part = self.part_of(lamp)
            lamp.shift = np.ascontiguousarray(line[part] + own[:, part])

    def _judge(self) -> None:
        """Find the parts of windows in which lines deviate from the others."""
        w = self.shape.wavelengths
        terms = w.common(self.wavelength), w.own(self.wavelength)
        coefficients = np.array(
            [self.shape.coefficients(s, *terms) for s in range(self.n_slices)]
        )
        found, error = self.equations.deviations(coefficients)
        mean = coefficients.mean(axis=0)
        middles = self.knots.centres[1:-2] + self.knots.step / 2
        expected = self.knots.at(np.tile(middles, (len(mean), 1)), mean)
        allowed = DEVIATION * expected.max(axis=1, keepdims=True) + RELATIVE * expected
        common = np.median(found, axis=0)
        rest = np.abs(found - common)
        used = rest <= np.maximum(allowed, SIGNIFICANT * error)
        used[~used[:, np.abs(middles) < CORE].all(axis=1)] = False
        if used.any(axis=1).mean() < MAJORITY:
            return
        for lamp in self.lamps:
            lamp.used = np.ascontiguousarray(used[self.part_of(lamp)])
