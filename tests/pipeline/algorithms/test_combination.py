import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pipeline.algorithms.combination import CombineParams, combine
from pipeline.spec import Planes

METHODS = ("average", "median", "minmax", "sigclip")


def stack(n_frames, shape=(60, 80), level=100.0, sigma=3.0, seed=1):
    rng = np.random.default_rng(seed)
    return [
        Planes(
            rng.normal(level, sigma, shape).astype(np.float32),
            np.zeros(shape, np.uint32),
            np.full(shape, sigma**2, np.float32),
        )
        for _ in range(n_frames)
    ]


def cube(frames):
    return np.stack([frame.data for frame in frames]).astype(float)


def test_methods_agree_with_numpy():
    frames = stack(5)
    wide = {"lsigma": 1e9, "hsigma": 1e9}
    ordered = np.sort(cube(frames), axis=0)
    expected = {
        "average": ordered.mean(axis=0),
        "sigclip": ordered.mean(axis=0),
        "median": ordered[2],
        "minmax": ordered[1:4].mean(axis=0),
    }
    for method, values in expected.items():
        result = combine(frames, CombineParams(combine=method, **wide))
        assert_allclose(result.data, values, rtol=1e-6)
        assert not result.dq.any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 5, 9])
def test_the_variance_is_honest(method, n_frames):
    result = combine(stack(n_frames), CombineParams(combine=method))
    pull = (result.data - 100) / np.sqrt(result.stat)
    if (method, n_frames) != ("minmax", 2):  # which keeps the lower one
        assert abs(pull.mean()) < 0.06
    assert pull.std() == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("n_frames", [2, 3, 5])
def test_a_cosmic_ray_is_clipped_from_short_stacks(n_frames):
    frames = stack(n_frames)
    frames[n_frames - 1].data[:, ::2] += 500
    result = combine(frames, CombineParams())
    assert np.mean(abs(result.data[:, ::2] - 100) > 20) < 0.002
    good = combine(frames[:-1], CombineParams())
    assert_allclose(np.median(result.stat[:, ::2]), np.median(good.stat), rtol=0.01)


def test_the_scatter_of_few_values_hides_a_cosmic_ray_and_rejects_good_ones():
    """Unless it is asked for, the noise model decides instead."""
    frames, params = stack(5), CombineParams(clip="scatter")
    n_left = 9 / combine(frames, params).stat
    assert np.mean(n_left < 4.5) == pytest.approx(0.13, abs=0.02)
    assert np.mean(9 / combine(frames, CombineParams()).stat < 4.5) < 0.01
    frames[4].data[:] += 500
    hit = combine(frames[2:], params)
    assert np.median(hit.data) > 200  # three mean deviations reach farther than any value
    assert np.median(combine(frames[2:], CombineParams()).data) < 110


def test_lamp_variations_are_not_clipped():
    frames = [
        Planes(f.data * np.float32(k), f.dq, f.stat)
        for f, k in zip(stack(5), (0.9, 0.95, 1.0, 1.05, 1.1), strict=True)
    ]
    result = combine(frames, CombineParams())
    assert_allclose(np.median(result.stat), 9 / 5)


@given(order=st.permutations(range(5)), method=st.sampled_from(METHODS))
def test_the_order_of_the_frames_does_not_matter(order, method):
    frames = stack(5, shape=(4, 5), sigma=1.0)
    params = CombineParams(combine=method, lsigma=1.0, hsigma=1.0)
    expected = combine(frames, params)
    shuffled = combine([frames[i] for i in order], params)
    for a, b in zip(shuffled, expected, strict=True):
        assert_allclose(a, b, rtol=1e-6)


def test_flagged_values_do_not_take_part():
    frames = stack(3)
    frames[0].data[5, 5] = 1e6
    frames[0].dq[5, 5] = 4096
    for frame, flag in zip(frames, (1, 2, 4), strict=True):
        frame.dq[6, 6] = flag
    for method in METHODS:
        result = combine(frames, CombineParams(combine=method))
        assert result.data[5, 5] == pytest.approx(100, abs=15)
        assert result.dq[5, 5] == 0
        assert result.dq[6, 6] == 7
        assert np.isfinite(result.data).all()


def test_more_rejections_than_values_keep_the_least():
    params = CombineParams(combine="minmax", nlow=3, nhigh=3, nkeep=2)
    frames = stack(4)
    assert_allclose(
        combine(frames, params).data, np.sort(cube(frames), axis=0)[:2].mean(0), rtol=1e-6
    )
