"""Tests of the relative illumination of slices."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.illumination import BAND, Illumination, measure_illumination
from pipeline.flags import Flag
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage
from pipeline.spec import BadInput, Pixels, Planes
from tests.pipeline.mini_exposure import slices, wavelengths

TRUE = 1.0 + 0.03 * np.sin(np.arange(MINI.n_slices + 1))
WAVELENGTH, NUMBER = wavelengths()


def flat(brightness=TRUE, noise=0.0):
    rng = np.random.default_rng(1)
    data = 2000.0 * brightness[NUMBER] * np.where(NUMBER, 1.0, 0.0)
    data += rng.normal(0, 1, data.shape) * noise
    planes = data.astype(np.float32), np.zeros(data.shape, np.uint32)
    return MemoryImage(Planes(*planes, np.ones(data.shape, np.float32)), name="ILLUM.fits")


def values(found):
    return np.array([found.factors[n] for n in range(1, MINI.n_slices + 1)])


def test_factors_make_the_slices_alike():
    found = values(measure_illumination(flat(noise=40.0), slices()))
    expected = 1.0 / TRUE[1:]
    assert_allclose(found, expected / expected.mean(), rtol=1e-3)
    assert found.mean() == pytest.approx(1.0)


def test_brightness_of_the_lamp_does_not_matter():
    one, ten = (values(measure_illumination(flat(s * TRUE), slices())) for s in (1.0, 10.0))
    assert_allclose(one, ten, rtol=1e-6)


def test_only_the_band_counts():
    image = flat()
    outside = np.abs(WAVELENGTH - np.mean(BAND)) > np.ptp(BAND) / 2
    image.planes.data[outside] *= 5.0
    expected = values(measure_illumination(flat(), slices()))
    assert_allclose(values(measure_illumination(image, slices())), expected, rtol=1e-6)


def test_bad_pixels_and_outliers_do_not_matter():
    image, rng = flat(), np.random.default_rng(2)
    bad = rng.random(MINI.shape) < 0.2
    image.planes.data[bad], image.planes.dq[bad] = 1e6, Flag.HOT_PIXEL
    image.planes.data[rng.random(MINI.shape) < 0.01] = np.nan
    image.planes.data[rng.random(MINI.shape) < 0.01] = 1e6
    expected = values(measure_illumination(flat(), slices()))
    assert_allclose(values(measure_illumination(image, slices())), expected, rtol=1e-5)


@pytest.mark.parametrize("how", ["dark", "flagged", "missing"])
def test_a_slice_without_light_is_named(how):
    image = flat()
    here = NUMBER == 7
    if how == "dark":
        image.planes.data[here] = -3.0
    elif how == "flagged":
        image.planes.dq[here] = Flag.DARK_PIXEL
    else:
        image.planes.data[here] = np.nan
    with pytest.raises(BadInput, match="slice 7 has no light") as refusal:
        measure_illumination(image, slices())
    assert refusal.value.file == "ILLUM.fits"


def test_correction_squares_in_the_variance():
    ones = np.ones(3, np.float32)
    flags = np.zeros(3, np.uint32)
    pixels = Pixels(ones, ones, ones, ones.copy(), flags, ones.copy(), flags)
    Illumination({4: 1.1, 5: 0.9})(4, pixels)
    assert_allclose(pixels.data, 1.1)
    assert_allclose(pixels.stat, 1.21)


def test_keywords():
    words = Illumination({1: 0.9, 2: 1.1}).keywords()
    name = "ESO DRS MUSE PIXTABLE ILLUM"
    assert (words[f"{name}1"], words[f"{name}2"]) == (0.9, 1.1)
    assert words[f"{name} MEAN"] == pytest.approx(1.0)
    assert words[f"{name} STDEV"] == pytest.approx(np.std([0.9, 1.1], ddof=1))
    assert Illumination({3: 1.0}).keywords()[f"{name} STDEV"] == 0.0
