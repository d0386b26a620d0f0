"""Normal equations of the fit of sky lines, and the noise of what follows from it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csc_array, csr_array

Array = NDArray[np.float64]

RIDGE = 1e-10
"""Added to the unit diagonal of the normal equations."""


class LineEquations:
    """A weighted least-squares problem, some of whose coefficients are expected to be 1.

    Most columns are single lines, which few bins see: the matrix is sparse.

    Parameters
    ----------
    columns : float64[n] each
        Effect of each coefficient on the bins of the spectrum.
    weight : float64[n]
        Inverse error of the bins; 0 where there is no data.
    n_parts, freedom
        The first ``n_parts`` coefficients are expected to be 1 within ``freedom``.
    """

    def __init__(
        self, columns: Sequence[Array], weight: Array, n_parts: int, freedom: float
    ) -> None:
        matrix = _side_by_side([column * weight for column in columns])
        expected = np.where(np.arange(len(columns)) < n_parts, freedom**-2.0, 0.0)
        norm = np.sqrt((matrix**2).sum(axis=0) + expected)
        norm[norm == 0] = 1.0
        self._matrix, self._weight, self._norm = csr_array(matrix / norm), weight, norm
        self._expected = expected / norm
        normal = (self._matrix.T @ self._matrix).toarray()
        normal += np.diag(expected / norm**2 + RIDGE)
        self._factor = cho_factor(normal)

    def solve(self, data: Array) -> Array:
        """Return the coefficients for a spectrum, float64[n], 0 where there is no data."""
        target = self._matrix.T @ (data * self._weight) + self._expected
        return np.asarray(cho_solve(self._factor, target) / self._norm)

    def noise(self, effects: Sequence[Array], stat: Array) -> Array:
        """Return the variance that the noise of the spectrum has in what is fitted.

        Parameters
        ----------
        effects : float64[n] each
            Effect of each coefficient on the fitted spectrum in question: those of the
            columns, changed or 0.
        stat : float64[n]
            Variance of the spectrum. The weights may allow for other errors, too, which
            are no noise.

        Returns
        -------
        float64[n]
            Its variance in each bin, that is ``J C J^T`` with the covariance C of the
            coefficients.
        """
        noisy = csr_array(self._matrix * (self._weight * np.sqrt(stat))[:, np.newaxis])
        spread = cho_solve(self._factor, (noisy.T @ noisy).toarray())
        covariance = cho_solve(self._factor, spread.T) / np.outer(self._norm, self._norm)
        jacobian = _side_by_side(effects)
        return np.asarray(jacobian.multiply(jacobian @ covariance).sum(axis=1), np.float64)


def _side_by_side(columns: Sequence[Array]) -> csr_array:
    """Return columns that are mostly zero as a matrix."""
    rows = [np.flatnonzero(column) for column in columns]
    values = [column[there] for column, there in zip(columns, rows, strict=True)]
    starts = np.cumsum([0, *(len(there) for there in rows)])
    parts = np.concatenate(values), np.concatenate(rows), starts
    return csr_array(csc_array(parts, shape=(len(columns[0]), len(columns))))
