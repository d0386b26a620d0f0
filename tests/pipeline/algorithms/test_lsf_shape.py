"""Tests of line profiles that vary with wavelength and from slice to slice."""

import numpy as np
from numpy.testing import assert_allclose

from pipeline.algorithms.lsf_products import full_width, profile_cube
from pipeline.algorithms.lsf_shape import N_FIXED, Knots, Shape, Wavelengths, solve_shape

KNOTS, RANGE = Knots(7.5, 29), Wavelengths(4650.0, 9300.0)
LINES = np.linspace(4700, 9250, 60)
OFFSETS = np.linspace(-7.5, 7.5, 150)
STEP = OFFSETS[1] - OFFSETS[0]


def sigma(index):
    """Return the width of the lines in a slice [Angstrom]."""
    return (1.1 + 0.02 * np.sin(LINES / 400)) * (1 + 0.03 * index)


def equations(rng=None, error=1e-4):
    """Return normal equations of lines whose coefficients are known with some error."""
    every = []
    for index in range(3):
        c = np.array([KNOTS.gaussian(s) for s in sigma(index)])
        if rng is not None:
            c = c + rng.normal(0, error, c.shape)
        matrices = np.repeat(np.eye(KNOTS.n + 3)[None] / error**2, len(LINES), axis=0)
        every.append((matrices, c / error**2))
    total = sum(m for m, _ in every), sum(v for _, v in every)
    return total, every


def solved(rng=None):
    return solve_shape(*equations(rng), LINES, KNOTS, RANGE)


def test_profiles_are_recovered():
    shape = solved(np.random.default_rng(1))
    for index in range(3):
        found = shape.profiles(index, LINES, OFFSETS)
        expected = KNOTS.at(
            np.tile(OFFSETS, (60, 1)), np.array([KNOTS.gaussian(s) for s in sigma(index)])
        )
        assert np.abs(found - expected).max() < 1.5e-3
        assert_allclose(found.sum(axis=1) * STEP, 1, rtol=1e-9)
        assert_allclose((found * OFFSETS).sum(axis=1) * STEP, 0, atol=1e-4)


def test_a_slice_without_light_gets_the_common_profile():
    total, every = equations()
    nothing = np.zeros_like(every[0][0]), np.zeros_like(every[0][1])
    shape = solve_shape(total, [*every, nothing], LINES, KNOTS, RANGE)
    middle = shape.profiles(1, LINES, OFFSETS)
    assert_allclose(shape.profiles(3, LINES, OFFSETS), middle, atol=3e-4)


def test_a_constant_under_all_lines_is_background():
    total, every = equations()
    plus = [(m, v + m @ np.full(KNOTS.n + 3, 0.01)) for m, v in every]
    total = sum(m for m, _ in plus), sum(v for _, v in plus)
    raised = solve_shape(total, plus, LINES, KNOTS, RANGE).profiles(0, LINES, OFFSETS)
    assert_allclose(raised, solved().profiles(0, LINES, OFFSETS), atol=2e-3)


def test_beyond_the_range_profiles_are_constant():
    shape = solved()
    edges = shape.profiles(0, np.array([4000.0, 4650.0, 9300.0, 9900.0]), OFFSETS)
    assert np.array_equal(edges[0], edges[1]) and np.array_equal(edges[2], edges[3])


def test_gaussian_start_has_area_one_and_its_width():
    shape = Shape.gaussian(KNOTS, RANGE, 2, 1.1)
    profile = shape.profiles(1, np.array([7000.0]), OFFSETS)[0]
    # a spline of coefficients on a Gaussian is wider by a third of the squared step
    expected = np.sqrt(1.1**2 + KNOTS.step**2 / 3)
    assert_allclose(np.sqrt((profile * OFFSETS**2).sum() * STEP), expected, rtol=1e-3)
    assert KNOTS.n // 4 > N_FIXED


def test_width_at_half_of_the_middle():
    for s in (0.9, 1.1, 1.4):
        profile = np.exp(-0.5 * ((OFFSETS - OFFSETS[74]) / s) ** 2)
        assert_allclose(full_width(profile, STEP), s * np.sqrt(8 * np.log(2)), rtol=2e-3)
    assert np.isnan(full_width(np.ones(150), STEP))


def test_cube_has_the_axes_of_its_samples():
    table = profile_cube(np.zeros((48, 30, 150)), OFFSETS, np.linspace(4650, 9300, 30))
    assert table.columns["image"].dtype == np.float32
    assert_allclose(table.header["CD1_1"], 0.100671140939597, rtol=1e-12)
    assert_allclose(table.header["CD2_2"], 4650 / 29, rtol=1e-12)
