"""The model of a dark against a made-up one: a plane with glowing corners."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.dark_model import dark_model
from pipeline.algorithms.hot_pixels import flag_deviant
from pipeline.algorithms.surface import fit_surface
from pipeline.flags import Flag
from pipeline.instrument import MINI
from pipeline.memory import MemorySpool
from pipeline.spec import Planes

NOISE = 0.5


@pytest.fixture(scope="module")
def truth():
    ny, nx = MINI.shape
    y, x = np.mgrid[:ny, :nx]
    plane = 1.0 + 0.3 * x / nx + 0.2 * y / ny
    glow = 2.0 * np.exp(-((np.hypot(x, y) / 25) ** 2))  # in the corner of port 1
    return (plane + glow).astype(np.float32)


@pytest.fixture(scope="module")
def dark(truth):
    noise = np.random.default_rng(1).normal(0, NOISE, truth.shape)
    data = (truth + noise).astype(np.float32)
    data[200, 100:104] += 30
    data[900, 300] += 500
    dq = np.zeros(truth.shape, np.uint32)
    dq[900, 300] = Flag.HOT_PIXEL
    return Planes(data, dq, np.full(truth.shape, NOISE**2, np.float32))


def whole_model(dark):
    found = Planes(*(np.empty_like(plane) for plane in dark))
    for rows, planes in dark_model(MemorySpool(dark), MINI):
        for plane, part in zip(found, planes, strict=True):
            plane[rows] = part
    return found


@pytest.fixture(scope="module")
def model(dark):
    return whole_model(dark)


def test_the_model_is_the_smooth_light(model, truth):
    difference = model.data - truth
    assert abs(difference[100:-100, 80:-80].mean()) < 0.01
    assert difference[100:-100, 80:-80].std() < 0.02
    corner = difference[:40, :40]
    assert abs(corner.mean()) < 0.1 and corner.std() < 0.15
    assert (model.data >= 0).all()


def test_pixels_that_differ_are_flagged_and_old_flags_stay(model):
    assert (model.dq[200, 100:104] & Flag.HOT_PIXEL).all()
    assert model.dq[900, 300] & Flag.HOT_PIXEL
    assert np.count_nonzero(model.dq) < 1e-3 * model.dq.size


def test_the_variance_is_that_of_the_master_where_the_model_fits(model):
    inside = model.stat[100:-100, 80:-80]
    assert (inside >= NOISE**2).all()
    assert np.median(inside) == pytest.approx(NOISE**2, rel=0.05)


def test_stripes_are_not_part_of_it(dark, model):
    striped = dark.data.copy()
    middle = round(1180 * MINI.quadrant_ny / 2056)
    y = np.arange(len(striped))
    striped += (3 * np.exp(-(((y - middle) / 20.0) ** 2)))[:, None].astype(np.float32)
    found = whole_model(Planes(striped, dark.dq, dark.stat))
    assert_allclose(found.data[:, 100:-100], model.data[:, 100:-100], atol=0.1)


def test_a_surface_passes_through_good_pixels():
    y, x = np.mgrid[:70, :50] / 50.0
    truth = (1 + x - 2 * y + 3 * x * y).astype(np.float32)
    data, good = truth.copy(), np.random.default_rng(2).random(truth.shape) > 0.3
    data[~good] = 1e6
    assert_allclose(fit_surface(data, good, 1).read(), truth, atol=1e-5)
    assert not fit_surface(data, np.zeros_like(good), 1).read().any()


def test_limits_are_those_of_each_port():
    """Port 2 is noisier; flagged pixels say nothing about the others but are counted."""
    rng = np.random.default_rng(3)
    data = rng.normal(1, 1, MINI.shape).astype(np.float32)
    noisy = MINI.quadrants()[1]
    data[noisy.trim_y, noisy.trim_x] *= 10
    dq = np.zeros(MINI.shape, np.uint32)
    data[5, :200], dq[5, :200] = 1e6, Flag.PERMANENT_CAMERA_DEFECT
    data[50, 50], data[60, 60] = 20, -20
    before = data.copy()
    half = slice(0, MINI.quadrant_ny)
    n = flag_deviant(data[half], dq[half], MINI, high_sigma=7.0)
    assert n == 201 and dq[50, 50] == Flag.HOT_PIXEL and dq[60, 60] == 0
    assert dq[5, 0] == Flag.HOT_PIXEL | Flag.PERMANENT_CAMERA_DEFECT
    assert_allclose(data, before)
    assert flag_deviant(data, dq, MINI, high_sigma=7.0, low_sigma=7.0) == 202
    assert dq[60, 60] == Flag.PERMANENT_CAMERA_DEFECT
