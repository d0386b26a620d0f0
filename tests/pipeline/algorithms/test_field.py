"""Tests of the field of view of one exposure."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.exposure import merge
from pipeline.algorithms.field import FieldExposure, refraction_step
from pipeline.algorithms.pixels import SIGHT
from pipeline.spec import Pixels
from tests.pipeline.slice_pixels import slice_pixels

HEADER = {
    "ESO TEL AIRM START": 1.4,
    "ESO TEL PARANG START": 20.0,
    "ESO INS MODE": "WFM-NOAO-N",
}


def star(x, y, wavelength):
    return 100.0 + 900.0 * np.exp(-0.5 * ((x - 3.0) ** 2 + (y + 2.0) ** 2) / 1.5**2)


def exposure(steps=(), low=0.0, high=1e5, **keywords):
    return FieldExposure(merge([slice_pixels(star, **keywords)]), steps, low, high)


def columns(field):
    parts = list(field.walk())
    return Pixels._make(np.concatenate(c) for c in zip(*parts, strict=True))


def test_extent_is_that_of_the_pixels():
    field = exposure()
    pixels = field.pixels.tables[0].pixels
    found = field.extent
    for got, column in zip(
        (found.x, found.y, found.wavelength),
        (pixels.xpos, pixels.ypos, pixels.wavelength),
        strict=True,
    ):
        assert_allclose(got, (column.min(), column.max()), atol=1e-4)


def test_grid_has_a_voxel_for_each_pixel_of_the_field():
    grid = exposure().grid
    nz, ny, nx = grid.shape
    assert abs(nx - 24) <= 1 and abs(ny - 20) <= 1 and nz >= 12
    words = grid.image_wcs()
    assert (words["CTYPE1"], words["CD1_1"], words["CD2_2"]) == ("PIXEL", 1.0, 1.0)
    assert_allclose(grid.corner, (words["CRVAL1"], words["CRVAL2"]))
    x0, _ = exposure().extent.x
    assert grid.corner[0] == pytest.approx(x0)


def test_walking_meets_every_pixel_of_the_range_once():
    field = exposure(low=5003.0, high=5009.0)
    pixels = field.pixels.tables[0].pixels
    inside = (pixels.wavelength >= 5003.0) & (pixels.wavelength <= 5009.0)
    for found, column in zip(columns(field), pixels, strict=True):
        assert_array_equal(found, column[inside])
    assert field.extent.wavelength == pytest.approx((5003.0, 5009.0))


def test_steps_are_applied_to_what_is_read():
    def moved(pixels):
        pixels.xpos[:] += 100.0
        return pixels

    field = exposure((moved,))
    assert columns(field).xpos.min() > 80.0
    assert field.extent.x[0] > 80.0
    assert np.isfinite(field.image()).mean() > 0.9


@pytest.mark.parametrize("every_column", [False, True])
def test_what_looks_at_slices_gets_them(every_column):
    """Columns that are not asked for are not read, unless a step may need them."""

    def step(pixels):
        assert len(pixels.origin) == len(pixels.data) > 0
        return pixels

    field = exposure((step,) if every_column else refraction_step(HEADER, 7000.0))
    parts = [*field.process(Pixels._make, SIGHT), *field.near(0.0, 0.0, 3.0, Pixels._make)]
    assert {len(part.origin) > 0 for part in parts} == {every_column}
    assert all(len(column) == len(p.data) for p in parts for column in p[:6])
    seen = np.concatenate([part.xpos for part in field.process(Pixels._make, SIGHT)])
    assert_array_equal(seen, columns(field).xpos)


def test_image_shows_the_star_in_its_place():
    field = exposure(noise=False)
    image = field.image()
    y, x = np.unravel_index(np.nanargmax(image), image.shape)
    assert_allclose(np.add((x, y), field.grid.corner), (3.0, -2.0), atol=0.8)
    pixels = field.pixels.tables[0].pixels
    a = np.floor(pixels.xpos - field.grid.corner[0] + 0.5).astype(int)
    b = np.floor(pixels.ypos - field.grid.corner[1] + 0.5).astype(int)
    here = (a == x) & (b == y)
    assert image[y, x] == pytest.approx(pixels.data[here].mean(), rel=0.01)


def test_near_a_place_nothing_is_missed_and_much_is_left_out():
    field = exposure(size=(20, 60))
    near = Pixels._make(
        np.concatenate(c)
        for c in zip(*field.near(0.0, 0.0, 3.0, Pixels._make), strict=True)
    )
    pixels = field.pixels.tables[0].pixels
    within = np.hypot(pixels.xpos, pixels.ypos) < 3.0
    found = np.hypot(near.xpos, near.ypos) < 3.0
    assert found.sum() == within.sum() > 100
    assert len(near.data) < 0.5 * len(pixels.data)
    assert not list(field.near(500.0, 0.0, 3.0, Pixels._make))


@pytest.mark.parametrize(
    ("mode", "reference", "n"),
    [("WFM-NOAO-N", 7000.0, 1), ("NFM-AO-N", 7000.0, 0), ("WFM-AO-N", 0.0, 0)],
)
def test_refraction_is_left_alone_where_it_should(mode, reference, n):
    assert len(refraction_step(HEADER | {"ESO INS MODE": mode}, reference)) == n


def test_one_pixel():
    field = exposure(size=(1, 1), n_planes=1)
    assert field.grid.shape == (1, 1, 1)
    assert len(columns(field).data) == 1
