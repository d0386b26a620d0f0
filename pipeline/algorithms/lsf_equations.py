"""Normal equations of the profiles of arc lines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.line_profile import N_PAIRS, spread_equations

Floats = NDArray[np.float64]


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
    spread_equations(pairs, sums, matrices, vectors)
    return matrices, vectors
