"""Tests of the kernels that gather pixels near lines."""

import numpy as np
import pytest

from pipeline.kernels.line_samples import count_samples, flag_spikes, gather_samples
from pipeline.kernels.pixels import line_spans

NY, NX, REACH = 40, 60, 4.0
LEFT = np.array([[5.0, 0.01], [33.0, -0.02]])
RIGHT = LEFT + np.array([20.0, 0.0])
WAVE = np.array([[[6000.0, 1.25], [0.02, 0.0]], [[6001.0, 1.25], [-0.01, 0.0]]])
LINES = np.array([6011.0, 6016.5, 6040.0])


def image(seed=1):
    rng = np.random.default_rng(seed)
    data = rng.normal(100, 5, (NY, NX)).astype(np.float32)
    dq = (rng.random((NY, NX)) < 0.05).astype(np.uint32)
    return data, dq, np.full((NY, NX), 25, np.float32)


def gather(planes, size=NY):
    spans = line_spans(LEFT, RIGHT, NY, NX)
    starts = count_samples(spans, WAVE, NY, LINES, REACH)
    out = tuple(np.zeros(starts[-1], kind) for kind in ("f4", "f4", "f4", "i2", "i2"))
    for first in range(0, NY, size):
        rows = (first, min(first + size, NY))
        part = tuple(np.ascontiguousarray(p[slice(*rows)]) for p in planes)
        gather_samples(rows, starts, spans, WAVE, NY, LINES, REACH, part, out)
    return starts, out


def reference(planes):
    """Return what a plain loop finds, without the search for spikes."""
    found = []
    for s in range(2):
        for y in range(1, NY + 1):
            left, right = LEFT[s] @ [1, y], RIGHT[s] @ [1, y]
            for x in range(int(np.ceil(left)), int(np.floor(right)) + 1):
                w = WAVE[s, 0] @ [1, y] + WAVE[s, 1, 0] * x
                j = int(np.argmin(np.abs(LINES - w)))
                if abs(w - LINES[j]) <= REACH:
                    good = planes[1][y - 1, x - 1] == 0
                    light = planes[0][y - 1, x - 1] if good else 0.0
                    found.append((w - LINES[j], light, x - 1, j))
    return np.array(found)


def test_samples_are_those_of_a_plain_loop():
    planes = image()
    _, (offset, light, variance, place, number) = gather(planes)
    expected = reference(planes)
    assert np.allclose(offset, expected[:, 0], atol=1e-3)
    assert np.array_equal(light, expected[:, 1].astype(np.float32))
    assert np.array_equal(place, expected[:, 2]) and np.array_equal(number, expected[:, 3])
    assert np.isinf(variance[light == 0]).all()


def test_blocks_do_not_matter():
    planes = image(2)
    whole, parts = gather(planes)[1], gather(planes, 7)[1]
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


@pytest.mark.parametrize("excess", [200.0, -90.0])
def test_spikes_are_flagged(excess):
    light, variance = np.full(20, 100, np.float32), np.full(20, 9, np.float32)
    light[[0, 7, 19]] += np.float32(excess)
    flag_spikes(light, variance)
    assert list(np.flatnonzero(np.isinf(variance))) == [0, 7, 19]


def test_noise_and_slopes_are_no_spikes():
    rng = np.random.default_rng(4)
    light = (np.linspace(1000, 3000, 76) + rng.normal(0, 40, 76)).astype(np.float32)
    variance = np.full(76, 1600, np.float32)
    flag_spikes(light, variance)
    assert np.isfinite(variance).all()


def test_few_pixels_are_left_alone():
    light, variance = np.array([1, 900], np.float32), np.ones(2, np.float32)
    flag_spikes(light, variance)
    assert np.isfinite(variance).all()
