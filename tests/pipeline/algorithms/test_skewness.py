"""Tests of handing the skewness of lines from arcs to sky lines."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.algorithms.skewness import skew_keywords, skew_offset
from pipeline.algorithms.wavelength import Places


def places(n=400, seed=1):
    rng = np.random.default_rng(seed)
    ones = np.ones(n)
    return Places(
        x=100 * ones,
        y=rng.uniform(0, 4000, n),
        wavelength=rng.uniform(4700, 9200, n),
        error=0.01 * ones,
        scatter=0.01 * ones,
        fwhm=2.5 * ones,
        sampling=1.25 * ones,
        line=np.arange(n),
    )


def moved(there, offset):
    return replace(there, y=there.y + offset(there.wavelength) / there.sampling)


def test_offset_comes_back():
    fitted = [places(seed=s) for s in range(3)]
    corrected = [moved(p, lambda w: 0.012 - 2e-6 * (w - 7000)) for p in fitted]
    header = skew_keywords(fitted, corrected)
    wanted = np.array([5577.0, 6300.0])
    np.testing.assert_allclose(
        skew_offset(header, wanted), 0.012 - 2e-6 * (wanted - 7000), atol=1e-6
    )


def test_table_without_correction_says_nothing():
    fitted = [places()]
    assert skew_keywords(fitted, fitted) == {}
    assert skew_offset({}, np.array([5577.0])) == 0.0


def test_one_line_gives_a_constant():
    fitted = [replace(places(), wavelength=np.full(400, 6500.0))]
    header = skew_keywords(fitted, [moved(p, lambda w: 0 * w + 0.01) for p in fitted])
    assert skew_offset(header, np.array([9000.0]))[0] == pytest.approx(0.01)
