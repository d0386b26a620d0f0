"""Fluxes of arc lines and their common profiles, found in turn.

With the profiles fixed, the fluxes of all lines of the catalogue and a background follow
by least squares, so that neighbours do not distort a profile; with the fluxes fixed, the
profiles follow. Lines that deviate from all others are left out, in part or altogether.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.lsf_equations import Equations
from pipeline.algorithms.lsf_judge import parts_to_use
from pipeline.algorithms.lsf_lamp import FAINTEST, LampFit
from pipeline.algorithms.lsf_samples import LampSamples
from pipeline.algorithms.lsf_shape import Knots, Shape, Wavelengths, solve_shape
from pipeline.kernels.line_profile import LineModel, ProfileSums, profile_equations
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

FAR = 0.2
"""Largest correction of the place of a line in a round [Angstrom] (ours)."""
CENTRE_ERROR = 0.003
"""Error of the centre of a line beside its noise [Angstrom]: that of wavelength tables."""
ALTERNATIONS = 3
"""Rounds in which displacements of lines and of slices are separated (ours)."""

FEWEST = 6
"""Lines without which a slice says nothing (ours)."""
WHOLE = 0.7
"""Part of the pixels in the core of a line that must be good (ours)."""


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

    def displacements(self, lamp: LampFit, index: int) -> Floats:
        """Return how far the light of the reference lines lies from their wavelengths."""
        profiles = lamp.profiles(index, self.shape)[lamp.lines.references]
        return np.asarray(lamp.shift[index] + self.knots.middle(profiles))

    def model(self, lamp: LampFit, index: int) -> LineModel:
        """Return what is assumed of the lines of a lamp in a slice."""
        return lamp.model(index, self.shape, self.illumination[index])

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
            model = self.model(lamp, index)
            if not np.isfinite(lamp.error[index]).any():
                lamp.fit_fluxes(index, model, (doubt[0], np.inf), alone=True)
            lamp.fit_fluxes(index, model, doubt, alone=False)
            self._profiles(lamp, index, doubt, model, columns)
        if self.equations.taken[index].sum() < FEWEST:
            self.equations.taken[index] = False
        seen = columns[:, 1] > 0
        if seen.any():
            found = columns[seen, 0] / columns[seen, 1]
            self.illumination[index, seen] = np.clip(found / np.median(found), 0.1, 10.0)

    def _profiles(
        self,
        lamp: LampFit,
        index: int,
        doubt: tuple[float, float],
        model: LineModel,
        columns: Floats,
    ) -> None:
        """Gather the equations of the profiles of a lamp in a slice, and its shifts."""
        part = self.part_of(lamp)
        n = len(lamp.lines.references)
        pairs, sums = self.equations.pairs[index, part], self.equations.sums[index, part]
        moved, core = np.zeros((n, 2)), np.zeros((n, 2))
        profile_equations(
            lamp.samples.of_slice(index),
            model,
            doubt,
            lamp.solution[index],
            ProfileSums(pairs, sums, moved, core, columns),
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
        """Leave out the parts of windows in which lines deviate from the others."""
        used = parts_to_use(self.equations, self.shape, self.wavelength)
        if used is None:
            return
        for lamp in self.lamps:
            lamp.used = np.ascontiguousarray(used[self.part_of(lamp)])
