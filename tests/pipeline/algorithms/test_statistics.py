"""Tests of the statistics of images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.algorithms.statistics import ImageStatistics


def gathered(image, n_rows=7):
    statistics = ImageStatistics()
    for start in range(0, len(image), n_rows):
        statistics.add(image[start : start + n_rows])
    return statistics


@given(seed=st.integers(0, 99), n_rows=st.integers(1, 40))
def test_equals_numpy_however_the_rows_come(seed, n_rows):
    image = np.random.default_rng(seed).normal(2000, 300, (40, 50)).astype(np.float32)
    found = dict(gathered(image, n_rows).keywords(flux=True))
    wide = image.astype(float)
    assert found["MEAN"] == pytest.approx(wide.mean())
    assert found["STDEV"] == pytest.approx(wide.std(ddof=1), rel=1e-6)
    assert found["MIN"] == wide.min() and found["MAX"] == wide.max()
    assert found["INTFLUX"] == pytest.approx(wide.sum())
    assert found["MEDIAN"] == pytest.approx(np.median(wide), abs=2.0)


def test_of_constant_and_of_missing_pixels():
    image = np.full((4, 5), 7.0, np.float32)
    image[0] = np.nan
    found = gathered(image)
    assert found.n == 15
    assert (found.median, found.mean, found.stdev) == (7.0, 7.0, 0.0)
