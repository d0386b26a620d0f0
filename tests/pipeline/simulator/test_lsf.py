import numpy as np
import pytest

from pipeline.simulator.lsf import LineSpread, pixel_profile


@pytest.fixture
def spread():
    return LineSpread(np.array([1.0]), np.array([0.2]))


def test_profile_is_normalised_centred_on_its_mean_and_skewed(spread):
    step = 0.01
    x = np.arange(-12, 12, step)
    parameters = spread.parameters(np.array([7000.0]))[0]
    profile = pixel_profile(x, parameters, np.array(step)) / step
    total, mean = (profile * step).sum(), (profile * x * step).sum()
    assert total == pytest.approx(1, abs=1e-6)
    assert mean == pytest.approx(0, abs=1e-6)
    assert (profile * x**3 * step).sum() > 0.05
    sigma = np.sqrt((profile * x**2 * step).sum())
    assert sigma == pytest.approx(spread.total_sigma(np.array([7000.0]))[0, 0], rel=1e-4)


def test_pixels_collect_all_light(spread):
    parameters = spread.parameters(np.array([6000.0]))[0]
    centres = np.arange(-20, 21) * 1.25 + 0.3
    assert pixel_profile(centres, parameters, np.array(1.25)).sum() == pytest.approx(1)


def test_width_depends_on_wavelength(spread):
    sigma = spread.sigma(np.array([4750.0, 7000.0, 9300.0]))[0]
    assert sigma[0] > sigma[1] and sigma[2] > sigma[1] * 0.99
