"""Tests of the small symmetric systems."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.kernels.normal import cholesky, substitute


@pytest.fixture
def system():
    rng = np.random.default_rng(3)
    design = rng.normal(size=(20, 6))
    return design.T @ design, rng.normal(size=6)


def test_the_solution_equals_numpy(system):
    matrix, vector = system
    factor, solution = matrix.copy(), vector.copy()
    assert cholesky(factor, 6)
    substitute(factor, solution, 6)
    assert_allclose(solution, np.linalg.solve(matrix, vector), rtol=1e-10)


def test_only_the_rows_in_use_matter(system):
    matrix, vector = system
    factor, solution = matrix.copy(), vector.copy()
    factor[4:], factor[:, 4:] = np.nan, np.nan
    assert cholesky(factor, 4)
    substitute(factor, solution, 4)
    assert_allclose(solution[:4], np.linalg.solve(matrix[:4, :4], vector[:4]), rtol=1e-10)


def test_a_singular_matrix_is_refused():
    assert not cholesky(np.ones((3, 3)), 3)
    assert not cholesky(np.full((3, 3), np.nan), 3)
