"""Patterns of stars: found in any rotation and shift, not found where there are none."""

import numpy as np
import pytest

from pipeline.algorithms.identification import identify, nearest_pairs


def cluster(n, seed, wide=150.0, high=150.0):
    """Places of stars, the brightest first."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(-wide, wide, n), rng.uniform(-high, high, n)], axis=1)


def observed(known, angle, scale, shift, noise, seed):
    """The same stars, rotated, scaled, moved and measured with errors."""
    c, s = np.cos(angle), np.sin(angle)
    rng = np.random.default_rng(seed)
    turned = known @ np.array([[c, s], [-s, c]]) * scale + shift
    return turned + noise * rng.standard_normal(known.shape)


@pytest.mark.parametrize("accuracy", [0.0, 0.1])
@pytest.mark.parametrize("angle", [0.0, 1.2, np.pi])
def test_stars_of_a_strip_are_recognised(angle, accuracy):
    known = cluster(200, 1)
    inside = np.flatnonzero(np.abs(known[:, 1] - 10) < 13)
    places = observed(known[inside], angle, 1.003, (40.0, -7.0), 0.03, 2)
    pairs = identify(places, known, 3.0, accuracy)
    assert pairs is not None
    assert len(pairs.known) >= 0.9 * len(inside)
    assert (inside[pairs.detected] == pairs.known).all()


def test_stars_that_the_catalogue_lacks_do_no_harm():
    known = cluster(60, 3)
    inside = np.flatnonzero(np.abs(known[:, 1]) < 60)
    places = observed(known[inside], 0.3, 1.0, (1.0, 2.0), 0.03, 4)
    strange = cluster(len(inside) // 3, 5, 100, 60)
    mixed = np.concatenate([strange[:2], places, strange[2:]])
    pairs = identify(mixed, known, 2.0)
    assert pairs is not None
    genuine = (pairs.detected >= 2) & (pairs.detected < 2 + len(inside))
    assert genuine.sum() >= 0.9 * len(inside)
    assert (inside[pairs.detected[genuine] - 2] == pairs.known[genuine]).all()


def test_another_field_is_not_recognised():
    assert identify(cluster(25, 6, 60, 60), cluster(60, 7), 2.0) is None


def test_a_mirrored_field_is_not_recognised():
    known = cluster(60, 8)
    assert identify(known[:30] * [-1.0, 1.0], known, 2.0) is None


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_stars_are_not_recognised(n):
    known = cluster(40, 9)
    assert identify(known[:n], known, 2.0) is None


def test_pairs_are_mutual():
    pairs = nearest_pairs(np.array([[0.0, 0.0], [0.4, 0.0]]), np.array([[0.1, 0.0]]), 1.0)
    assert pairs.detected.tolist() == [0] and pairs.known.tolist() == [0]
