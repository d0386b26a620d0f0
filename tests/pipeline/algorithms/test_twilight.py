"""Tests of smoothing and reading the twilight cube."""

import numpy as np
import pytest

from pipeline.algorithms.twilight import outside_field, read_twilight, smooth_plane
from pipeline.memory import MemoryCube
from pipeline.spec import BadInput, Planes

ALL = np.ones((24, 60), bool)


def plane(noise=0.0, seed=1):
    y, x = np.mgrid[:24, :60]
    field = 1000 * (1 + 1e-3 * (x - 30) - 1e-5 * (x - 30) ** 2 + 2e-3 * (y - 12))
    rng = np.random.default_rng(seed)
    return (field + rng.normal(0, noise, field.shape)).astype(np.float32)


def test_fit_recovers_the_field():
    smooth = smooth_plane(plane(noise=10.0), ALL, ALL, (2, 2))
    np.testing.assert_allclose(smooth, plane() / plane().mean(), rtol=6e-3)
    assert smooth.mean() == pytest.approx(1.0, abs=1e-6)


def test_strange_slice_is_ignored():
    image = plane()
    image[10] *= 1.3
    smooth = smooth_plane(image, ALL, ALL, (2, 2))
    np.testing.assert_allclose(smooth, plane() / plane().mean(), rtol=6e-3)


def test_level_does_not_matter():
    first, second = (smooth_plane(plane() * f, ALL, ALL, (2, 2)) for f in (1, 64))
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_border_of_the_field_is_left_out():
    white = plane()
    white[:, :4] = np.nan
    white[5, 30] = 0.0
    bad = outside_field(white)
    assert bad[:, :6].all() and not bad[0, 6:-1].any() and bad[:, -1].all()
    assert bad[5, 28:33].all() and not bad[4, 28:33].any()


def test_plane_without_light_is_refused():
    with pytest.raises(ValueError, match="no light"):
        smooth_plane(plane(), ~ALL, ~ALL, (2, 2))


def cube(**header):
    zero = np.zeros((2, 3, 4), np.float32)
    return MemoryCube(
        Planes(zero + 1, zero.astype(np.uint32), zero), header, "TWILIGHT_CUBE"
    )


def test_cube_of_an_unknown_form_is_refused():
    with pytest.raises(BadInput, match="CRVAL1"):
        read_twilight(cube(**{"ESO DRS MUSE FLAT FLUX SKY3": 1.0}), 3)


def test_reference_pixel_is_respected():
    header = {"ESO DRS MUSE FLAT FLUX SKY3": 5.0}
    for i, pixel in ((1, 3.0), (2, 1.0), (3, 2.0)):
        header |= {f"CRVAL{i}": 100.0, f"CRPIX{i}": pixel, f"CD{i}_{i}": 10.0}
    twilight = read_twilight(cube(**header), 3)
    np.testing.assert_array_equal(twilight.origin, [80.0, 100.0, 90.0])
    assert twilight.flux == 5.0
