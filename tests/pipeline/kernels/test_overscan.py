import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pipeline.kernels.overscan import level_and_scatter


@given(st.lists(st.integers(0, 65535) | st.integers(990, 1010), min_size=1, max_size=50))
def test_equals_plain_numpy(values):
    pixels = np.array(values, float)
    level, scatter = level_and_scatter(pixels)
    assert level == np.median(pixels)
    distance = abs(pixels - level)
    usual = distance <= 8 * max(np.median(distance), 0.5)
    assert_allclose(scatter, np.sqrt(np.mean(distance[usual] ** 2)), rtol=1e-12)


def test_cosmic_rays_do_not_matter():
    pixels = np.random.default_rng(1).normal(1000, 2.5, 2000).round()
    expected = level_and_scatter(pixels)
    pixels[::100] += 3000
    level, scatter = level_and_scatter(pixels)
    assert_allclose([level, scatter], expected, rtol=0.02)
    assert scatter == np.clip(scatter, 2.3, 2.7)
