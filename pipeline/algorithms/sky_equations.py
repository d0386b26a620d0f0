"""Normal equations of the fit of sky lines, and the noise of what follows from it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.windows import products, quadratic_forms

Array = NDArray[np.float64]

RIDGE = 1e-10
"""Added to the unit diagonal of the normal equations."""


class LineEquations:
    """A weighted least-squares problem, some of whose coefficients are expected to be 1.

    Most columns are single lines, which few bins see.

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
        self._columns, self._weight = _windows(columns), weight**2
        self._expected = np.where(np.arange(len(columns)) < n_parts, freedom**-2.0, 0.0)
        normal = products(*self._columns, self._weight) + np.diag(self._expected)
        norm = np.sqrt(np.diag(normal))
        norm[norm == 0] = 1.0
        self._norm = norm
        self._normal = normal / np.outer(norm, norm) + np.diag(np.full(len(norm), RIDGE))

    def solve(self, data: Array) -> Array:
        """Return the coefficients for a spectrum, float64[n], 0 where there is no data."""
        target = self._columns.times(data * self._weight) + self._expected
        return np.asarray(np.linalg.solve(self._normal, target / self._norm) / self._norm)

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
        scale = np.outer(self._norm, self._norm)
        noisy = products(*self._columns, self._weight**2 * stat) / scale
        spread = np.linalg.solve(self._normal, noisy)
        covariance = np.linalg.solve(self._normal, spread.T) / scale
        return np.asarray(quadratic_forms(*_windows(effects), covariance, stat.size))


class _Windows(NamedTuple):
    """Columns that are mostly zero, see `pipeline.kernels.windows`."""

    values: Array
    bounds: NDArray[np.int64]
    first: NDArray[np.int64]

    def times(self, row: Array) -> Array:
        """Return the sums of the products of each column with a row, float64[n]."""
        starts = zip(self.first, self.bounds[:-1], self.bounds[1:], strict=True)
        return np.array(
            [self.values[low:high] @ row[at : at + high - low] for at, low, high in starts]
        )


def _windows(columns: Sequence[Array]) -> _Windows:
    """Return columns without the zeros at their ends."""
    parts, first = [], []
    for column in columns:
        there = column != 0
        low, behind = int(there.argmax()), int(there[::-1].argmax())
        high = column.size - behind if there[low] else low
        parts.append(column[low:high])
        first.append(low)
    bounds = np.cumsum([0, *(len(part) for part in parts)])
    return _Windows(np.concatenate(parts), bounds, np.array(first, np.int64))
