import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.kernels.detector import calibrate

SCAN, NX, NY = 2, 6, 5
GAIN = np.array([1.1, 1.2])


def result(raw, bias=0.0, dq=0, stat=0.0, noise=(9.0, 4.0), photons=True):
    shape = NY, NX
    out = [np.empty(shape, kind) for kind in (np.float32, np.uint32, np.float32)]
    calibrate(
        raw,
        np.column_stack([np.arange(NY) * 0.5, np.full(NY, 3.0)]),
        SCAN,
        np.full(shape, bias, np.float32),
        np.full(shape, dq, np.uint32),
        np.full(shape, stat, np.float32),
        GAIN,
        np.array(noise),
        photons,
        *out,
    )
    return out


def raw_rows(seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(100, 900, (NY, NX + 4 * SCAN), dtype=np.uint16)


def test_equals_plain_numpy():
    raw = raw_rows()
    data, dq, stat = result(raw, bias=2.5, dq=64, stat=0.5)
    trimmed = np.hstack([raw[:, 2:5], raw[:, 9:12]]).astype(float)
    rising = np.repeat(np.arange(NY)[:, None] * 0.5, 3, 1)
    level = np.hstack([rising, np.full((NY, 3), 3.0)])
    gain = np.repeat(GAIN, 3)
    expected = (trimmed - level - 2.5) * gain
    assert_allclose(data, expected, rtol=1e-6)
    variance = expected + np.repeat([9.0, 4.0], 3) + 0.5 * gain**2
    assert_allclose(stat, variance, rtol=1e-6)
    assert (dq == 64).all()


def test_pre_and_overscan_do_not_matter():
    raw = raw_rows()
    expected = result(raw)
    raw[:, [0, 1, 5, 6, 7, 8, 12, 13]] = 7
    for a, b in zip(result(raw), expected, strict=True):
        assert_array_equal(a, b)


def test_without_photons_only_the_noise_is_left():
    assert_allclose(result(raw_rows(), photons=False)[2], [[9.0] * 3 + [4.0] * 3] * NY)


@pytest.mark.parametrize(("counts", "flag"), [(0, 4096), (1, 0), (65500, 0), (65501, 4096)])
def test_saturated_counts_are_flagged(counts, flag):
    raw = np.full((NY, NX + 4 * SCAN), counts, np.uint16)
    assert (result(raw)[1] == flag).all()


def test_no_variance_is_negative():
    raw = np.full((NY, NX + 4 * SCAN), 1, np.uint16)
    stat = result(raw, bias=500.0, noise=(9.0, 0.0))[2]
    assert_allclose(stat[:, :3], 4.5)
    assert (stat > 0).all()
