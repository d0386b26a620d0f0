"""Products of columns that are zero outside a window, against dense matrices."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.kernels.windows import products, quadratic_forms

N_ROWS = 60


def columns(rng, windows):
    """Return columns as the kernels take them, and as a matrix."""
    dense = np.zeros((N_ROWS, len(windows)))
    for k, (low, high) in enumerate(windows):
        dense[low:high, k] = rng.normal(size=high - low)
    values = np.concatenate([dense[low:high, k] for k, (low, high) in enumerate(windows)])
    bounds = np.cumsum([0, *(high - low for low, high in windows)])
    return (values, bounds, np.array([low for low, _ in windows])), dense


@pytest.mark.parametrize(
    "windows",
    [[(0, 60), (3, 20), (15, 40), (50, 60), (7, 7)], [(0, 5), (5, 10), (30, 31)], [(9, 9)]],
)
def test_kernels_do_what_dense_matrices_do(windows):
    rng = np.random.default_rng(1)
    parts, dense = columns(rng, windows)
    weight = rng.uniform(size=N_ROWS)
    expected = dense.T @ (weight[:, np.newaxis] * dense)
    assert_allclose(products(*parts, weight), expected, rtol=1e-12, atol=1e-14)
    root = rng.normal(size=(len(windows), len(windows)))
    matrix = root @ root.T
    forms = np.einsum("ri,ij,rj->r", dense, matrix, dense)
    found = quadratic_forms(*parts, matrix, N_ROWS)
    assert_allclose(found, forms, rtol=1e-12, atol=1e-14)
