"""Planes of a cube: plain references, honest variance, independence of slabs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.kernels.planes import add_planes, empty_sheets, nearest_planes
from pipeline.kernels.weighting import (
    DRIZZLE,
    LANCZOS,
    LINEAR,
    QUADRATIC,
    RENKA,
    overlap,
)
from tests.pipeline.sorted_pixels import sorted_pixels

SHAPE = (6, 5, 7)
METHODS = [DRIZZLE, LINEAR, QUADRATIC, RENKA, LANCZOS]
RADIUS = 1.25 * 3**0.5


def cloud(n=400, seed=1, variance=4.0):
    """Pixels scattered over the grid."""
    rng = np.random.default_rng(seed)
    nz, ny, nx = SHAPE
    x, y, z = (rng.uniform(-0.5, size - 0.5, n).astype("f4") for size in (nx, ny, nz))
    data = rng.normal(10.0, np.sqrt(variance), n).astype("f4")
    return x, y, z, data, np.full(n, variance, "f4")


def planes(
    columns,
    method=DRIZZLE,
    *,
    reach=1,
    drop=(0.8, 0.8, 0.8),
    voxel=(1.0, 1.0),
    height=None,
    planes=slice(0, SHAPE[0]),
    margin=SHAPE[0],
    at_once=100,
    weights=(1.0,),
    rejected=None,
):
    """Resample ``columns`` from cells that reach ``margin`` planes beyond the result.

    ``at_once``: planes of cells that are added together.
    """
    n = len(columns[0])
    slit = (np.arange(n) * len(weights) // max(n, 1)).astype("i4") << 11
    first, last = planes.start - margin, planes.stop + margin
    field = SHAPE[1:]
    pixels = sorted_pixels(*columns, slit, shape=(last - first, *field), first=first)
    if rejected is None:
        rejected = np.zeros(len(pixels.slit), np.uint8)
    data, stat = np.zeros((2, planes.stop - planes.start, *field), np.float32)
    height = np.ones(len(data)) if height is None else height
    sheets = empty_sheets(method, reach, drop, voxel, field)
    for low in range(first, last, at_once):
        high = min(low + at_once, last)
        cells = slice((low - first) * field[0] * field[1], None)
        add_planes(
            pixels.place, pixels.light, pixels.slit, rejected, pixels.start[cells],
            (low, high), np.array(weights), method, reach, drop, RADIUS, voxel, height,
            planes.start, sheets, data, stat,
        )  # fmt: skip
    return data, stat


def sinc(d, n):
    return np.where(abs(d) < n, np.sinc(d) * np.sinc(d / n), 0.0)


def reference(columns, method, reach, drop, voxel, height, weights):
    """The same by plain numpy: voxel by voxel over all pixels."""
    *places, data, stat = (c.astype(float) for c in columns)
    exposure = np.arange(len(data)) * len(weights) // len(data)
    mean, variance = np.full(SHAPE, np.nan), np.full(SHAPE, np.nan)
    for c in np.ndindex(SHAPE):
        size = (*voxel, height[c[0]])
        w = np.array(weights)[exposure]
        offsets = [p - at for p, at in zip(places, c[::-1], strict=True)]
        for p, at in zip(places, c[::-1], strict=True):
            w = w * (abs(np.floor(p + 0.5) - at) <= reach)
        d = [abs(o) * s for o, s in zip(offsets, size, strict=True)]
        r = np.sqrt(sum(a**2 for a in d))
        if method == DRIZZLE:
            for a, s, f in zip(d, size, drop, strict=True):
                w *= np.clip(np.minimum((f + s) / 2 - a, min(f, s)), 0, None) / f
        elif method == LANCZOS:
            w *= sinc(d[0], reach) * sinc(d[1], reach) * sinc(d[2], reach)
        elif method == RENKA:
            w *= np.where(r < RADIUS, (1 / r - 1 / RADIUS) ** 2, 0)
        else:
            w *= r**-2 if method == QUADRATIC else 1 / r
        if w.any():
            mean[c] = (w * data).sum() / w.sum()
            variance[c] = (w**2 * stat).sum() / w.sum() ** 2
    return mean, variance


@pytest.mark.parametrize("reach", [1, 2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_equals_the_plain_computation(method, reach):
    settings = {
        "reach": reach,
        "drop": (0.8, 0.7, 1.0),
        "voxel": (1.0, 1.5),
        "height": np.linspace(1.0, 1.4, SHAPE[0]),
        "weights": (1.0, 2.5),
    }
    pixels = cloud()
    data, stat = planes(pixels, method, **settings)
    mean, variance = reference(pixels, method, **settings)
    assert_allclose(data, mean, rtol=1e-4)
    assert_allclose(stat, variance, rtol=1e-4)


@pytest.mark.parametrize("drop", [(0.8, 0.8, 0.8), (0.6, 0.4, 1.3), (2.4, 1.6, 3.0)])
@pytest.mark.parametrize("reach", [1, 2])
def test_drops_of_any_size(drop, reach):
    pixels = cloud()
    found = planes(pixels, reach=reach, drop=drop)
    expected = reference(pixels, DRIZZLE, reach, drop, (1, 1), np.ones(SHAPE[0]), (1.0,))
    for a, b in zip(found, expected, strict=True):
        assert_allclose(a, b, rtol=1e-4)


def test_a_drop_loses_nothing():
    for offset in (0.0, 0.2, 0.49):
        total = sum(overlap(offset - k, 0.8) for k in (-1, 0, 1))
        assert total == pytest.approx(1.0)


@pytest.mark.parametrize("method", METHODS)
def test_variance_is_honest(method):
    x, y, z, _, stat = cloud()
    rng = np.random.default_rng(2)
    noise = [rng.normal(0, 2, len(x)).astype("f4") for _ in range(300)]
    cubes = [planes((x, y, z, data, stat), method) for data in noise]
    pull = np.array([cube[0] for cube in cubes]) / np.sqrt(cubes[0][1])
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("drop", [(0.8, 0.8, 1.0), (1.7, 1.7, 2.5)])
def test_slabs_equal_the_whole(method, drop, at_once):
    pixels = cloud()
    for reach in (1, 2):
        whole = planes(pixels, method, reach=reach, drop=drop)
        for first in (0, 2, 4):
            cut = slice(first, first + 2)
            part = planes(
                pixels,
                method,
                reach=reach,
                drop=drop,
                planes=cut,
                margin=reach + 1,
                at_once=at_once,
            )
            assert_array_equal(part, [plane[cut] for plane in whole])


def test_rejected_and_missing_pixels_leave_nothing():
    assert np.isnan(planes(cloud(20), rejected=np.ones(20, np.uint8))).all()
    assert np.isnan(planes(cloud(0))).all()


def test_a_pixel_in_the_centre_of_a_voxel_is_its_value():
    x, y, z, data, stat = cloud()
    x[0], y[0], z[0], data[0] = 3.0, 2.0, 4.0, 77.0
    for method in (LINEAR, QUADRATIC, RENKA):
        assert planes((x, y, z, data, stat), method)[0][4, 2, 3] == pytest.approx(77.0)


def test_nearest_takes_the_closest_pixel():
    x, y, z, data, stat = cloud(800)
    pixels = sorted_pixels(x, y, z, data, stat, np.zeros(800, "i4"), shape=SHAPE)
    rejected = np.zeros(800, np.uint8)
    rejected[::7] = 1
    values, variances = np.zeros((2, 2, *SHAPE[1:]), np.float32)
    start = pixels.start[3 * SHAPE[1] * SHAPE[2] :]
    nearest_planes(
        pixels.place, pixels.light, rejected, start, 3,
        (1.0, 1.0), np.ones(2), values, variances,
    )  # fmt: skip
    x, y, z = (c.copy() for c in pixels.place.T)
    for c, b, a in np.ndindex(values.shape):
        d = (x - a) ** 2 + (y - b) ** 2 + (z - c - 3) ** 2
        own = (abs(x - a) <= 0.5) & (abs(y - b) <= 0.5) & (abs(z - c - 3) <= 0.5)
        d[(rejected > 0) | ~own] = np.inf
        if np.isfinite(d.min()):
            assert values[c, b, a] == pixels.light[d.argmin(), 0]
        else:
            assert np.isnan(values[c, b, a]) and np.isnan(variances[c, b, a])
