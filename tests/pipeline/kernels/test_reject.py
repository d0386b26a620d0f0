"""Rejection of cosmic rays: a plain reference, sources kept, slabs alike."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.kernels.reject import flag_outliers
from pipeline.kernels.spread import IRAF, MEAN, MEDIAN
from tests.pipeline.sorted_pixels import sorted_pixels

SHAPE = (12, 9, 20)


def field(seed=1, variance=25.0, source=0.0):
    """One pixel a voxel, a slice a row, shifted at random; optionally a star."""
    rng = np.random.default_rng(seed)
    z, y, x = (a.ravel().astype(float) for a in np.indices(SHAPE))
    slit = y.astype(np.int32)
    shift = rng.uniform(-0.3, 0.3, (3, SHAPE[1]))
    x, y, z = x + shift[0, slit], y + shift[1, slit], z + shift[2, slit]
    signal = source * np.exp(-((x - 9.7) ** 2 + (y - 4.2) ** 2) / 2 / 1.1**2)
    stat = (variance + signal).astype("f4")
    data = (signal + rng.normal(0, 1, x.size) * np.sqrt(stat)).astype("f4")
    return *(a.astype("f4") for a in (x, y, z)), data, stat, slit


def flags(
    x, y, z, data, stat, slit, *, kind=MEDIAN, sigma=15.0, first=0, n=SHAPE[0], judged=None
):
    shape = (n, *SHAPE[1:])
    pixels = sorted_pixels(x, y, z, data, stat, slit, shape=shape, first=first)
    found = flag_outliers(
        pixels.start, pixels.light, pixels.slit, judged or (0, n), shape, kind, sigma
    )
    return pixels.unsorted(found)


def reference(x, y, z, data, stat, slit, kind, sigma):
    """The rejection by plain numpy, pixel by pixel."""
    cx, cy, cz = (np.floor(a + 0.5).astype(int) for a in (x, y, z))
    rejected = np.zeros(len(x), np.uint8)
    for i in range(len(x)):
        high = (abs(cz - cz[i]) <= 1) & (slit != slit[i])
        near = (abs(cx - cx[i]) <= 1) & (abs(cy - cy[i]) <= 1) & (abs(cz - cz[i]) <= 1)
        own = (cx == cx[i]) & (cy == cy[i]) & (cz == cz[i])
        used = near & ((slit != slit[i]) | own)
        if (near & high).sum() < 2 or used.sum() < 3:
            continue
        values, quietest = data[used].astype(float), stat[near & (cz == cz[i])].min()
        if kind == MEDIAN:
            level = np.median(values)
            away = abs(values - level).astype("f4").astype(float)
            spread = max(np.median(away), 0.6745 * np.sqrt(quietest))
        elif kind == MEAN:
            level, spread = values.mean(), max(values.std(ddof=1), np.sqrt(quietest))
        else:
            level, spread = values.mean(), np.sqrt(stat[used].sum()) / used.sum()
        around = (abs(cx - cx[i]) <= 2) & (abs(cy - cy[i]) <= 2) & (abs(cz - cz[i]) <= 1)
        limit = max(level + sigma * spread, sharpest(around, around & high, data, stat))
        rejected[i] = data[i] > limit
    return rejected


def sharpest(around, other, data, stat):
    """How high a point source may rise above the pixels of other slices."""
    rank = min(2 + around.sum() // 30, 16)
    values = np.sort(data[other].astype(float))
    if len(values) < rank:
        return values.max()
    noise = np.sqrt(stat[other].astype(float).mean())
    top, bottom = values[-rank], values[rank - 1]
    return top + 2 * max(top - bottom - 2 * noise, 0)


@pytest.mark.parametrize(
    ("kind", "sigma"), [(MEDIAN, 15.0), (MEDIAN, 6.0), (MEAN, 3.5), (IRAF, 12.0)]
)
def test_equals_the_plain_computation(kind, sigma):
    pixels = field()
    pixels[3][::97] += 300
    expected = reference(*pixels, kind, sigma)
    assert expected.sum() > 5
    assert_array_equal(flags(*pixels, kind=kind, sigma=sigma), expected)


@pytest.mark.parametrize("n_exposures", [2, 5, 16])
@pytest.mark.parametrize("kind", [MEDIAN, MEAN, IRAF])
def test_equals_the_plain_computation_in_crowded_cells(kind, n_exposures):
    """Cells of 0 to 60 pixels, several of one slice, with sources, gaps and hits."""
    rng = np.random.default_rng(n_exposures)
    shape, n = np.array((4, 5, 6)), 100 * n_exposures
    z, y, x = (rng.uniform(-0.5, 0.5 + size, n) * (rng.random(n) < 0.95) for size in shape)
    slit = (rng.integers(0, n_exposures, n) << 11) + y.astype(int)
    order = np.argsort(slit >> 11, kind="stable")
    stat = rng.uniform(5, 40, n)
    data = rng.normal(0, np.sqrt(stat)) + 100 * np.exp(-((x - 4) ** 2)) * (y < 2)
    data[::23] += 400
    columns = (a[order].astype("f4") for a in (x, y, z, data, stat))
    pixels = (*columns, slit[order].astype(np.int32))
    for sigma in (1.5, 2.5, 3.0) if kind == MEAN else (1.5, 4.0, 12.0):
        inside = (pixels[0] < 5.5) & (pixels[1] < 4.5) & (pixels[2] < 3.5)
        kept = tuple(column[inside] for column in pixels)
        expected = reference(*kept, kind, sigma)
        sorted_ones = sorted_pixels(*kept, shape=tuple(shape))
        found = flag_outliers(
            sorted_ones.start,
            sorted_ones.light,
            sorted_ones.slit,
            (0, shape[0]),
            tuple(shape),
            kind,
            sigma,
        )
        assert 0 < expected.sum() < len(expected) / 4
        assert_array_equal(sorted_ones.unsorted(found), expected)


def test_iraf_statistics_find_a_bright_hit():
    pixels = field()
    pixels[3][1000] += 1000
    assert flags(*pixels, kind=IRAF, sigma=15.0)[1000]


@pytest.mark.parametrize("peak", [300.0, 1000.0, 1e4, 1e6])
def test_stars_are_kept(peak):
    for seed in range(5):
        assert flags(*field(seed, source=peak)).sum() == 0


def test_noise_is_kept_even_at_the_border():
    for seed in range(10):
        assert flags(*field(seed)).sum() == 0


def test_a_hit_along_a_slice_is_found():
    x, y, z, data, stat, slit = field()
    hit = (slit == 4) & (abs(x - 10) < 2.5) & (abs(z - 6) < 0.6)
    data[hit] += 200
    assert_array_equal(flags(x, y, z, data, stat, slit) > 0, hit)


def test_slabs_equal_the_whole():
    pixels = field()
    z, data = pixels[2:4]
    data[::50] += 400
    whole = flags(*pixels)
    part = flags(*pixels, first=3, n=6, judged=(1, 5))
    judged = (np.floor(z + 0.5) >= 4) & (np.floor(z + 0.5) < 8)
    assert_array_equal(part[judged], whole[judged])
    assert not part[~judged].any()


def test_few_values_reject_nothing():
    x, y, z, data, stat, slit = field()
    keep = slit == 4
    data[keep] += np.arange(keep.sum()) % 7 * 1000
    assert flags(*(a[keep] for a in (x, y, z, data, stat, slit))).sum() == 0
