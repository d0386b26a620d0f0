"""Filters of small neighbourhoods, against those of scipy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from pipeline.algorithms.neighbourhoods import (
    between,
    grown,
    highest,
    mean_around,
    opened,
    shrunk,
    smoothed,
)
from pipeline.kernels.groups import label_groups

RNG = np.random.default_rng(1)
IMAGE = RNG.normal(size=(20, 31))
MASK = ndimage.uniform_filter(IMAGE, 3) > -0.15
STRUCTURE = {"sides": None, "corners": np.ones((3, 3))}


@pytest.mark.parametrize("neighbours", STRUCTURE)
def test_masks(neighbours):
    structure = STRUCTURE[neighbours]
    for ours, theirs in (
        (shrunk, ndimage.binary_erosion),
        (grown, ndimage.binary_dilation),
        (opened, ndimage.binary_opening),
    ):
        expected = theirs(MASK, structure)
        assert expected.any() and not expected.all()
        assert_array_equal(ours(MASK, neighbours), expected)


@pytest.mark.parametrize("reach", [1, 2])
def test_highest(reach):
    expected = ndimage.maximum_filter(IMAGE, size=2 * reach + 1)
    assert_array_equal(highest(IMAGE, reach), expected)


def test_an_image_smaller_than_the_reach():
    assert_array_equal(highest(IMAGE[:1, :2], 2), np.full((1, 2), IMAGE[0, :2].max()))


def test_means():
    assert_allclose(mean_around(IMAGE), ndimage.uniform_filter(IMAGE, 3), atol=1e-12)
    for sigma in (0.7, 2.0):
        expected = ndimage.gaussian_filter(IMAGE, sigma, mode="reflect")
        assert_allclose(smoothed(IMAGE, sigma), expected, atol=1e-12)


def test_values_between_pixels():
    places = np.array([[0.0, 19.0, 3.3, 7.0], [0.0, 30.0, 11.9, 2.5]])
    expected = ndimage.map_coordinates(IMAGE, places, order=1)
    assert_allclose(between(IMAGE, *places), expected, atol=1e-12)


def test_values_between_the_pixels_of_a_single_row():
    row = np.array([[1.0, 3.0, 5.0]])
    assert_allclose(between(row, np.zeros(2), np.array([0.5, 2.0])), [2.0, 5.0])


def test_groups():
    for mask in (MASK, IMAGE > 0.3, np.zeros((3, 4), np.bool_), np.ones((3, 4), np.bool_)):
        expected, n = ndimage.label(mask)
        labels, found = label_groups(mask)
        assert found == n
        assert_array_equal(labels, expected)
