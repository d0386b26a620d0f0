"""Tests of the spectrum of the flat-field lamp."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.lamp_spectrum import MARGIN, LampSpectrum, cut_spectrum
from pipeline.flags import Flag
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage
from pipeline.spec import BadInput, Planes, blocks
from tests.pipeline.mini_exposure import slices, wavelengths

WAVELENGTH = wavelengths()[0]


def lamp(wavelength):
    return 1.0 + 0.4 * np.sin(wavelength / 200.0)


def flat(signal=lamp):
    data = np.nan_to_num(signal(WAVELENGTH)).astype(np.float32)
    return MemoryImage(
        Planes(data, np.zeros(MINI.shape, np.uint32), 0.01 * np.ones_like(data))
    )


def lamp_spectrum(image, polynomials):
    """The spectrum of a whole image."""
    spectrum = LampSpectrum(image.name, polynomials)
    for rows in blocks(image.shape[0], 100):
        spectrum.add(rows, image.read(rows))
    return spectrum.table()


def test_spectrum_of_the_lamp_is_found():
    found = lamp_spectrum(flat(), slices())
    wavelength = found.columns["lambda"]
    assert_allclose(found.columns["data"], lamp(wavelength), atol=2e-3)
    assert_allclose(np.diff(wavelength), 1.25)
    assert wavelength[0] == pytest.approx(np.nanmin(WAVELENGTH), abs=0.01)
    assert 0 <= np.nanmax(WAVELENGTH) - wavelength[-1] + 1.25 < 2.5
    assert found.units["lambda"] == "Angstrom"


def test_a_mean_over_all_pixels_of_a_bin():
    rng = np.random.default_rng(3)
    image = flat()
    image.planes.data[:] = rng.normal(1.0, 0.1, MINI.shape)
    found = lamp_spectrum(image, slices())
    bins = np.floor((WAVELENGTH - found.columns["lambda"][0]) / 1.25 + 0.5)
    for k in (40, 500):
        expected = image.planes.data[bins == k].astype(float)
        error = 0.1 / np.sqrt(len(expected))
        assert found.columns["data"][k] == pytest.approx(expected.mean(), abs=2 * error)


def test_flagged_pixels_do_not_matter():
    image = flat()
    bad = np.random.default_rng(1).random(MINI.shape) < 0.1
    image.planes.data[bad], image.planes.dq[bad] = 1e5, Flag.HOT_PIXEL
    found = lamp_spectrum(image, slices())
    assert_allclose(found.columns["data"], lamp(found.columns["lambda"]), atol=3e-3)


def test_a_gap_is_left_out():
    image = flat()
    gap = (WAVELENGTH > 6000.0) & (WAVELENGTH < 6020.0)
    image.planes.dq[gap] = Flag.NOTCH_FILTER
    wavelength = lamp_spectrum(image, slices()).columns["lambda"]
    assert not np.any((wavelength > 6001.0) & (wavelength < 6018.0))


def test_a_flat_without_good_pixels_is_refused():
    image = flat()
    image.planes.dq[:] = Flag.DARK_PIXEL
    with pytest.raises(BadInput, match="no good pixel"):
        lamp_spectrum(image, slices())


def test_cut_leaves_what_interpolation_needs():
    whole = lamp_spectrum(flat(), slices())
    part = cut_spectrum(whole, 5800.0, 5900.0)
    wavelength = part.columns["lambda"]
    assert (
        5800.0 - MARGIN
        <= wavelength[0]
        < 5800.0
        < 5900.0
        < wavelength[-1]
        <= 5900.0 + MARGIN
    )
    inside = np.isin(whole.columns["lambda"], wavelength)
    assert_array_equal(part.columns["data"], whole.columns["data"][inside])
    assert len(cut_spectrum(whole, 100.0, 200.0).columns["lambda"]) == 0
