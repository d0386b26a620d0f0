"""Tests of projective maps and native coordinates, against numpy and astropy."""

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pipeline.kernels.project import (
    celestial_from_plane,
    linear_planes,
    native_from_plane,
    plane_from_celestial,
    plane_from_native,
    project,
)

MATRIX = np.array([[-0.2, 0.01, 3.0], [0.02, 0.2, -1.0], [1e-6, -2e-6, 1.0]])


def points(n=200, seed=1):
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(-160, 160, n).astype("f4") for _ in "xy")


def test_equals_plain_numpy():
    x, y = points()
    u, v, w = MATRIX @ np.stack([x, y, np.ones_like(x)]).astype(float)
    assert_allclose(project(x, y, MATRIX), (u / w, v / w), rtol=1e-6, atol=1e-6)


def test_scale_of_the_matrix_does_not_matter():
    x, y = points()
    assert_allclose(project(x, y, 7.0 * MATRIX), project(x, y, MATRIX), rtol=1e-6)


def test_there_and_back():
    x, y = points()
    back = project(*project(x, y, MATRIX), np.linalg.inv(MATRIX))
    assert_allclose(back, (x, y), atol=1e-3)


def test_native_coordinates_are_those_of_astropy():
    """Longitude and latitude of the native sphere of a TAN projection."""
    x, y = (a.astype(float) for a in points())
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [10.0, 30.0]
    wcs.wcs.crpix, wcs.wcs.cdelt = [1.0, 1.0], [1 / 3600, 1 / 3600]
    wcs.wcs.set()
    native = wcs.wcs.p2s(np.stack([x, y], 1), 0)
    phi, depth = native_from_plane(x, y)
    assert_allclose(np.cos(phi - np.radians(native["phi"])), 1.0, atol=1e-9)
    assert_allclose(np.degrees(depth) + 90.0, native["theta"], atol=1e-7)
    assert (phi >= 0).all() and (phi <= np.float32(2 * np.pi)).all()


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_native_coordinates_return(x, y):
    plane = plane_from_native(*native_from_plane(np.array([x]), np.array([y])))
    assert_allclose(np.array(plane)[:, 0], (x, y), atol=1e-4)


@pytest.mark.parametrize("farthest", [9e-4, 0.02])
def test_the_plane_is_exact_in_all_directions(farthest):
    """Against the functions of numpy, to the last bit but one of float32."""
    phi = np.linspace(-2 * np.pi, 2 * np.pi, 4001).astype("f4")
    depth = -np.linspace(0.0, farthest, len(phi)).astype("f4")
    radius = np.degrees(np.tan(-depth.astype(float))) * 3600
    wanted = radius * np.sin(phi.astype(float)), -radius * np.cos(phi.astype(float))
    for found, exact in zip(plane_from_native(phi, depth), wanted, strict=True):
        assert (np.abs(found - exact) <= np.spacing(np.abs(exact).astype("f4"))).all()


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_planes_are_those_of_plain_numpy(kind):
    wavelength = np.linspace(4700, 9300, 1001).astype(kind)
    exact = (wavelength.astype(float) * 1.0001 - 4750.0) / 1.25
    found = linear_planes(wavelength, 1.0001, 4750.0, 1.25)
    np.testing.assert_array_equal(found, exact.astype("f4"))


def test_the_tangent_point():
    phi, depth = native_from_plane(np.zeros(1), np.zeros(1))
    assert depth[0] == 0.0
    assert_allclose(plane_from_native(phi, depth), 0.0)


def test_no_points():
    empty = np.empty(0, "f4")
    for found in (project(empty, empty, MATRIX), plane_from_native(empty, empty)):
        assert [len(a) for a in found] == [0, 0]


def test_celestial_coordinates_agree_with_astropy():
    tangent, reference = (53.1625, -27.791), (53.2, -27.8)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], tangent
    wcs.wcs.crpix, wcs.wcs.cd = [1.0, 1.0], np.eye(2) / 3600.0
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-40.0, 40.0, (2, 200)).astype("f4")
    expected = np.array(wcs.all_pix2world(x, y, 0)) - np.array(reference)[:, None]
    found = celestial_from_plane(x.copy(), y.copy(), tangent, reference)
    assert_allclose(np.array(found) * 3600, expected * 3600, atol=1e-4)


@pytest.mark.parametrize("tangent", [(331.0, -26.5), (0.003, 84.0)])
def test_positions_come_back_to_the_plane(tangent):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-60, 60, (2, 500)).astype(np.float32)
    ra, dec = celestial_from_plane(x, y, tangent, tangent)
    for found, expected in zip(plane_from_celestial(ra, dec, tangent), (x, y), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
