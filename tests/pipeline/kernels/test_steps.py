"""Where wavelengths lie among steps and bands, against plain numpy."""

import numpy as np

from pipeline.kernels.steps import AT_ONCE, find_bands, find_steps


def wavelengths():
    """Wavelengths in, beyond and at the ends of 5000 ... 5050 Angstrom."""
    rng = np.random.default_rng(1)
    ends = [4950.0, 4999.9, 5000.0, 5005.0, 5049.9, 5050.0, 5100.0, np.nan]
    return np.append(rng.uniform(4980, 5080, 500), ends).astype(np.float32)


def test_steps_are_half_open_and_outside_is_told():
    w = wavelengths()
    number = np.empty(AT_ONCE, np.int32)
    for first, offset in ((5000.0, 0.0), (5002.5, 0.5)):
        find_steps(w, (first, 5.0, 10), offset, number)
        with np.errstate(invalid="ignore"):
            expected = np.searchsorted(np.arange(5000.0, 5051.0, 5.0), w, "right") - 1
        expected[np.isnan(w)] = -1
        np.testing.assert_array_equal(number[: w.size], expected)


def test_bands_are_interpolated_between_their_middles():
    w = wavelengths()[:-1]
    band, redward = np.empty(AT_ONCE, np.int32), np.empty(AT_ONCE)
    for n in (1, 2, 5):
        find_bands(w, (5000.0, 50.0 / n, n), band, redward)
        middles = 5000.0 + 50.0 / n * (np.arange(n) + 0.5)
        expected = np.interp(w, middles, np.arange(n))
        found = band[: w.size] + redward[: w.size]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert band[: w.size].min() >= 0 and band[: w.size].max() <= max(n - 2, 0)
