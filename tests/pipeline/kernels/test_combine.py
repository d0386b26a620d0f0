import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pipeline.kernels.combine import AVERAGE, MEDIAN, MINMAX, SCATTER, SIGCLIP, combine

VALUES = st.lists(
    st.tuples(st.integers(-50, 500), st.sampled_from([0, 0, 0, 8])), min_size=1, max_size=7
)


def one_pixel(values, dq=None, stat=4.0, method=SIGCLIP, low=3.0, high=3.0):
    n = len(values)
    data = np.array(values, np.float32).reshape(n, 1, 1)
    flags = np.array(dq if dq is not None else [0] * n, np.uint32).reshape(n, 1, 1)
    variance = np.full((n, 1, 1), stat, np.float32)
    out = [np.empty((1, 1), kind) for kind in (np.float32, np.uint32, np.float32)]
    ones = np.ones(n + 1)
    combine(data, flags, variance, method, 1, 1, 1, low, high, ones, *out)
    return tuple(plane[0, 0] for plane in out)


def plain_clip(values, stat=4.0, low=3.0, high=3.0):
    """Clip as documented, in plain numpy."""
    values = np.sort(np.array(values, float))
    n = len(values)
    if n == 1:
        return values
    if n == 2:
        apart = values[1] - values[0] > high * np.sqrt(2 * stat)
        return values[:1] if apart else values
    middle = np.median(values)
    deviation = np.sort(abs(values - middle))[(n + 1) // 2 - 1]
    scale = max(np.sqrt(stat * (1 + 1.57 / n)), 1.4826 * deviation)
    keep = (values >= middle - low * scale) & (values <= middle + high * scale)
    keep[(n - 1) // 2 : n // 2 + 1] = True
    return values[keep]


@given(VALUES)
def test_clipping_equals_plain_numpy(pairs):
    good = [value for value, flag in pairs if not flag]
    values = plain_clip(good or [value for value, _ in pairs])
    data, dq, stat = one_pixel([v for v, _ in pairs], [f for _, f in pairs])
    assert_allclose(data, values.mean(), rtol=1e-6, atol=1e-5)
    assert_allclose(stat, 4.0 / len(values), rtol=1e-6)
    assert dq == (0 if good else 8)


@given(VALUES, st.sampled_from([1.0, 1.5, 3.0]))
def test_clipping_by_scatter_equals_plain_numpy(pairs, limit):
    good = [value for value, flag in pairs if not flag]
    values = np.array(good or [value for value, _ in pairs], float)
    middle = np.median(values)
    width = limit * abs(values - middle).mean()
    near = values[(values >= middle - width) & (values <= middle + width)]
    data, _, stat = one_pixel(
        [v for v, _ in pairs], [f for _, f in pairs], method=SCATTER, low=limit, high=limit
    )
    assert_allclose(data, near.mean(), rtol=1e-6, atol=1e-5)
    assert_allclose(stat, 4.0 / len(near), rtol=1e-6)


@pytest.mark.parametrize(
    ("method", "expected"), [(AVERAGE, 5.0), (MEDIAN, 3.0), (MINMAX, 3.0), (SIGCLIP, 2.5)]
)
def test_methods(method, expected):
    found = one_pixel([1, 2, 3, 4, 15], stat=0.1, method=method)[0]
    assert found == pytest.approx(expected)


def test_fast_and_careful_paths_agree():
    rng = np.random.default_rng(1)
    shape = 5, 40, 50
    data = rng.normal(0, 2, shape).astype(np.float32)
    data[3, ::3] += 40
    stat = np.full(shape, 4, np.float32)
    planes = [[np.empty(shape[1:], k) for k in ("f4", "u4", "f4")] for _ in range(2)]
    ones = np.ones(6)
    dq = np.zeros(shape, np.uint32)
    combine(data, dq, stat, SIGCLIP, 1, 1, 1, 3.0, 3.0, ones, *planes[0])
    careful = np.concatenate([data, np.full((1, *shape[1:]), 1e6, np.float32)])
    flagged = np.concatenate([dq, np.ones((1, *shape[1:]), np.uint32)])
    more = np.concatenate([stat, stat[:1]])
    combine(careful, flagged, more, SIGCLIP, 1, 1, 1, 3.0, 3.0, np.ones(7), *planes[1])
    for a, b in zip(*planes, strict=True):
        assert_allclose(a, b, rtol=1e-6, atol=1e-6)
