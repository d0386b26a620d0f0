"""Depth and signal-to-noise that are measured on a cube know the noise voxels share."""

import numpy as np
import pytest
from scipy.ndimage import convolve

from phoenix.measure import DEPTH, EXPECTED, EXPECTED_DEPTH, SNR, measure_cube
from pipeline.algorithms.covariance import Covariance
from tests.phoenix.sdp_cubes import write_cube

SHAPE = (1600, 48, 48)
KERNEL = np.array([0.25, 0.5, 0.25])
"""Spreads white noise over neighbours along each axis."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Measure a cube of smoothed noise with honest STAT, with and without its factors."""
    rng = np.random.default_rng(5)
    kernel = KERNEL[:, None, None] * KERNEL[:, None] * KERNEL
    data = convolve(rng.normal(0.0, 30.0, SHAPE), kernel).astype(np.float32)
    data[:, 12:17, 10:15] += 40.0
    stat = np.full(SHAPE, 900.0 * float((kernel**2).sum()), np.float32)
    auto = np.convolve(KERNEL, KERNEL)
    auto /= auto[2]
    shared = Covariance(auto[:, None, None] * auto[:, None] * auto)
    found = []
    for factors in (shared.keywords("HIERARCH ESO QC SCIPOST"), {}):
        folder = tmp_path_factory.mktemp("cube")
        path = write_cube(
            folder, primary=factors, shapes=(SHAPE, SHAPE), values=(data, stat)
        )
        found.append(measure_cube(path))
    return found


def test_depth_is_what_variance_and_factors_promise(measured):
    with_factors, without = measured
    off = with_factors[DEPTH] - with_factors[EXPECTED_DEPTH]
    assert off == pytest.approx(0.0, abs=0.15)
    assert without[DEPTH] - without[EXPECTED_DEPTH] < -1.0


def test_signal_to_noise_of_an_aperture_knows_the_shared_noise(measured):
    with_factors, without = measured
    ratio = with_factors[SNR] / with_factors[EXPECTED]
    der_snr = 6.0 - 8.0 / 6.0  # its variance is 6 for white noise; at distance 2: 1 / 6
    assert ratio == pytest.approx((6.0 / der_snr) ** 0.5, rel=0.1)
    assert without[EXPECTED] / with_factors[EXPECTED] > 1.5
