import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.algorithms.depth import (
    MeanImage,
    NegativeVoxels,
    VarianceMode,
    der_snr,
    limiting_magnitude,
    pixel_noise,
)


def mode_of(*blocks: np.ndarray) -> VarianceMode:
    mode = VarianceMode()
    for block in blocks:
        mode.add(block.astype(np.float32))
    return mode


@pytest.mark.parametrize("level", [1e-3, 5.0, 24.0, 400.0, 3e7])
def test_the_mode_of_the_variance_is_found_wherever_it_lies(level: float) -> None:
    rng = np.random.default_rng(3)
    sky = rng.gamma(400.0, level / 400.0, 200_000)
    bright = level * rng.uniform(2.0, 50.0, 60_000)
    mode = mode_of(sky, bright, np.array([np.nan, np.inf, 0.0, -1.0]))
    true_mode = level * 399 / 400
    assert mode.variance() == pytest.approx(true_mode, rel=0.015)
    assert pixel_noise(mode) == pytest.approx(1e-20 * np.sqrt(true_mode), rel=0.01)


def test_a_skewed_distribution_has_its_mode_below_the_median() -> None:
    rng = np.random.default_rng(4)
    values = rng.lognormal(2.0, 0.5, 500_000)
    assert mode_of(values).variance() == pytest.approx(np.exp(2.0 - 0.25), rel=0.05)


def test_constant_and_empty_variances() -> None:
    assert mode_of(np.full(100, 7.0)).variance() == pytest.approx(7.0, rel=1e-3)
    assert np.isnan(mode_of(np.full(100, np.nan)).variance())


@given(st.integers(1, 7), st.randoms(use_true_random=False))
def test_the_mode_does_not_depend_on_the_blocks(n_blocks: int, order) -> None:
    rng = np.random.default_rng(5)
    values = rng.gamma(50.0, 1.0, 5000)
    blocks = np.array_split(values, n_blocks)
    order.shuffle(blocks)
    assert mode_of(*blocks).variance() == mode_of(values).variance()


def test_the_mean_image_is_numpys() -> None:
    rng = np.random.default_rng(6)
    cube = rng.normal(size=(20, 5, 4)).astype(np.float32)
    cube[rng.random(cube.shape) < 0.2] = np.nan
    cube[:, 0, 0] = np.nan
    mean = MeanImage((5, 4))
    for start in range(0, 20, 6):
        mean.add(cube[start : start + 6])
    image = mean.image()
    assert np.isnan(image[0, 0])
    good = np.isfinite(image)
    expected = np.nanmean(cube[:, good].astype(np.float64), axis=0)
    np.testing.assert_allclose(image[good], expected, rtol=1e-12)


def noise_image(sigma: float, fwhm: float, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sigma, (300, 300))


def test_the_limit_is_that_of_the_smoothed_noise() -> None:
    fwhm, sigma = 3.5, 2.0
    s = fwhm / 2.3548
    smoothed = sigma / np.sqrt(4 * np.pi * s**2)
    zero = -2.5 * np.log10(3.34e4 * 4750 * 9350 / 3631) + 50
    expected = -2.5 * np.log10(5 * smoothed * 4 * np.pi * s**2) + zero
    made = limiting_magnitude(noise_image(sigma, fwhm), fwhm, 4750.0, 9350.0)
    assert made == pytest.approx(expected, abs=0.06)


def test_twice_the_noise_costs_three_quarters_of_a_magnitude() -> None:
    image = noise_image(1.0, 3.0)
    one = limiting_magnitude(image, 3.0, 4750.0, 9350.0)
    two = limiting_magnitude(2 * image, 3.0, 4750.0, 9350.0)
    assert one - two == pytest.approx(2.5 * np.log10(2.0), abs=1e-6)


def test_sources_and_edges_hardly_change_the_limit() -> None:
    image = noise_image(1.0, 3.0)
    blank = limiting_magnitude(image, 3.0, 4750.0, 9350.0)
    image[100:110, 100:110] += 50.0
    image[:, :20] = np.nan
    assert limiting_magnitude(image, 3.0, 4750.0, 9350.0) == pytest.approx(blank, abs=0.05)


def test_no_limit_without_noise() -> None:
    assert np.isnan(limiting_magnitude(np.zeros((9, 9)), 3.0, 4750.0, 9350.0))
    assert np.isnan(limiting_magnitude(np.full((9, 9), np.nan), 3.0, 4750.0, 9350.0))


def test_der_snr_measures_white_noise_on_a_slope() -> None:
    rng = np.random.default_rng(8)
    flux = 100.0 + 0.01 * np.arange(4000) + rng.normal(0, 5.0, 4000)
    assert der_snr(flux) == pytest.approx(120.0 / 5.0, rel=0.05)
    with_gaps = flux.copy()
    with_gaps[::7] = np.nan
    with_gaps[::11] = 0.0
    assert der_snr(with_gaps) == pytest.approx(24.0, rel=0.06)


@given(st.floats(0.01, 1e6))
def test_der_snr_has_no_unit(scale: float) -> None:
    flux = 10.0 + np.random.default_rng(9).normal(size=100)
    assert der_snr(scale * flux) == pytest.approx(der_snr(flux), rel=1e-9)


def test_der_snr_of_little_or_quiet_data() -> None:
    assert np.isnan(der_snr(np.ones(4)))
    assert der_snr(np.ones(10)) == np.inf


def test_negative_voxels_are_those_below_five_sigma() -> None:
    data = np.array([-11.0, -9.0, 5.0, np.nan, -100.0], dtype=np.float32)
    stat = np.array([4.0, 4.0, 4.0, 4.0, np.nan], dtype=np.float32)
    low = NegativeVoxels()
    low.add(data[:2], stat[:2])
    low.add(data[2:], stat[2:])
    assert low.fraction() == pytest.approx(1 / 3)
    assert np.isnan(NegativeVoxels().fraction())
