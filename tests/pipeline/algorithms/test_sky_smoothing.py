"""Noise goes from a spectrum of the sky, lines and slopes stay."""

import numpy as np
import pytest

from pipeline.algorithms.sky_smoothing import without_noise

X = np.arange(4000.0)
SMOOTH = 30.0 + 5.0 * np.sin(X / 300.0)


def line(height, place=2000.0, sigma=3.7):
    return height * np.exp(-0.5 * ((X - place) / sigma) ** 2)


def noise(seed, sigma):
    return sigma * np.random.default_rng(seed).standard_normal(X.size)


def test_a_spectrum_without_noise_stays_but_for_what_noise_could_make():
    found, left = without_noise(SMOOTH + line(50.0), np.full(X.size, 1e-12))
    np.testing.assert_allclose(found, SMOOTH + line(50.0), atol=1e-5)
    assert (left <= 3e-12).all()


def test_noise_goes():
    variance = np.full(X.size, 4.0)
    left = np.array([without_noise(SMOOTH + noise(k, 2.0), variance)[0] for k in range(20)])
    off = (left - SMOOTH)[:, 200:-200]
    assert off.std() < 0.15 * 2.0
    assert np.abs(off.mean()) < 0.02


def test_the_noise_left_is_told():
    sigma = 1.0 + X / X.size
    told, spread = [], []
    for k in range(60):
        found, variance = without_noise(SMOOTH + noise(k, sigma), sigma**2)
        told.append(variance)
        spread.append(found)
    ratio = np.var(spread, axis=0, ddof=1).mean() / np.mean(told)
    assert ratio == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("height", [20.0, -20.0, 100.0])
def test_what_stands_out_stays(height):
    found, _ = without_noise(SMOOTH + line(height) + noise(1, 1.0), np.ones(X.size))
    at = slice(1980, 2021)
    assert (found - SMOOTH)[at].sum() == pytest.approx(line(height)[at].sum(), rel=0.1)
    assert (found - SMOOTH)[2000] == pytest.approx(height, abs=4.0)


def test_short_spectra():
    found, left = without_noise(np.full(5, 3.0), np.ones(5))
    np.testing.assert_allclose(found, 3.0)
    assert found.shape == left.shape == (5,)


def test_where_details_are_known_to_be_there_nothing_goes():
    values = SMOOTH + line(1.5) + noise(2, 1.0)
    expected = np.where(np.abs(X - 2000.0) < 100, 2.0, 0.1)
    found, left = without_noise(values, np.ones(X.size), expected)
    np.testing.assert_allclose(found[1950:2051], values[1950:2051], atol=0.6)
    assert np.median(np.abs(found - values)[:1500]) > 0.5
    assert (left[1950:2051] > 5 * np.median(left)).all()
