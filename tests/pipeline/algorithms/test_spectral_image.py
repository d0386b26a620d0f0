"""Tests of the spectra of all slices side by side."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.pixels import SlicePixels
from pipeline.algorithms.spectral_image import SpectralImage
from pipeline.flags import Flag
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage
from pipeline.spec import Planes
from tests.pipeline.mini_exposure import slices, wavelengths

WAVELENGTH, NUMBER = wavelengths()


def drawn(data, dq=None, stat=4.0):
    flags = np.zeros(MINI.shape, np.uint32) if dq is None else dq
    planes = Planes(data.astype(np.float32), flags, np.full(MINI.shape, stat, np.float32))
    pixels = SlicePixels(slices())
    image = SpectralImage(pixels, 1.25)
    for _, part in pixels.scan(MemoryImage(planes)):
        image.add(part)
    return image, image.read(slice(0, image.shape[0]))


def test_wavelength_rises_along_the_rows():
    image, planes = drawn(np.nan_to_num(WAVELENGTH))
    words = image.keywords()
    rows = words["CRVAL2"] + words["CD2_2"] * np.arange(image.shape[0])
    good = np.isfinite(planes.data)
    difference = (planes.data - rows[:, None])[good]
    assert np.abs(difference).max() < 1.25 and abs(difference.mean()) < 0.05
    assert good.mean() > 0.7


def test_slices_stand_in_their_order():
    _, planes = drawn(NUMBER.astype(float))
    good = np.isfinite(planes.data).any(axis=0)
    numbers = np.nanmean(planes.data[:, good].astype(float), axis=0)
    assert_array_equal(np.unique(np.round(numbers)), np.arange(1, MINI.n_slices + 1))
    assert np.all(np.diff(numbers) > -1e-3)


def test_a_line_is_straight_and_keeps_its_light():
    _, planes = drawn(np.where(np.abs(WAVELENGTH - 6300.0) < 20.0, 9.0, 0.0))
    light = np.nansum(planes.data, axis=0, dtype=float)
    inside = np.isfinite(planes.data).mean(axis=0) > 0.8
    assert_allclose(light[inside] * 1.25, 9.0 * 40.0, rtol=0.05)


def test_errors_are_honest():
    pulls = []
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(0, 2, MINI.shape)
        _, planes = drawn(noise)
        pulls.append((planes.data / np.sqrt(planes.stat))[np.isfinite(planes.data)])
    assert np.std(np.concatenate(pulls)) == pytest.approx(1.0, abs=0.02)


def test_flagged_pixels_are_missing():
    _, planes = drawn(np.ones(MINI.shape), np.full(MINI.shape, Flag.HOT_PIXEL, np.uint32))
    assert np.isnan(planes.data).all()
    assert (planes.dq == Flag.MISSING_DATA).all()
