import numpy as np
import pytest
from numpy.polynomial import Chebyshev, Polynomial
from numpy.testing import assert_allclose

from pipeline.algorithms.chebyshev import chebyshev_powers


@pytest.mark.parametrize("n", [1, 2, 6])
def test_a_series_becomes_a_polynomial_as_numpy_converts_it(n):
    series = np.random.default_rng(n).normal(0, 1, n)
    limits = 16.5, 4096.5
    expected = Chebyshev(series, limits).convert(kind=Polynomial, window=limits)
    there = np.linspace(*limits, 50)
    found = Polynomial(series @ chebyshev_powers(limits, n))(there)
    assert_allclose(found, expected(there), atol=1e-12)
    assert_allclose(found, Chebyshev(series, limits)(there), atol=1e-12)
