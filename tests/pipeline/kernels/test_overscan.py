import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from pipeline.kernels.overscan import flag_gaps


def plain_limit(values, threshold):
    """The first empty count of the first wide gap above the mode (Pych 2004)."""
    mean, sigma = values.mean(), values.std()
    near = values[np.abs(values - mean) < threshold * sigma]
    if len(near) == 0:
        return np.inf
    counts = np.bincount(values - values.min())
    filled = np.flatnonzero(counts)
    filled = filled[filled >= counts.argmax()]
    wide = np.flatnonzero(np.diff(filled) - 1 > threshold * near.std())
    return filled[wide[0]] + 1 + values.min() if len(wide) else np.inf


@given(
    st.lists(st.integers(0, 65535) | st.integers(990, 1010), min_size=12, max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
    st.sampled_from([1.0, 2.5]),
)
def test_equals_plain_numpy_in_one_box(values, bad, threshold):
    pixels = np.array(values, np.uint16).reshape(3, 4)
    rejected = np.array(bad).reshape(3, 4)
    expected = rejected.copy()
    if not rejected.all():
        limit = plain_limit(pixels[~rejected].astype(int), threshold)
        expected |= pixels > limit
    n_before = rejected.sum()
    n = flag_gaps(pixels, rejected, 4, 3, 1, threshold)
    assert_array_equal(rejected, expected)
    assert n == rejected.sum() - n_before


def overscan(seed=1, shape=(500, 29)):
    return np.random.default_rng(seed).normal(1000, 2.6, shape).round().astype(np.uint16)


def test_cosmic_rays_are_found_wherever_they_are():
    """Also in the boxes that are added at the edges, and only they."""
    pixels, hit = overscan(), np.zeros((500, 29), bool)
    for y, x in ((0, 0), (499, 28), (250, 14), (499, 0), (63, 28)):
        hit[y, x] = True
    pixels[hit] += 30
    for box in ((29, 128), (7, 40)):
        rejected = np.zeros_like(hit)
        flag_gaps(pixels, rejected, *box, 3, 2.5)
        assert_array_equal(rejected, hit)


def test_rays_of_several_strengths_take_several_passes():
    pixels = overscan(shape=(60, 29))
    pixels.ravel()[:300] = 60000 + np.arange(300) % 9  # too many to be clipped
    pixels.ravel()[-5:] = 1100
    rejected = np.zeros(pixels.shape, bool)
    assert flag_gaps(pixels, rejected, 29, 60, 1, 2.5) == 300
    assert flag_gaps(pixels, rejected, 29, 60, 2, 2.5) == 5


def test_low_pixels_and_lone_levels_stay():
    pixels = overscan()
    pixels[3, 3] = 900
    rejected = np.zeros(pixels.shape, bool)
    assert flag_gaps(pixels, rejected, 29, 128, 3, 2.5) == 0
    assert flag_gaps(np.full_like(pixels, 1000), rejected, 29, 128, 3, 2.5) == 0
    rejected[:] = True
    assert flag_gaps(pixels, rejected, 29, 128, 3, 2.5) == 0
