"""Tests of images through filters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.filters import (
    Filter,
    FilteredImage,
    filter_from,
    spectral_correlation,
    white,
)
from pipeline.flags import Flag
from pipeline.spec import Planes, Table

WAVELENGTHS = 5000.0 + 1.25 * np.arange(60)
TRIANGLE = Filter("T", np.array([5010.0, 5035.0, 5060.0]), np.array([0.0, 1.0, 0.0]))


def cube(seed=1, shape=(60, 4, 5)):
    rng = np.random.default_rng(seed)
    data = rng.normal(10.0, 2.0, shape).astype(np.float32)
    return Planes(data, np.zeros(shape, np.uint32), np.full(shape, 4.0, np.float32))


def image_of(planes, band=TRIANGLE, height=60, correlation=1.0):
    image = FilteredImage(band, WAVELENGTHS, planes.data.shape[1:], correlation)
    for first in range(0, 60, height):
        image.add(first, Planes(*(p[first : first + height] for p in planes)))
    return image.planes()


def test_equals_the_weighted_mean():
    planes = cube()
    planes.data[20:30, 1, 1] = np.nan
    weight = np.interp(WAVELENGTHS, TRIANGLE.wavelength, TRIANGLE.throughput)
    weight = weight[:, None, None] * np.isfinite(planes.data)
    expected = np.nansum(weight * planes.data, axis=0) / weight.sum(axis=0)
    variance = (weight**2 * 4.0).sum(axis=0) / weight.sum(axis=0) ** 2
    found = image_of(planes)
    assert_allclose(found.data, expected, rtol=1e-6)
    assert_allclose(found.stat, variance, rtol=1e-6)
    assert not found.dq.any()


def test_errors_are_honest():
    pull = [
        (f.data - 10.0) / np.sqrt(f.stat) for f in (image_of(cube(s)) for s in range(99))
    ]
    assert np.std(pull) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("height", [1, 7, 60])
def test_any_slabs_give_the_same_bits(height):
    for part, whole in zip(image_of(cube(), height=height), image_of(cube()), strict=True):
        assert_array_equal(part, whole)


def test_outside_of_the_filter_nothing_counts():
    planes = cube()
    planes.data[:8] = 1e9
    planes.data[49:] = np.nan
    assert np.abs(image_of(planes).data - 10.0).max() < 3.0


def test_spaxels_without_data_are_missing():
    planes = cube()
    planes.data[:, 2, 3] = np.nan
    found = image_of(planes)
    assert np.isnan(found.data[2, 3]) and np.isnan(found.stat[2, 3])
    assert found.dq[2, 3] == Flag.MISSING_DATA and np.count_nonzero(found.dq) == 1


def test_a_filter_elsewhere_shows_nothing():
    assert np.isnan(
        image_of(cube(), Filter("far", np.array([9e3, 9.1e3]), np.ones(2))).data
    ).all()


def test_fraction_of_the_filter_that_is_covered():
    assert TRIANGLE.fraction(4000.0, 6000.0) == pytest.approx(100.0)
    assert TRIANGLE.fraction(5035.0, 6000.0) == pytest.approx(50.0)
    assert TRIANGLE.fraction(5047.5, 6000.0) == pytest.approx(12.5)
    assert TRIANGLE.fraction(100.0, 200.0) == 0.0
    assert white().fraction(4650.0, 6975.0) == pytest.approx(50.0, abs=1e-3)


def test_table_is_sorted_and_keeps_its_zero_points():
    columns = {"lambda": np.array([6000.0, 5000.0]), "throughput": np.array([1.0, 0.0])}
    band = filter_from("V", Table(columns, {}, {"ZP_AB": 25.0}))
    assert_array_equal(
        band.at(np.array([4990.0, 5000.0, 5500.0, 6000.0, 6010.0])), [0, 0, 0.5, 1, 0]
    )
    words = FilteredImage(band, WAVELENGTHS, (1, 1)).keywords()
    assert words["ESO DRS MUSE FILTER NAME"] == "V"
    assert words["ESO DRS MUSE FILTER ZPAB"] == 25.0
    assert "ESO DRS MUSE FILTER ZPVEGA" not in words
    assert words["ESO DRS MUSE FILTER FRACTION"] == pytest.approx(100 * 0.07375**2)


@pytest.mark.parametrize("drop", [0.3, 0.8, 1.0, 1.6])
def test_correlation_makes_errors_of_sums_honest(drop):
    """Drops at random places, spread over planes: the sum against the planes' errors."""
    rng = np.random.default_rng(1)
    place = rng.uniform(20.0, 80.0, 4000)
    edges = np.arange(101) - 0.5
    low, high = place - drop / 2, place + drop / 2
    share = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    share = np.maximum(share, 0.0) / drop
    assert spectral_correlation(drop) == pytest.approx(
        len(place) / (share**2).sum(), rel=0.02
    )
