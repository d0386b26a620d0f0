"""Tests of the read-out noise of made-up biases."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.read_noise import read_noise
from pipeline.instrument import MINI
from pipeline.memory import MemoryRaw

NOISE = (2.2, 2.5, 2.8, 3.3)
LEVEL = (1000.0, 1010.0, 1020.0, 1030.0)


def bias(seed, offset=0.0, noise=NOISE):
    rng = np.random.default_rng(seed)
    data = np.zeros(MINI.raw_shape)
    for port, sigma, level in zip(MINI.quadrants(), noise, LEVEL, strict=True):
        shape = data[port.raw_y, port.raw_x].shape
        data[port.raw_y, port.raw_x] = level + offset + rng.normal(0, sigma, shape)
    structure = 3.0 * np.sin(np.arange(MINI.raw_shape[1]) / 3.0)
    return MemoryRaw(np.round(np.maximum(data + structure, 0)).astype(np.uint16))


def with_rounding(noise):
    return np.sqrt(np.square(noise) + 1 / 12)


@pytest.mark.parametrize("n", [2, 3])
def test_noise_of_each_port(n):
    found = read_noise([bias(seed) for seed in range(n)])
    assert_allclose([f.noise for f in found], with_rounding(NOISE), rtol=0.01)
    assert_allclose([f.levels[0] for f in found], LEVEL, atol=3.0)
    assert all(len(f.levels) == n for f in found)


def test_error_is_honest():
    pulls = []
    for seed in range(8):
        found = read_noise([bias(2 * seed), bias(2 * seed + 1)])
        pulls += [
            (f.noise - t) / f.error
            for f, t in zip(found, with_rounding(NOISE), strict=True)
        ]
    assert 0.6 < np.std(pulls) < 1.5


def test_levels_and_cosmic_rays_do_not_matter():
    first, second = bias(1), bias(2, offset=37.0)
    expected = [f.noise for f in read_noise([first, bias(2)])]
    hits = np.random.default_rng(3).random(MINI.raw_shape) < 0.001
    second.data[hits] += 300
    found = read_noise([first, second])
    assert_allclose([f.noise for f in found], expected, rtol=0.01)
    assert found[0].levels[1] - found[0].levels[0] == pytest.approx(37.0, abs=0.6)


def test_equal_frames_have_no_noise():
    frame = bias(1)
    assert [(f.noise, f.error) for f in read_noise([frame, frame])] == [(0.0, 0.0)] * 4


def test_level_shifts_and_hot_columns_do_not_bias_it():
    """Levels differ by fractions of a count; a column has the noise of 120 electrons."""
    ratios = []
    for seed in range(0, 12, 3):
        frames = [bias(seed + k, offset=0.37 * k) for k in range(3)]
        for k, frame in enumerate(frames):  # as large a share of the port as on real CCDs
            rng = np.random.default_rng(100 + seed + k)
            frame.data[100:136, 60] += rng.poisson(120, 36).astype(np.uint16)
        found = read_noise(frames)
        ratios += [f.noise / t for f, t in zip(found, with_rounding(NOISE), strict=True)]
    assert np.mean(ratios) == pytest.approx(1, abs=2e-3)
