"""Tests of the search for a pattern of lines."""

from itertools import product

import numpy as np
import pytest

from pipeline.kernels.pattern import best_dispersion, match_lines


@pytest.fixture
def sky():
    rng = np.random.default_rng(2)
    lines = np.sort(rng.uniform(5000, 9000, 30))
    grid = np.arange(4500, 9500, 0.5)
    distance = np.abs(grid[:, None] - lines).min(axis=1)
    return lines, np.clip(1 - distance / 3, 0, 1).astype(np.float32)


def search(places, score, centres, slopes, curvatures):
    grids = (np.asarray(g, np.float64) for g in (centres, slopes, curvatures))
    return best_dispersion(places, score, 4500.0, 0.5, *grids)


def test_equals_brute_force(sky):
    _, score = sky
    places = np.random.default_rng(5).uniform(-1, 1, 12)
    grids = np.linspace(6900, 7100, 21), np.linspace(1900, 2100, 9), [-5.0, 0.0, 5.0]
    best = -1.0
    for curvature, slope, centre in product(grids[2], grids[1], grids[0]):
        wave = centre + slope * places + curvature * places**2
        index = np.floor((wave - 4500) / 0.5 + 0.5).astype(int)
        inside = (index >= 0) & (index < len(score))
        best = max(best, float(score[index[inside]].sum()) / len(places))
    found = search(places, score, *grids)
    assert found[0] == pytest.approx(best, rel=1e-6)


def test_finds_the_dispersion(sky):
    lines, score = sky
    places = (lines - 7010.0) / 2030.0
    places = np.delete(places, [3, 9])
    found = search(
        places, score, np.arange(6700, 7301, 1.5), np.arange(1900, 2101, 1.5), [0]
    )
    assert found[0] > 0.7
    assert found[1:3] == pytest.approx((7010, 2030), abs=2)


def test_the_order_of_lines_does_not_matter(sky):
    lines, score = sky
    places = (lines - 7010.0) / 2030.0
    grids = np.arange(6900, 7100, 5), np.arange(1980, 2080, 5), [0]
    assert (
        search(places, score, *grids)[1:] == search(places[::-1].copy(), score, *grids)[1:]
    )


def test_nothing_recorded_nothing_agrees(sky):
    assert search(np.array([0.0]), sky[1], [100.0], [1.0], [0.0])[0] == 0.0


# --- who is who ------------------------------------------------------------------


def plain_match(expected, peak, wavelength, brightness, limit):
    """The same by full tables."""
    part = (expected[:, None] - wavelength) / limit
    cost = np.where(np.abs(part) <= 1, part**2 - brightness, np.inf)
    winner = np.full(len(wavelength), -1)
    for k in np.argsort(peak, kind="stable"):
        if np.isfinite(cost[k]).any():
            winner[np.argmin(cost[k])] = k
    return winner


@pytest.mark.parametrize("seed", range(5))
def test_matches_equal_those_of_full_tables(seed):
    rng = np.random.default_rng(seed)
    wavelength = np.sort(rng.uniform(5000, 5400, 60))
    expected = np.sort(wavelength[rng.integers(0, 60, 80)] + rng.normal(0, 1.0, 80))
    peak, brightness = rng.exponential(100, 80), rng.uniform(0, 2, 60)
    limit = rng.uniform(0.3, 3.0, 60)
    found = match_lines(expected, peak, wavelength, brightness, limit)
    assert (
        found.tolist()
        == plain_match(expected, peak, wavelength, brightness, limit).tolist()
    )
    assert (found >= 0).sum() > 20


def test_without_detections_nothing_matches():
    none, line = np.empty(0), np.array([5000.0])
    assert match_lines(none, none, line, line, line).tolist() == [-1]
