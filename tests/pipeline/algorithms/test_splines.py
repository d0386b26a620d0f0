"""B-splines against those of scipy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import BSpline

from pipeline.algorithms.splines import spline_matrix, spline_weights


@pytest.mark.parametrize("n", [1, 2, 7])
def test_splines_are_those_of_scipy(n):
    place = np.linspace(0, n, 101)
    knots = np.arange(-3.0, n + 4.0)
    expected = BSpline.design_matrix(place, knots, 3).toarray()
    assert_allclose(spline_matrix(place, n), expected, atol=1e-12)


def test_they_add_up_to_one():
    assert_allclose(sum(spline_weights(np.linspace(0, 1, 11))), 1.0)
