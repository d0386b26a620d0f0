"""Tests of what recipes that make cubes share."""

import pytest

from pipeline.algorithms.cube_products import lie_of_slices
from pipeline.kernels.reject_rows import ALONG_X, ALONG_Y, OBLIQUE


@pytest.mark.parametrize(
    ("angle", "lie"),
    [
        (0.0, ALONG_X),
        (-4.9, ALONG_X),
        (181.0, ALONG_X),
        (356.0, ALONG_X),
        (-90.0, ALONG_Y),
        (274.0, ALONG_Y),
        (6.0, OBLIQUE),
        (84.0, OBLIQUE),
        (174.0, OBLIQUE),
    ],
)
def test_slices_lie_as_the_derotator_says(angle, lie):
    words = {"ESO INS DROT POSANG": angle, "ESO INS DROT MODE": "SKY"}
    assert lie_of_slices(words) == lie
