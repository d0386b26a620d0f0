"""Lines are found in the middle of a slice, cosmic rays are not."""

import numpy as np
from numpy.testing import assert_allclose

from pipeline.algorithms.line_search import detect_lines, middle_spectrum

ROWS = np.arange(400.0)
PLACES = np.array([60.3, 150.8, 151.0 + 90, 333.3])


def strip_of(rng, tilt=0.02, flux=5000.0):
    """Make a slice with tilted lines: float32[columns, rows]."""
    columns = np.arange(31) - 15
    centres = PLACES[None, :, None] + tilt * columns[:, None, None]
    lines = np.exp(-0.5 * ((ROWS - centres) / 1.05) ** 2).sum(axis=1)
    noise = np.sqrt(9.0 + flux * lines).astype(np.float32)
    return (flux * lines + rng.normal(0, noise)).astype(np.float32), noise


def test_spectrum_is_the_mean_of_the_columns():
    strip, noise = strip_of(np.random.default_rng(1))
    spectrum, _ = middle_spectrum(strip, noise, 15)
    assert_allclose(spectrum, strip[8:23].mean(axis=0), atol=25)


def test_cosmic_rays_are_no_lines():
    rng = np.random.default_rng(2)
    strip, noise = strip_of(rng)
    for row in (30, 100, 200, 290, 375):
        strip[rng.integers(9, 22), row : row + 3] += 20000.0
    found = detect_lines(*middle_spectrum(strip, noise, 15), 5.0)
    assert_allclose(np.sort(found.row), PLACES, atol=0.1)


def test_tilted_bright_lines_keep_their_flux():
    strip, noise = strip_of(np.random.default_rng(3), tilt=0.06, flux=1e5)
    clean = strip[8:23].mean(axis=0)
    spectrum, _ = middle_spectrum(strip, noise, 15)
    assert_allclose(spectrum[clean > 2e4], clean[clean > 2e4], rtol=0.05)


def test_rows_without_good_pixels_are_empty():
    strip, noise = strip_of(np.random.default_rng(4))
    noise[:, 50] = np.inf
    spectrum, deviation = middle_spectrum(strip, noise, 15)
    assert spectrum[50] == 0 and np.isinf(deviation[50])


def test_strength_does_not_depend_on_a_flat():
    strip, noise = strip_of(np.random.default_rng(5))
    flat = np.geomspace(0.02, 1.0, strip.shape[1]).astype(np.float32)
    plain = detect_lines(*middle_spectrum(strip, noise, 15), 5.0)
    divided = detect_lines(*middle_spectrum(strip / flat, noise / flat, 15), 5.0)
    assert_allclose(divided.row, plain.row, atol=0.1)
    assert_allclose(divided.strength, plain.strength, rtol=0.1)
    assert divided.peak[0] > 20 * plain.peak[0]
