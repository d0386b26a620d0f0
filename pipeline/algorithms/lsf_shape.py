"""How line profiles vary with wavelength and from slice to slice.

The profile is a sum of cubic B-splines of the distance from the line. Their coefficients
are a smooth function of wavelength that all slices of an IFU share, itself a cubic
B-spline, and for each slice a polynomial of third order added to it (the order by which
the genuine pipeline describes each slice). The common part follows the optics in detail,
since all slices measure it; the deviations of single slices are small and smooth.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray

from pipeline.algorithms.splines import spline_matrix, spline_weights
from pipeline.kernels.normal import substitute

Floats = NDArray[np.float64]

ZONE = 450.0
"""Distance of the knots in wavelength [Angstrom] (ours)."""
CURVATURE = 0.007
"""Expected change of slope of the common part from one zone to the next [1/Angstrom]:
2 % of the peak of the profile (ours)."""
DEVIATION = (0.02, 0.006, 0.002, 0.001)
"""Expected deviation of a slice from the common part, by order in wavelength [1/Angstrom]:
5 % of the peak of the profile, higher orders less (ours)."""
SLICE_ORDER = len(DEVIATION) - 1
"""Order in wavelength of the deviation of a slice."""
FAR = 5.5
"""Distance from a line beyond which light counts as background [Angstrom], as in the
genuine pipeline: a constant under all lines cannot be told from their wings."""
N_FIXED = 2
"""Splines at either end that are zero: a profile ends at the rim of its window."""


@dataclass(frozen=True)
class Knots:
    """Equidistant knots over the window of a line.

    ``reach``: half width of the window; ``n``: number of intervals.
    """

    reach: float
    n: int

    @property
    def step(self) -> float:
        """Distance of the knots [Angstrom]."""
        return 2 * self.reach / self.n

    @property
    def grid(self) -> tuple[float, float]:
        """First knot and distance of the knots [Angstrom]."""
        return -self.reach, self.step

    @property
    def centres(self) -> Floats:
        """Centres of the splines [Angstrom], float64[n + 3]."""
        return np.asarray(-self.reach + self.step * (np.arange(self.n + 3) - 1.0))

    def gaussian(self, sigma: float) -> Floats:
        """Return the coefficients of nearly a Gaussian of area 1."""
        bell = np.exp(-0.5 * (self.centres / sigma) ** 2)
        return np.asarray(bell / (bell.sum() * self.step))

    def middle(self, coefficients: Floats) -> Floats:
        """Return the means of profiles [Angstrom], [...]."""
        light = coefficients.sum(axis=-1)
        return np.asarray((coefficients * self.centres).sum(axis=-1) / light)

    def at(self, distance: Floats, coefficients: Floats) -> Floats:
        """Return profiles [1/Angstrom], [..., n], at distances from the line, [..., n].

        ``coefficients``: float64[..., n_intervals + 3].
        """
        t = (distance + self.reach) / self.step
        inside = (t >= 0) & (t <= self.n)
        i = np.clip(np.floor(t).astype(int), 0, self.n - 1)
        total = sum(
            weight * np.take_along_axis(coefficients, i + a, axis=-1)
            for a, weight in enumerate(spline_weights(np.where(inside, t - i, 0.0)))
        )
        return np.where(inside, total, 0.0)


class Wavelengths:
    """Functions of wavelength in which the coefficients of a profile vary.

    Parameters
    ----------
    low, high
        Range [Angstrom]; beyond it everything is constant.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        self._n = max(round((high - low) / ZONE), 2)
        self.n = self._n + 3

    def common(self, wavelength: Floats) -> Floats:
        """Return the B-splines at wavelengths, float64[n_wavelengths, n]."""
        inside = np.clip(wavelength, self.low, self.high)
        t = (inside - self.low) / (self.high - self.low) * self._n
        return spline_matrix(t, self._n)

    def own(self, wavelength: Floats) -> Floats:
        """Return the polynomials of a slice, float64[n_wavelengths, SLICE_ORDER + 1]."""
        inside = np.clip(wavelength, self.low, self.high)
        u = (2 * inside - self.low - self.high) / (self.high - self.low)
        return np.asarray(chebvander(u, SLICE_ORDER))


@dataclass(frozen=True)
class Shape:
    """Line profiles of all slices of an IFU.

    ``common``: float64[n_splines, n]; ``own``: float64[n_slices, n_splines, order + 1],
    coefficients [1/Angstrom] in the functions of `Wavelengths`.
    """

    knots: Knots
    wavelengths: Wavelengths
    common: Floats
    own: Floats

    @classmethod
    def gaussian(
        cls, knots: Knots, wavelengths: Wavelengths, n_slices: int, sigma: float
    ) -> "Shape":
        """Return the same Gaussian everywhere [Angstrom], to begin with."""
        common = np.repeat(knots.gaussian(sigma)[:, None], wavelengths.n, axis=1)
        own = np.zeros((n_slices, len(common), SLICE_ORDER + 1))
        return cls(knots, wavelengths, common, own)

    def coefficients(self, index: int, common: Floats, own: Floats) -> Floats:
        """Return the spline coefficients of a slice, float64[n_wavelengths, n_splines].

        ``common``, ``own``: what `Wavelengths` gives at some wavelengths.
        """
        return np.ascontiguousarray(common @ self.common.T + own @ self.own[index].T)

    def without_pedestal(self, free: slice) -> "Shape":
        """Return profiles whose mean is 0 far from the line: that is background."""
        far = np.abs(self.knots.centres[free]) > FAR
        if far.any():
            self.common[free] -= self.common[free][far].mean(axis=0)
            self.own[:, free] -= self.own[:, free][:, far].mean(axis=1, keepdims=True)
        return self

    def profiles(self, index: int, wavelength: Floats, offsets: Floats) -> Floats:
        """Return profiles of area 1 with their mean at 0.

        Parameters
        ----------
        index
            The slice, from 0.
        wavelength : float64[n]
            [Angstrom].
        offsets : float64[m]
            Equidistant distances from the line [Angstrom].

        Returns
        -------
        float64[n, m]
            [1/Angstrom].
        """
        terms = self.wavelengths.common(wavelength), self.wavelengths.own(wavelength)
        c = self.coefficients(index, *terms)
        middle = self.knots.middle(c)
        values = self.knots.at(offsets + middle[:, None], c)
        area = values.sum(axis=1, keepdims=True) * (offsets[1] - offsets[0])
        return np.asarray(values / area)


Equation = tuple[Floats, Floats]
"""Normal equations of the splines of each line: float64[n_lines, m, m] and
float64[n_lines, m]."""


def solve_shape(
    total: Equation,
    slices: Iterable[Equation],
    wavelength: Floats,
    knots: Knots,
    wavelengths: Wavelengths,
) -> Shape:
    """Solve for the profiles.

    Parameters
    ----------
    total
        Sum over all slices.
    slices
        Slice by slice.
    wavelength : float64[n_lines]
        [Angstrom].
    knots, wavelengths
        Functions in which the profiles are described.
    """
    m = len(knots.centres)
    free = slice(N_FIXED, m - N_FIXED)
    terms = wavelengths.common(wavelength)
    bend = np.diff(np.eye(wavelengths.n), 2, axis=0)
    prior = bend.T @ bend / CURVATURE**2
    common = np.zeros((m, wavelengths.n))
    common[free] = _solve(total[0][:, free, free], total[1][:, free], terms, prior)
    at_lines = terms @ common[free].T
    own_terms = wavelengths.own(wavelength)
    own_prior = np.diag(1 / np.array(DEVIATION) ** 2)
    found = []
    for matrices, vectors in slices:
        inner = matrices[:, free, free]
        rest = vectors[:, free] - (inner @ at_lines[:, :, None])[:, :, 0]
        own = np.zeros((m, SLICE_ORDER + 1))
        own[free] = _solve(inner, rest, own_terms, own_prior)
        found.append(own)
    shape = Shape(knots, wavelengths, common, np.array(found))
    return shape.without_pedestal(free)


def _solve(matrices: Floats, vectors: Floats, terms: Floats, prior: Floats) -> Floats:
    """Return coefficients [m, n] of functions of wavelength, ``terms``: [n_lines, n]."""
    m, n = vectors.shape[1], terms.shape[1]
    products = (terms[:, :, None] * terms[:, None, :]).reshape(len(terms), n * n)
    crossed = (matrices.reshape(len(terms), m * m).T @ products).reshape(m, m, n, n)
    normal = crossed.transpose(0, 2, 1, 3).reshape(m * n, m * n)
    normal += np.kron(np.eye(m), prior + 1e-9 * np.eye(n))
    found = (vectors.T @ terms).ravel()
    substitute(np.asarray(np.linalg.cholesky(normal), np.float64), found, m * n)
    return found.reshape(m, n)
