"""Fluxes of the lines of one arc lamp, slice by slice, with their profiles known."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.lsf_samples import LampLines, LampSamples
from pipeline.algorithms.lsf_shape import Knots, Shape
from pipeline.kernels.line_profile import LineModel, flux_equations, solve_band

Floats = NDArray[np.float64]

FREEDOM = 1.0
"""By how much lines other than the references may differ from the catalogue, relative,
one sigma (ours): it tells lines apart that the data cannot."""

BACKGROUND_STEP = 50.0
"""Distance at which the background is free [Angstrom] (ours)."""

FAINTEST = 20.0
"""Signal-to-noise ratio of a line in a slice, below which it is left out there (ours)."""


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

    def profiles(self, index: int, shape: Shape) -> Floats:
        """Return the profiles of all lines in a slice [1/Angstrom]."""
        if self._terms is None:
            w, functions = self.lines.wavelength, shape.wavelengths
            self._terms = functions.common(w), functions.own(w)
        return shape.coefficients(index, *self._terms)

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

    def model(self, index: int, shape: Shape, illumination: Floats) -> LineModel:
        """Return what is assumed of the lines in a slice, as kernels want it.

        ``illumination``: float64[nx], of the detector columns.
        """
        lines = self.lines
        return LineModel(
            lines.wavelength,
            lines.references,
            lines.near,
            self.profiles(index, shape),
            *self.knots.grid,
            self.shift[index],
            illumination,
            self.flux_order,
            self.back_order,
            *self.back,
        )

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

    def fit_fluxes(
        self, index: int, model: LineModel, doubt: tuple[float, float], *, alone: bool
    ) -> None:
        """Fit the fluxes in a slice; they stay as they are if they are not determined.

        ``doubt``: error of the model relative to the light, and rejection limit [sigma].
        """
        expected, precision = self.prior(index, alone)
        matrix = np.zeros((len(expected), self.width))
        matrix[:, 0] = precision
        vector = expected * precision
        flux_equations(
            self.samples.of_slice(index),
            model,
            self.used,
            doubt,
            self.solution[index],
            matrix,
            vector,
        )
        variance = np.empty(len(vector))
        if solve_band(matrix, vector, variance):
            self.solution[index] = vector
            self.error[index] = np.sqrt(variance)
