"""Tests of the coarse cube of sky flats."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.pixels import SlicePixels
from pipeline.algorithms.skyflat import (
    IfuSky,
    coarse_grid,
    merge,
    white_light,
)
from pipeline.flags import Flag
from pipeline.spec import Planes
from tests.pipeline.mini_exposure import slices

LEVELS = {1: 100.0, 2: 250.0}


@pytest.fixture(scope="module")
def tables():
    return [SlicePixels(slices(ifu), low=6000.0, high=6500.0) for ifu in LEVELS]


def skies(tables, grid, flagged=0.0, noise=0.0, seed=1):
    """IFUs that differ in brightness look at an even sky."""
    rng = np.random.default_rng(seed)
    found = []
    for table, level in zip(tables, LEVELS.values(), strict=True):
        shape = table.slices.shape
        data = level * (1 + noise * rng.normal(0, 1, shape))
        dq = np.where(rng.random(shape) < flagged, Flag.HOT_PIXEL, 0)
        planes = Planes(
            data.astype(np.float32),
            dq.astype(np.uint32),
            np.full(shape, max(noise * level, 1.0) ** 2, np.float32),
        )
        sky = IfuSky(grid, table)
        for index in range(len(table.slices.numbers)):
            sky.add(table.take(index, slice(0, shape[0]), planes))
        found.append(sky)
    return found


def test_an_even_sky_is_even_on_the_scale_of_the_first(tables):
    grid = coarse_grid(tables, 250.0)
    planes = merge(grid, skies(tables, grid))
    good = np.isfinite(planes.data)
    assert good.mean() > 0.9
    assert_allclose(planes.data[good], LEVELS[1], rtol=1e-5)
    assert_array_equal(planes.dq, np.where(good, 0, Flag.MISSING_DATA))
    assert_array_equal(np.isfinite(planes.stat), good)


def test_errors_are_honest(tables):
    grid = coarse_grid(tables, 250.0)
    pulls = []
    for seed in range(6):
        planes = merge(grid, skies(tables, grid, noise=0.1, seed=seed))
        edge = planes.stat > 4 * np.nanmedian(planes.stat)
        pulls.append(((planes.data - LEVELS[1]) / np.sqrt(planes.stat))[~edge])
    assert np.nanstd(np.concatenate(pulls)) == pytest.approx(1.0, abs=0.06)


def test_grid_holds_all_pixels(tables):
    grid = coarse_grid(tables, 250.0)
    fields = np.array([t.field for t in tables])
    last = grid.origin + grid.step * (np.array(grid.shape[::-1]) - 1)
    assert np.all(grid.origin[:2] <= fields[:, [0, 2]].min(axis=0) + 1e-3)
    assert np.all(np.abs(last[:2] - fields[:, [1, 3]].max(axis=0)) <= 0.5)
    assert grid.origin[2] == pytest.approx(6000.0, abs=1.3)
    assert abs(last[2] - 6500.0) <= 126.0


def test_keywords_are_those_of_the_grid(tables):
    grid = coarse_grid(tables, 250.0)
    words = grid.keywords()
    assert (words["CTYPE3"], words["CD3_3"]) == ("AWAV", 250.0)
    assert (words["CD1_1"], words["CD1_2"]) == (1.0, 0.0)
    assert words["CRVAL3"] == grid.origin[2]
    assert not any("3" in key for key in grid.image_keywords())
    assert grid.image_keywords()["CRVAL2"] == grid.origin[1]


def test_flagged_pixels_leave_the_sky_as_it_is(tables):
    grid = coarse_grid(tables, 250.0)
    found = skies(tables, grid, flagged=0.2)
    planes = merge(grid, found)
    assert_allclose(planes.data[np.isfinite(planes.data)], LEVELS[1], rtol=1e-5)
    assert found[0].flux == pytest.approx(skies(tables, grid)[0].flux)


def test_nothing_but_flagged_pixels(tables):
    grid = coarse_grid(tables, 250.0)
    planes = merge(grid, skies(tables, grid, flagged=1.1))
    assert np.isnan(planes.data).all() and planes.dq.all()


def test_rows_of_an_ifu_are_its_own(tables):
    grid = coarse_grid(tables, 250.0)
    first, second = (IfuSky(grid, table).rows for table in tables)
    assert first.start == 0 and second.stop == grid.shape[1]
    assert first.start < second.start < first.stop < second.stop


def test_white_light_is_the_mean_of_what_there_is():
    data = np.array([[[1.0, np.nan]], [[3.0, np.nan]], [[np.nan, np.nan]]], np.float32)
    image = white_light(data)
    assert image[0, 0] == 2.0 and np.isnan(image[0, 1])
    assert image.dtype == np.float32
