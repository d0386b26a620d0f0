"""Tests of measuring the recognised lines of a slice."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.arc_centres import measure_lines
from pipeline.algorithms.arc_image import ArcImage
from pipeline.algorithms.arc_lines import ArcLines
from pipeline.algorithms.identify import Dispersion, Matches
from pipeline.flags import Flag
from pipeline.spec import Planes

SHAPE = (300, 60)
DISPERSION = Dispersion(np.array([6000.0, 1.25 * 149.5]), SHAPE[0])
CURVES = np.array([[30.0, 0.0], [10.5, 0.0], [49.5, 0.0]])
LINES = ArcLines(
    np.array([5900.0, 5952.0, 5954.6, 6050.0, 6100.0]),
    np.array([2000.0, 1000.0, 600.0, 800.0, 30.0]),
    np.full(5, "Ne"),
    np.array([5, 3, 3, 3, 1]),
)


def planes(*, noise=1.0):
    """All lines, tilted by 0.01 rows a column, in the columns 10 to 48 (0-based)."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = np.zeros(SHAPE)
    for wave, flux in zip(LINES.wavelength, LINES.flux, strict=True):
        row = DISPERSION.row(np.array([wave]))[0] + 0.01 * (x - 29)
        image += flux * np.exp(-0.5 * ((y - row) / 1.0) ** 2)
    image[:, :10], image[:, 49:] = 0.0, 0.0
    image += np.random.default_rng(1).normal(0, noise, SHAPE)
    dq = np.zeros(SHAPE, np.uint32)
    return Planes(image.astype(np.float32), dq, np.full(SHAPE, noise**2, np.float32))


def strip_of(there):
    image = ArcImage(SHAPE, CURVES[None])
    image.fill(lambda rows: Planes(*(p[rows].copy() for p in there)))
    return next(image.strips())


def measured(strip, chosen):
    rows = DISPERSION.row(LINES.wavelength[chosen])
    pairs = Matches(rows, np.array(chosen, np.int64), np.arange(len(chosen)))
    numbers = np.arange(5) + 100
    return measure_lines(strip, DISPERSION, pairs, LINES, numbers, x_order=2, kappa=2.5)


@pytest.fixture(scope="module")
def places():
    return measured(strip_of(planes()), [0, 1, 2, 3, 4])[0]


def test_lines_are_measured_in_all_columns_but_those_that_only_identify(places):
    assert np.unique(places.line).tolist() == [100, 101, 102, 103]
    assert places.x.min() == 11 and places.x.max() == 49
    assert len(places.x) > 0.9 * 4 * 39


def test_places_are_those_of_the_lines_also_of_blended_ones(places):
    row = DISPERSION.row(places.wavelength) + 0.01 * (places.x - 30) + 1
    assert np.sqrt(np.mean((places.y - row) ** 2)) < 0.005
    for line in range(100, 104):
        here = places.line == line
        assert abs(np.mean((places.y - row)[here])) < 0.002
    assert_allclose(places.fwhm, 2.3548 * 1.25, rtol=0.02)


def test_symmetric_lines_have_their_light_at_the_centre():
    _, light = measured(strip_of(planes()), [0, 3])
    assert light.line.tolist() == [100, 103]
    assert np.abs(light.offset).max() < 5 * light.error.max() < 0.01


def test_no_lines_no_places():
    places, light = measured(strip_of(planes()), [])
    assert len(places.x) == len(light.line) == 0


def test_flagged_pixels_are_infinitely_noisy():
    there = planes()
    there.dq[100, 20:23] = Flag.AD_SATURATED
    there.data[150, 30], there.stat[160, 31] = np.nan, np.nan
    strip = strip_of(there)
    bad = np.argwhere(np.isinf(strip.noise)) + np.array([strip.first, 0])
    assert bad.tolist() == [[20, 100], [21, 100], [22, 100], [30, 150], [31, 160]]


def test_strips_are_the_image_column_by_column():
    there = planes()
    strip = strip_of(there)
    width = len(strip.light)
    part = there.data[:, strip.first : strip.first + width].T
    assert (np.abs(strip.light - part) < 0.01 * np.sqrt(part + 100)).all()
    assert strip.columns(np.array([5.0])).tolist() == [
        [10 - strip.first, 29 - strip.first, 48 - strip.first]
    ]


def test_counts_beyond_the_codes_are_not_used():
    there = planes()
    there.data[20, 30], there.data[30, 30] = -200.0, 2e5
    strip = strip_of(there)
    bad = np.argwhere(np.isinf(strip.noise)) + np.array([strip.first, 0])
    assert bad.tolist() == [[30, 20], [30, 30]]


@pytest.mark.parametrize("noise", [1.0, 3.3, 250.0, 6e4])
def test_noise_is_kept_to_half_a_per_cent(noise):
    there = planes()
    there.stat[:] = noise**2
    assert_allclose(strip_of(there).noise, noise, rtol=0.005)
