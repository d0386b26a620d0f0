"""Tests of the alignment of exposures by the sources they have in common."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.align import Catalogue, align, match, refine, search

RADII = (30.0, 4.0, 2.0, 0.5)
OFFSETS = np.array([[0.0, 0.0], [0.7, -1.3], [-2.4, 0.9], [4.1, 3.0]])


def sky(n, seed=1, size=60.0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-size / 2, size / 2, (n, 2)), 10 ** rng.uniform(1.0, 3.0, n)


def catalogues(n, offsets=OFFSETS, noise=0.01, seed=1, seen=1.0, false=0):
    """Exposures that miss some sources, see some false ones, and are moved."""
    positions, flux = sky(n, seed)
    rng = np.random.default_rng(seed + 100)
    found = []
    for offset in offsets:
        here = rng.random(n) < seen
        wrong, faint = sky(false, int(rng.integers(1 << 30)))
        measured = positions[here] + rng.normal(0, noise, (here.sum(), 2))
        places = np.concatenate([measured, wrong]) + offset
        bright = flux[here] * rng.uniform(0.9, 1.1, here.sum())
        found.append(Catalogue(places, np.concatenate([bright, faint])))
    return found


def aligned(found, weighted=False, radii=RADII):
    return align(found, radii, 60, weighted)


@pytest.mark.parametrize("n", [1, 2, 3, 30])
def test_known_offsets_are_recovered(n):
    result = aligned(catalogues(n))
    for one, offset in zip(result, OFFSETS, strict=True):
        assert_allclose(one.offset, offset, atol=0.05)
        assert one.n_matched == n
        assert one.scatter < 0.05


def test_exact_positions_give_exact_offsets():
    for one, offset in zip(aligned(catalogues(8, noise=0.0)), OFFSETS, strict=True):
        assert_allclose(one.offset, offset, atol=1e-9)
        assert one.scatter == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_false_and_missing_sources_do_not_mislead(seed):
    found = catalogues(12, seed=seed, seen=0.7, false=10)
    true = [c.moved(offset) for c, offset in zip(found, OFFSETS, strict=True)]
    for k, (one, offset) in enumerate(zip(aligned(found), OFFSETS, strict=True)):
        assert_allclose(one.offset, offset, atol=0.05)
        pairs = [match(c, true[k], np.zeros(2), 0.2)[0] for c in true if c is not true[k]]
        assert one.n_matched >= max(map(len, pairs)) > 2


def test_errors_shrink_with_the_number_of_sources():
    errors = []
    for seed in range(20):
        result = aligned(catalogues(25, OFFSETS[:2], noise=0.05, seed=seed))
        errors.append(result[1].offset - OFFSETS[1])
    assert np.std(errors) == pytest.approx(0.05 * np.sqrt(2 / 25), rel=0.35)


def test_a_field_turned_by_90_degrees_shares_only_its_middle():
    """Strips crossing at right angles have few sources in common."""
    positions, flux = sky(200, size=60.0)
    lying = np.abs(positions[:, 1]) < 6.0
    standing = np.abs(positions[:, 0]) < 6.0
    assert 2 <= np.sum(lying & standing) <= 15
    found = [
        Catalogue(positions[lying], flux[lying]),
        Catalogue(positions[standing] + [1.2, -2.1], 0.8 * flux[standing]),
    ]
    result = aligned(found)
    assert_allclose(result[1].offset, [1.2, -2.1], atol=1e-6)
    assert result[1].n_matched == np.sum(lying & standing)


def test_weights_follow_the_bright_source():
    """Weights 1 and 1/2: the errors of bright sources are not those of photons."""
    places = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    flux = np.array([1e4, 1.0, 1.0, 1.0])
    other = places + np.array([[1.02, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    pair = [Catalogue(places, flux), Catalogue(other, flux)]
    assert aligned(pair)[1].offset[0] == pytest.approx(1.005, abs=1e-6)
    assert aligned(pair, weighted=True)[1].offset[0] == pytest.approx(
        1.0 + 0.02 / 2.5, abs=1e-4
    )


def test_the_order_of_sources_does_not_matter():
    first, second = catalogues(15, OFFSETS[:2], noise=0.05)
    swapped = Catalogue(second.positions[::-1].copy(), second.flux[::-1].copy())
    a, b = (aligned([first, c])[1] for c in (second, swapped))
    assert_allclose(a.offset, b.offset, atol=1e-9)
    assert a.n_matched == b.n_matched


def test_exchanged_exposures_change_the_sign():
    first, second = catalogues(15, OFFSETS[:2], noise=0.02)
    there, back = aligned([first, second])[1], aligned([second, first])[1]
    assert_allclose(there.offset, -back.offset, atol=1e-6)


def test_exposures_are_linked_by_others():
    """The first and the last share nothing, but both overlap with the middle one."""
    positions, flux = sky(40)
    x = positions[:, 0]
    shares = [x < -5.0, np.abs(x) < 20.0, x > 5.0]
    offsets = [(0.0, 0.0), (1.0, 2.0), (-1.5, 0.4)]
    found = [
        Catalogue(positions[s] + o, flux[s]) for s, o in zip(shares, offsets, strict=True)
    ]
    for one, offset in zip(aligned(found), offsets, strict=True):
        assert_allclose(one.offset, offset, atol=1e-6)


def test_sources_out_of_reach_do_not_match():
    positions, flux = sky(1)
    far = Catalogue(positions + np.array([50.0, 0.0]), flux)
    result = aligned([Catalogue(positions, flux), far])
    assert result[1].n_matched == 0 and (result[1].offset == 0).all()
    assert np.isnan(result[1].scatter)
    assert_allclose(result[0].offset, 0.0)


def test_exposures_without_sources():
    nothing = Catalogue(np.empty((0, 2)), np.empty(0))
    some = catalogues(5)[0]
    for pair in ([some, nothing], [nothing, some], [nothing, nothing]):
        result = aligned(pair)
        assert result[1].n_matched == 0 and (result[1].offset == 0).all()
    assert [one.n_matched for one in aligned([some])] == [0]
    offset, score = search(nothing, some, 30.0, 1.0)
    assert (score, tuple(offset)) == (0.0, (0.0, 0.0))


def test_pairs_are_mutual_and_near():
    reference = Catalogue(np.array([[0.0, 0.0], [5.0, 0.0], [5.2, 0.0]]), np.ones(3))
    other = Catalogue(np.array([[0.1, 0.0], [5.15, 0.0], [20.0, 0.0]]), np.ones(3))
    there, here = match(reference, other, np.zeros(2), 0.5)
    assert list(zip(there, here, strict=True)) == [(0, 0), (2, 1)]


def test_without_pairs_the_offset_stays():
    reference, other = catalogues(1, OFFSETS[:2])
    start = np.array([10.0, 10.0])
    assert_allclose(refine(reference, other, start, (1.0,), False), start)
