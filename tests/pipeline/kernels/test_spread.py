"""Medians, against numpy."""

import numpy as np
import pytest

from pipeline.kernels.spread import median, median_of_many

KINDS = ("normal", "few", "equal", "hits", "two", "zeros", "beyond")


def many(kind, n, rng):
    """Values as they are found on the sky, and as they are hard to part by counting."""
    values = {
        "normal": rng.normal(-3, 20, n),
        "few": rng.integers(-2, 3, n) / 4,
        "equal": np.full(n, -7.5),
        "hits": np.where(rng.random(n) < 0.05, 1e30, rng.normal(0, 1e-3, n)),
        "two": np.where(rng.random(n) < 0.5, -1e4, 1e-30),
        "zeros": np.where(rng.random(n) < 0.1, 1e6, 0.0),
        "beyond": np.where(rng.random(n) < 0.5, np.inf, rng.normal(0, 1, n)),
    }
    return values[kind].astype("f4")


@pytest.mark.parametrize("kind", KINDS)
def test_median_of_many_equals_numpy(kind):
    rng = np.random.default_rng(5)
    for n in (*range(1, 60), 100, 101, 500, 1001):
        values = many(kind, n, rng)
        given, work = values.copy(), np.empty_like(values)
        assert median_of_many(given, n, work) == np.median(values)
        assert (given == values).all()


def test_only_the_first_values_count():
    values = np.arange(99, -1, -1, dtype="f4")
    work = np.empty_like(values)
    assert median_of_many(values, 51, work) == 74.0 == median(values[:51].copy(), 51)


def test_median_equals_numpy():
    rng = np.random.default_rng(3)
    for n in range(1, 30):
        values = rng.integers(0, 9, n).astype("f4")
        assert median(values.copy(), n) == np.median(values)
