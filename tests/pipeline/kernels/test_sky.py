"""Sky lines drawn and subtracted, against plain numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.sky import draw_lines, subtract_spectra

OFFSETS = (-7.5, 0.1)


def gaussian(sigma):
    x = OFFSETS[0] + OFFSETS[1] * np.arange(151)
    return np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


PROFILES = np.array([gaussian(1.2), gaussian(1.0)])


def draw(wavelength, flux):
    spectrum = np.zeros(4000)
    lines = np.atleast_1d(np.float64(wavelength)), np.atleast_1d(np.float64(flux))
    draw_lines(*lines, PROFILES, OFFSETS, (5000.0, 1000.0), (5000.0, 0.25), spectrum)
    return spectrum


@given(st.floats(5010, 5980), st.floats(0.1, 100))
def test_a_line_has_its_flux_and_width(wavelength, flux):
    spectrum = draw(wavelength, flux)
    x = 5000 + 0.25 * np.arange(4000)
    assert spectrum.sum() * 0.25 == pytest.approx(flux, rel=2e-3)
    t = (wavelength - 5000) / 1000
    offset = np.clip((x - wavelength - OFFSETS[0]) / OFFSETS[1], 0, 150)
    shape = [np.interp(offset, np.arange(151), row) for row in PROFILES]
    expected = flux * ((1 - t) * shape[0] + t * shape[1])
    near = np.abs(x - wavelength) < 7.4
    np.testing.assert_allclose(spectrum[near], expected[near], rtol=1e-6, atol=1e-9 * flux)


def test_lines_add_up_and_the_far_ones_do_not_show():
    both = draw([5100.0, 5105.0], [1.0, 2.0])
    np.testing.assert_allclose(both, draw(5100.0, 1.0) + draw(5105.0, 2.0))
    assert (draw(4900.0, 1.0) == 0).all() and (draw(7000.0, 1.0) == 0).all()


def test_cubic_between_samples_and_each_slice_its_own():
    rng = np.random.default_rng(1)
    x = 5000 + 0.25 * np.arange(400)
    spectra = np.array([3 + 0.001 * (x - 5040) ** 3, np.full(400, 7.0)], np.float32)
    wavelength = rng.uniform(5001, 5098, 1000).astype(np.float32)
    origin = (rng.integers(0, 2**20, 1000) << 11 | 65 + rng.integers(0, 2, 1000)).astype(
        np.uint32
    )
    row_of = np.full(2048, -1, np.int32)
    row_of[65], row_of[66] = 0, 1
    exact = np.where(
        origin & 0x7FF == 65, 3 + 0.001 * (wavelength.astype(float) - 5040) ** 3, 7.0
    )
    data = exact.astype(np.float32)
    noise = (0.01 * np.arange(400)).astype(np.float32)
    stat = np.ones(1000, np.float32)
    subtract_spectra(wavelength, data, stat, origin, 5000.0, 0.25, spectra, row_of, noise)
    np.testing.assert_allclose(stat, 1 + 0.04 * (wavelength - 5000), atol=1e-5)
    np.testing.assert_allclose(data, 0, atol=3e-2)
    assert np.abs(data[origin & 0x7FF == 66]).max() < 1e-5


def test_slices_without_a_spectrum_stay():
    data, stat = np.ones(5, np.float32), np.zeros(5, np.float32)
    subtract_spectra(
        np.full(5, 5000, np.float32), data, stat, np.full(5, 70, np.uint32), 5000.0, 0.25,
        np.ones((1, 4), np.float32), np.full(2048, -1, np.int32), np.ones(4, np.float32),
    )  # fmt: skip
    assert (data == 1).all() and (stat == 0).all()


def test_beyond_the_ends_the_last_value_holds():
    data, stat = np.zeros(2, np.float32), np.zeros(2, np.float32)
    spectra = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    subtract_spectra(
        np.array([4000, 9000], np.float32), data, stat, np.zeros(2, np.uint32), 5000.0,
        0.25, spectra, np.zeros(2048, np.int32), 2 * spectra[0],
    )  # fmt: skip
    np.testing.assert_allclose(stat, [2, 8], atol=1e-6)
    np.testing.assert_allclose(data, [-1, -4], atol=1e-6)
