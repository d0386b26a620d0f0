"""Tests of the maps to the tangent plane, against astropy."""

import numpy as np
import pytest
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from pipeline.algorithms.astrometry import (
    apply,
    cd_matrix,
    change_of_tangent,
    default_solution,
    exposure_cd,
    field_to_plane,
    scales,
)
from pipeline.spec import BadInput


def turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def solution(matrix, x=0.0, y=0.0):
    words = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": x, "CRPIX2": y}
    for i in (0, 1):
        for j in (0, 1):
            words[f"CD{i + 1}_{j + 1}"] = float(matrix[i, j])
    return words


def wcs_of(words, tangent):
    """The same keywords as astropy reads them."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = tangent
    wcs.wcs.crpix = [words["CRPIX1"], words["CRPIX2"]]
    wcs.wcs.cd = [[words["CD1_1"], words["CD1_2"]], [words["CD2_1"], words["CD2_2"]]]
    return wcs


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 181.0, -47.0])
def test_north_stands_at_the_position_angle(angle):
    """Along y of the field the sky lies at -angle: x counts to the west."""
    words = {"ESO INS DROT POSANG": -angle, "ESO INS DROT MODE": "SKY"}
    cd = exposure_cd(words, default_solution(words)) * 3600.0
    assert_allclose(
        cd @ [0.0, 1.0],
        0.2 * np.array([-np.sin(np.radians(angle)), np.cos(np.radians(angle))]),
        atol=1e-12,
    )
    assert np.linalg.det(cd) == pytest.approx(-0.04)


def test_solution_holds_the_inverse_correction():
    residual = turn(0.3) @ np.array([[1.0, 0.002], [-0.001, 1.0]])
    size = 0.2 / 3600.0
    given = size * np.diag([-1.001, 0.998]) @ residual
    sx, sy = scales(given)
    assert sx > 0 and sy > 0
    words = {"ESO INS DROT POSANG": -25.0}
    expected = turn(25.0) @ (
        np.diag([sx, sy]) @ np.linalg.inv(np.diag([1 / sx, 1 / sy]) @ given)
    )
    assert_allclose(exposure_cd(words, solution(given)), expected, rtol=1e-12)


@pytest.mark.parametrize("posang", [0.0, 33.0])
def test_field_to_plane_agrees_with_its_keywords(posang):
    words = {"ESO INS DROT POSANG": posang}
    given = solution(0.2 / 3600 * np.diag([-1.0, 1.0]) @ turn(0.2), 1.5, -0.7)
    matrix, keywords = field_to_plane(words, given, (3.0, 9.0))
    x, y = np.array([-140.0, 4.5, 80.0]), np.array([-100.0, 8.3, 144.0])
    plane = apply(matrix, x, y)
    tangent = (53.1625, -27.791)
    sky = wcs_of(keywords, tangent).all_pix2world(x, y, 1)
    flat = wcs_of(
        {
            "CRPIX1": 0.0,
            "CRPIX2": 0.0,
            "CD1_1": 1 / 3600,
            "CD1_2": 0.0,
            "CD2_1": 0.0,
            "CD2_2": 1 / 3600,
        },
        tangent,
    )
    assert_allclose(plane, flat.all_world2pix(*sky, 1), atol=1e-6)
    assert_allclose(apply(matrix, np.array([4.5]), np.array([8.3])), 0.0, atol=1e-9)


@pytest.mark.parametrize("there", [(53.17, -27.78), (52.9, -28.3), (53.1625, -27.791)])
def test_change_of_tangent_point_is_exact(there):
    here = (53.1625, -27.791)
    arcsec = {
        "CRPIX1": 1.0,
        "CRPIX2": 1.0,
        "CD1_1": 1 / 3600,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": 1 / 3600,
    }
    x, y = np.array([-30.0, 0.0, 31.0, 12.0]), np.array([-28.0, 0.0, 25.0, 30.0])
    sky = wcs_of(arcsec, here).all_pix2world(x, y, 0)
    expected = wcs_of(arcsec, there).all_world2pix(*sky, 0)
    assert_allclose(apply(change_of_tangent(here, there), x, y), expected, atol=1e-6)


def test_there_and_back_is_nothing():
    here, there = (359.999, 89.9), (0.2, 89.95)
    both = change_of_tangent(there, here) @ change_of_tangent(here, there)
    assert_allclose(both / both[2, 2], np.eye(3), atol=1e-9)


@pytest.mark.parametrize(
    "words", [{}, {"CD1_1": 1.0, "CD1_2": 2.0, "CD2_1": 2.0, "CD2_2": 4.0}]
)
def test_singular_matrix_is_refused(words):
    with pytest.raises(BadInput, match="CD1_1"):
        cd_matrix(words)


def test_scales_keep_their_sign_without_rotation():
    """As the genuine pipeline: only the first row changes sign of a mirrored matrix."""
    assert scales(np.diag([-2.0, 3.0])) == (2.0, 3.0)
    assert scales(np.diag([2.0, 3.0]) @ turn(20.0)) == pytest.approx((2.0, 3.0))
    assert scales(np.diag([-2.0, 3.0]) @ turn(20.0)) == pytest.approx((2.0, 3.0))
