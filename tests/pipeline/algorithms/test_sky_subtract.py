"""Tests of the subtraction of the sky, slice by slice."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.lsf import SliceLsf
from pipeline.algorithms.sky_subtract import STEP, Noise, subtract_model, subtract_spectrum
from pipeline.spec import BadInput, Pixels, Segment

X = -7.5 + 0.1 * np.arange(151)


def lsf(sigma):
    row = np.exp(-0.5 * (X / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return SliceLsf(np.tile(row, (2, 1)), (-7.5, 0.1), (5000.0, 2000.0))


SHAPES = {(1, 1): lsf(1.0), (1, 2): lsf(1.2), (2, 1): lsf(1.0)}
SEGMENTS = [Segment(0, ifu, number, 0, 9) for ifu, number in SHAPES]
GRID = np.arange(5400.0, 5701.0, 5.0)
CONTINUUM = {"lambda": GRID, "flux": 20.0 + 3.0 * np.sin(GRID / 40.0)}
LINES = {"lambda": np.array([5500.0, 5577.34]), "flux": np.array([100.0, 900.0])}


def pixels(wavelength, data, ifu=1, number=1):
    n = len(wavelength)
    one = np.ones(n, np.float32)
    at, values = (np.asarray(a, np.float32) for a in (wavelength, data))
    origin = np.full(n, 5 << 24 | 77 << 11 | ifu << 6 | number, np.uint32)
    flags = np.zeros(n, np.uint32)
    return Pixels(one, one, at, values.copy(), flags, one.copy(), origin)


def gauss(x, place, flux, sigma):
    return flux * np.exp(-0.5 * ((x - place) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


@pytest.mark.parametrize(
    ("ifu", "number", "sigma"), [(1, 1, 1.0), (1, 2, 1.2), (2, 1, 1.0)]
)
def test_lines_and_continuum_go_with_the_shape_of_the_slice(ifu, number, sigma):
    x = np.random.default_rng(1).uniform(5405.0, 5695.0, 5000)
    sky = 20.0 + 3.0 * np.sin(x / 40.0)
    for place, flux in zip(*LINES.values(), strict=True):
        sky = sky + gauss(x, place, flux, sigma)
    step = subtract_model(LINES, CONTINUUM, SHAPES, SEGMENTS)
    rest = step(pixels(x, sky + 7.0, ifu, number)).data
    assert_allclose(rest, 7.0, atol=0.5)
    assert np.std(rest) < 0.1


def test_equal_shapes_share_a_spectrum():
    step = subtract_model(LINES, CONTINUUM, SHAPES, SEGMENTS)
    assert len(step.spectra) == 2
    assert step.row_of[1 << 6 | 1] == step.row_of[2 << 6 | 1] != step.row_of[1 << 6 | 2]


def test_errors_and_everything_else_stay():
    before = pixels(GRID, np.zeros(len(GRID)))
    copy = Pixels._make(c.copy() for c in before)
    after = subtract_spectrum(CONTINUUM)(before)
    for name in ("xpos", "ypos", "wavelength", "dq", "stat", "origin"):
        assert_array_equal(getattr(after, name), getattr(copy, name))


def test_a_spectrum_goes_from_all_slices():
    step = subtract_spectrum(CONTINUUM)
    for ifu, number in ((1, 1), (24, 48)):
        rest = step(pixels(GRID, CONTINUUM["flux"], ifu, number)).data
        assert_allclose(rest, 0.0, atol=2e-3)


def test_subtracting_twice_is_linear():
    step = subtract_spectrum(CONTINUUM)
    once = step(pixels(GRID, 100.0 * np.ones(len(GRID)))).data.copy()
    twice = step(pixels(GRID, once)).data
    assert_allclose(100.0 - twice, 2 * (100.0 - once), rtol=1e-5)


def test_gaps_of_a_spectrum_are_bridged():
    flux = CONTINUUM["flux"].copy()
    flux[20:22] = np.nan
    rest = subtract_spectrum({"lambda": GRID, "data": flux})(
        pixels(GRID, CONTINUUM["flux"])
    ).data
    assert np.abs(rest).max() < 0.3


def test_a_straight_spectrum_needs_no_correction_for_bins():
    line = {"lambda": GRID, "data": 5.0 + 0.1 * (GRID - 5400.0)}
    x = np.arange(5400.0, 5700.0, STEP / 3)
    rest = subtract_spectrum(line)(pixels(x, 5.0 + 0.1 * (x - 5400.0))).data
    assert_allclose(rest, 0.0, atol=1e-4)


def test_a_slice_without_shape_is_refused():
    with pytest.raises(BadInput, match="IFU 5, slice 9"):
        subtract_model(LINES, CONTINUUM, SHAPES, [Segment(0, 5, 9, 0, 1)])


def test_no_pixels():
    assert len(subtract_spectrum(CONTINUUM)(pixels([], [])).data) == 0


FINE = np.arange(5450.0, 5650.0, 0.07)
SHARES = np.arange(0.005, 1.0, 0.01)
INDEPENDENT = SHARES**2 + (1.0 - SHARES) ** 2
"""Variance of a voxel of two pixels with independent noise, over theirs."""


def test_the_noise_of_a_spectrum_is_in_voxels_as_often_as_pixels_share_it():
    rng = np.random.default_rng(2)
    variance = 4.0 + 3.0 * np.sin(GRID / 7.0)
    rest = []
    for _ in range(400):
        data = np.sqrt(variance) * rng.standard_normal(len(GRID))
        told = {"lambda": GRID, "data": data, "stat": variance}
        rest.append(subtract_spectrum(told)(pixels(FINE, np.zeros(len(FINE)))).data)
    added = subtract_spectrum(told)(pixels(FINE, np.zeros(len(FINE)))).stat - 1.0
    ratio = np.mean(1.0 / INDEPENDENT) * np.var(rest, axis=0) / added
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)
    assert np.abs(ratio - 1.0).max() < 0.4


def test_bins_without_data_have_no_noise_of_their_own():
    data, stat = np.ones(len(GRID)), np.ones(len(GRID))
    data[20:22] = stat[20:22] = np.nan
    noise = subtract_spectrum({"lambda": GRID, "data": data, "stat": stat}).noise
    assert np.isfinite(noise).all() and noise.min() > 0.0


def test_the_noise_of_a_model_is_in_voxels_as_often_as_pixels_share_it():
    noise = Noise(GRID, np.where(GRID < 5500.0, np.nan, 3.0), axes=2)
    step = subtract_model(LINES, CONTINUUM, SHAPES, SEGMENTS, noise)
    added = step(pixels(GRID, np.zeros(len(GRID)))).stat - 1.0
    assert_allclose(3.0 * np.mean(1.0 / INDEPENDENT) ** 2, added, rtol=1e-3)
