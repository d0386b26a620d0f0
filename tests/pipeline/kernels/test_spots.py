"""Tests of the spots of pinholes and of their passages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import least_squares

from pipeline.kernels.spots import (
    ERROR,
    FLAGS,
    FLUX,
    LEVEL,
    X_WIDTH,
    Y_WIDTH,
    X,
    Y,
    average_exposure,
    fit_passage,
    measure_spots,
)

SHAPE = (31, 41)


def image(x=20.2, y=15.3, flux=5000.0, level=3.0, width=(0.9, 1.1)):
    """A Gaussian spot, sampled in the middle of the pixels."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    u, v = (columns - x) / width[0], (rows - y) / width[1]
    peak = flux / (2 * np.pi * width[0] * width[1])
    return (level + peak * np.exp(-0.5 * (u**2 + v**2))).astype(np.float32)


def measure(data, dq=None, *, gaussian=True, beside=True, noise=2.0):
    found = np.empty((1, 8))
    dq = np.zeros(SHAPE, np.uint32) if dq is None else dq
    stat = np.full(SHAPE, noise**2, np.float32)
    place = np.array([[20.0, 15.0]])
    measure_spots(data, dq, stat, place, 5, 5, 2, gaussian, beside, found)
    return found[0]


@given(x=st.floats(18.5, 21.5), y=st.floats(13.5, 16.5), level=st.floats(-5, 50))
def test_a_spot_is_found_wherever_it_is(x, y, level):
    found = measure(image(x, y, level=level))
    assert_allclose(found[[X, Y]], [x, y], atol=2e-3)
    assert_allclose(found[[X_WIDTH, Y_WIDTH]], [0.9, 1.1], atol=2e-3)
    assert found[FLUX] == pytest.approx(5000, rel=5e-3)
    assert found[LEVEL] == pytest.approx(level, abs=0.01)


def test_equals_scipy():
    rng = np.random.default_rng(3)
    data = image() + rng.normal(0, 5, SHAPE).astype(np.float32)
    rows, columns = np.mgrid[10:21, 15:26]

    def residuals(p):
        u, v = (columns - p[2]) / p[4], (rows - p[3]) / p[5]
        return (p[0] + p[1] * np.exp(-0.5 * (u**2 + v**2)) - data[10:21, 15:26]).ravel()

    best = least_squares(residuals, [3, 800, 20, 15, 1, 1], xtol=1e-12).x
    found = measure(data)
    assert_allclose(found[[X, Y, X_WIDTH, Y_WIDTH]], best[2:], atol=1e-3)


def test_centre_of_light_and_widths_at_half_height():
    found = measure(image(), gaussian=False)
    assert_allclose(found[[X, Y]], [20.2, 15.3], atol=0.01)
    assert_allclose(found[[X_WIDTH, Y_WIDTH]], [0.9, 1.1], atol=0.1)


def test_the_level_of_the_genuine_pipeline_takes_half_of_the_light():
    flux = measure(image(level=0.0), beside=False)[FLUX]
    assert flux / 5000 == pytest.approx(1 - 121 / 225, abs=2e-3)


def test_the_error_of_the_flux_is_honest():
    rng = np.random.default_rng(9)
    noise = [rng.normal(0, 2, SHAPE).astype(np.float32) for _ in range(400)]
    found = np.array([measure(image() + n) for n in noise])
    pull = (found[:, FLUX] - 5000) / found[:, ERROR]
    assert pull.std() == pytest.approx(1.0, abs=0.1)
    assert abs(pull.mean()) < 0.3


def test_flagged_pixels_are_left_out_and_told():
    data, dq = image(), np.zeros(SHAPE, np.uint32)
    data[16, 21], dq[16, 21] = 60000, 4096
    found = measure(data, dq)
    assert_allclose(found[[X, Y]], [20.2, 15.3], atol=2e-3)
    assert found[FLAGS] == 4096


def test_darkness_has_no_width():
    found = measure(np.zeros(SHAPE, np.float32))
    assert found[FLUX] == 0 and found[X_WIDTH] < 0 and found[Y_WIDTH] < 0


def test_average_equals_numpy():
    rng = np.random.default_rng(1)
    data = rng.normal(100, 5, (6, 4, 5)).astype(np.float32)
    stat = rng.uniform(1, 9, (6, 4, 5)).astype(np.float32)
    dq = (rng.random((6, 4, 5)) < 0.3).astype(np.uint32) * 32
    dq[:, 1, 2] = [64, 32, 64, 128, 64, 64]
    total, variance = np.zeros((4, 5)), np.zeros((4, 5))
    n, worst = np.zeros((4, 5), np.uint16), np.full((4, 5), 2**32 - 1, np.uint32)
    for k in range(6):
        average_exposure(data[k], dq[k], stat[k], total, variance, n, worst)
    good = dq == 0
    seen = good.any(axis=0)
    assert_allclose(n, good.sum(axis=0))
    assert_allclose(total[seen], (data * good).sum(axis=0)[seen], rtol=1e-6)
    assert_allclose(variance[seen], (stat * good).sum(axis=0)[seen], rtol=1e-6)
    assert not worst[seen].any()
    assert worst[1, 2] == 32 and total[1, 2] == data[1, 1, 2]


HEIGHT = np.arange(14.0, 14.6, 0.025)


def passage(centre, noise=None, width=0.08):
    light = 20000 * np.exp(-0.5 * ((HEIGHT - centre) / width) ** 2)
    return light if noise is None else light + noise


def fit(light, error=50.0):
    p = np.array([light.max(), HEIGHT[light.argmax()], 0.1])
    return fit_passage(HEIGHT, light, np.full(len(HEIGHT), error), p), p


@given(centre=st.floats(14.15, 14.45), width=st.floats(0.05, 0.12))
def test_the_middle_of_a_passage_is_found(centre, width):
    _, p = fit(passage(centre, width=width))
    assert_allclose(p, [20000, centre, width], rtol=1e-5)


def test_heights_of_passages_scatter_as_their_errors_say():
    rng = np.random.default_rng(4)
    fits = [fit(passage(14.3, rng.normal(0, 50, len(HEIGHT)))) for _ in range(400)]
    pull = np.array([(p[1] - 14.3) / error for error, p in fits])
    assert pull.std() == pytest.approx(1.0, abs=0.1)
    assert abs(pull.mean()) < 0.2


def test_no_passage_no_middle():
    assert fit(np.zeros(len(HEIGHT)))[0] == np.inf
