"""Tests of polynomials fitted to images."""

import numpy as np
import pytest

from pipeline.algorithms.polynomial_image import polynomial_image


def surface(ny=20, nx=50):
    y, x = np.mgrid[:ny, :nx].astype(float)
    return (3 + 0.1 * x - 0.02 * x * y + 1e-4 * x**2 * y**2).astype(np.float32)


def test_a_polynomial_is_found_everywhere():
    good = np.ones((20, 50), bool)
    good[:8, 30:] = False
    spoiled = np.where(good, surface(), np.float32(1e6))
    np.testing.assert_allclose(
        polynomial_image(spoiled, good, (2, 2)), surface(), rtol=1e-4, atol=1e-4
    )


def test_order_zero_is_the_mean():
    good = surface() > 3
    fit = polynomial_image(surface(), good, (0, 0))
    np.testing.assert_allclose(fit, surface()[good].mean(), rtol=1e-5)


def test_one_row_is_enough():
    good = np.zeros((20, 50), bool)
    good[3] = True
    fit = polynomial_image(surface(), good, (1, 1))
    assert np.isfinite(fit).all()
    assert fit[3].mean() == pytest.approx(surface()[3].mean(), rel=1e-4)
