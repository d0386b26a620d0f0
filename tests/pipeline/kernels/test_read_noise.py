import numpy as np
from numpy.testing import assert_array_equal

from pipeline.algorithms.read_noise import read_noise
from pipeline.instrument import MINI
from pipeline.kernels.read_noise import count_values, difference_histogram
from pipeline.memory import MemoryRaw


def test_differences_are_counted():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 65535, (2, 30, 40), dtype=np.uint16)
    second[:, 5:20] = first[:, 5:20] + rng.integers(-9, 9, (30, 15)).astype(np.uint16)
    found = np.zeros(21, np.int64)
    difference_histogram(first, second, 5, 20, 2, found)
    difference = first.astype(int)[:, 5:20] - second.astype(int)[:, 5:20] - 2
    inside = difference[abs(difference) <= 10]
    assert_array_equal(found, np.bincount(inside.ravel() + 10, minlength=21))


def test_drifts_and_cosmic_rays_do_not_matter():
    rng = np.random.default_rng(2)
    frames = []
    for level in (1000, 1007.3, 991.8):
        counts = rng.normal(level, 3.0, MINI.raw_shape)
        counts[rng.integers(0, 1376, 300), rng.integers(0, 480, 300)] += 2000
        counts[:, 100] += 50
        frames.append(MemoryRaw(counts.round().astype(np.uint16)))
    for port in read_noise(frames):
        truth = np.hypot(3.0, 1 / np.sqrt(12))
        assert abs(port.noise - truth) < max(4 * port.error, 0.01)
        assert port.levels[1] - port.levels[0] in (7, 7.5, 8)


def test_constant_frames_have_no_noise():
    frames = [MemoryRaw(np.full(MINI.raw_shape, 1000, np.uint16))] * 3
    assert all(port.noise == 0 and port.error == 0 for port in read_noise(frames))


def test_values_are_counted_by_exposure():
    rng = np.random.default_rng(4)
    counts = rng.integers(990, 1010, (3, 20, 40), dtype=np.uint16)
    counts[1, 3, 10], counts[2, 4, 11] = 65535, 0
    found = np.zeros((3, 8), np.int64)
    first = np.array([995, 996, 997])
    count_values(counts, 5, 35, first, found)
    for k in range(3):
        places = np.clip(counts[k, :, 5:35].astype(int) - first[k], 0, 7)
        assert_array_equal(found[k], np.bincount(places.ravel(), minlength=8))
