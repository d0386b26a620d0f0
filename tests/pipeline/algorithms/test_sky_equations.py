"""Normal equations of sky lines against dense linear algebra."""

import numpy as np
import pytest

from pipeline.algorithms.sky_equations import LineEquations

RNG = np.random.default_rng(1)
N, N_PARTS = 300, 4
COLUMNS = [
    np.exp(-0.5 * ((np.arange(N) - place) / 4.0) ** 2) for place in (40, 90, 95, 200)
]
COLUMNS += [np.ones(N), np.linspace(-1, 1, N)]
STAT = RNG.uniform(0.5, 2.0, N)
STAT[::17] = 0.0
WEIGHT = np.where(STAT > 0, 1 / np.sqrt(np.where(STAT > 0, STAT, 1) + 0.3), 0.0)
TRUE = np.array([1.3, 0.8, 1.1, 0.9, 5.0, -2.0])


def dense(freedom):
    """Return the matrix that makes coefficients of data, and what is expected of them."""
    matrix = np.array(COLUMNS).T * WEIGHT[:, None]
    expected = np.where(np.arange(6) < N_PARTS, freedom**-2.0, 0.0)
    inverse = np.linalg.inv(matrix.T @ matrix + np.diag(expected))
    return inverse @ matrix.T * WEIGHT, inverse @ expected


@pytest.mark.parametrize("freedom", [0.2, np.inf])
def test_coefficients_are_those_of_dense_equations(freedom):
    data = np.array(COLUMNS).T @ TRUE + RNG.standard_normal(N)
    gain, start = dense(freedom)
    found = LineEquations(COLUMNS, WEIGHT, N_PARTS, freedom).solve(data)
    np.testing.assert_allclose(found, gain @ data + start, rtol=1e-6)


@pytest.mark.parametrize("freedom", [0.2, np.inf])
def test_noise_is_that_of_the_coefficients_in_what_is_fitted(freedom):
    nothing = np.zeros(N)
    effects = [*COLUMNS[:N_PARTS], nothing, nothing]
    gain, _ = dense(freedom)
    jacobian = np.array(effects).T
    expected = np.einsum("ij,j->i", (jacobian @ gain) ** 2, STAT)
    found = LineEquations(COLUMNS, WEIGHT, N_PARTS, freedom).noise(effects, STAT)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


def test_a_column_that_is_nothing_has_no_coefficient():
    columns = [*COLUMNS, np.zeros(N)]
    found = LineEquations(columns, WEIGHT, N_PARTS, np.inf).solve(np.ones(N))
    assert found[-1] == 0.0 and np.isfinite(found).all()
