import numpy as np
import pytest

from pipeline.simulator.noise import read_out


def counts(electrons, *, gain=1.1, read_noise=2.8, bias=1000.0, seed=1, shape=(200, 500)):
    raw = np.empty(shape, np.uint16)
    light = np.full(shape, electrons, np.float32)
    seeds = np.random.default_rng(seed).integers(1, 2**63, (shape[0], 2), dtype=np.uint64)
    read_out(raw, light, np.full(shape[0], bias), gain, read_noise, seeds)
    return raw


@pytest.mark.parametrize("electrons", [0.0, 0.4, 7.0, 29.0, 31.0, 800.0, 30000.0])
def test_mean_and_variance_are_those_of_photons_gain_and_read_noise(electrons):
    gain, read_noise = 1.1, 2.8
    found = (counts(electrons).astype(float) - 1000) * gain
    variance = electrons + read_noise**2 + gain**2 / 12
    n = found.size
    assert found.mean() == pytest.approx(electrons, abs=5 * np.sqrt(variance / n))
    assert found.var() == pytest.approx(variance, rel=5 * np.sqrt(2.2 / n) + 1e-4)


def test_photons_keep_their_skewness():
    found = (counts(40.0, read_noise=0.01, gain=1.0).astype(float) - 1000) - 40
    assert (found**3).mean() / 40**1.5 == pytest.approx(40**-0.5, abs=0.05)


def test_counts_saturate():
    assert (counts(2e5) == 65535).all()


def test_counts_do_not_go_below_zero():
    assert counts(0.0, bias=-50.0).max() == 0


def test_seed_decides():
    assert (counts(50.0, seed=3) == counts(50.0, seed=3)).all()
    assert (counts(50.0, seed=3) != counts(50.0, seed=4)).mean() > 0.9
