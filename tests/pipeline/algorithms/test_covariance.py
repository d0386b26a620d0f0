"""Tests of the noise that voxels share: factors against sums of noise realisations."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.covariance import (
    Covariance,
    lagged_sums,
    lags,
    measure_covariance,
    noise_factor,
    spectrum_factors,
)
from pipeline.algorithms.resample import Resampling, make_slab
from tests.pipeline.algorithms.test_resample import NEAREST, grid_of, placed
from tests.pipeline.slice_pixels import VARIANCE, slice_pixels

DRIZZLE = Resampling("drizzle", (0.8, 0.8, 1.0), 1, "median", 0.0)
WHOLE = replace(DRIZZLE, pixfrac=(1.0, 1.0, 1.0))
RENKA = replace(DRIZZLE, method="renka")
BOXES = ((1, 1), (5, 1), (1, 10), (5, 5))
"""Side of the aperture and number of planes."""


def sums_over_boxes(values, n_planes, side):
    nz, ny, nx = (
        n // size * size
        for n, size in zip(values.shape, (n_planes, side, side), strict=True)
    )
    parts = values[:nz, :ny, :nx].reshape(
        nz // n_planes, n_planes, ny // side, side, nx // side, side
    )
    return parts.sum(axis=(1, 3, 5), dtype=float)


def sampled_pulls(tables, exposures, grid, method, box, n=40):
    """Return mean squares of sums over boxes of noises, over their summed STAT."""
    side, n_planes = box
    pulls = []
    for seed in range(n):
        rng = np.random.default_rng([seed, 5])
        for table in tables:
            table.pixels.data[:] = rng.normal(0.0, np.sqrt(VARIANCE), table.n_rows)
        data, _, stat = make_slab(exposures, grid, method, slice(0, grid.shape[0])).planes
        total = sums_over_boxes(data, n_planes, side)
        pulls.append(total**2 / sums_over_boxes(stat, n_planes, side))
    return np.mean(pulls, axis=0)


@pytest.mark.parametrize(
    ("method", "turns"),
    [
        (DRIZZLE, (0.0,)),
        (DRIZZLE, (31.0,)),
        (DRIZZLE, (0.0, 90.0)),
        (NEAREST, (0.0,)),
        (RENKA, (0.0,)),
    ],
)
def test_factors_are_those_of_independent_realisations(method, turns):
    """The judge draws other noise, and adds up whole boxes."""
    tables = [slice_pixels(size=(60, 50), n_planes=30, seed=k) for k in range(len(turns))]
    exposures = [placed(t, turn) for t, turn in zip(tables, turns, strict=True)]
    grid = grid_of(*exposures)
    found = measure_covariance(exposures, grid, method)
    for box in BOXES:
        side, n_planes = box
        true = np.sqrt(np.nanmean(sampled_pulls(tables, exposures, grid, method, box)))
        limit = 0.05 if method is RENKA else 0.03
        assert found.factor(n_planes, side, side) == pytest.approx(true, rel=limit)
    known = found.keywords("ESO QC SCIPOST")
    assert noise_factor(known, 25, 5) == pytest.approx(
        found.factor(5, 5, 5), rel=0.05 if method is RENKA else 0.01
    )


def drifting(n_planes, columns, rows):
    """Return slices side by side that drift over the grid [voxel], as by refraction."""
    table = slice_pixels(size=(60, 50), n_planes=n_planes)
    origin = table.pixels.origin
    row, number = (origin >> 11 & 0x1FFF) - 1, 12 * (origin >> 6 & 31) + (origin & 63)
    table.pixels.xpos[:] = (origin >> 24) - 29.25 + columns * row / n_planes
    table.pixels.ypos[:] = number - 37.25 + rows * row / n_planes
    return table


@pytest.mark.parametrize("side", [5, 10])
def test_factors_hold_wherever_pixels_lie_on_voxels(side):
    """STAT varies by four with the place of pixels between voxels, the noise of sums less.

    The mean covariance over the mean of STAT would be 3 % too little.
    """
    table = drifting(150, 3.0, 2.0)
    exposure = placed(table)
    grid = grid_of(exposure)
    found = measure_covariance([exposure], grid, WHOLE).factor(1, side, side)
    squares = sampled_pulls([table], [exposure], grid, WHOLE, (side, 1), n=15)
    assert found == pytest.approx(np.sqrt(np.nanmean(squares)), rel=0.015)


def test_factors_of_parts_of_the_spectrum():
    """Where pixels lie halfway between rows a sum is twice as noisy as STAT says."""
    table = drifting(64, 0.0, 0.5)
    exposure = placed(table)
    grid = grid_of(exposure)
    words = measure_covariance([exposure], grid, WHOLE).keywords("ESO QC SCIPOST")
    squares = sampled_pulls([table], [exposure], grid, WHOLE, (5, 1))
    true = np.sqrt(np.nanmean(squares, axis=(1, 2)))[2:-2]
    told = spectrum_factors(words, 25.0, grid.wavelengths())[2:-2]
    assert np.ptp(true) > 0.15
    assert_allclose(told, true, rtol=0.05)
    assert np.mean(told / true) == pytest.approx(1.0, abs=0.015)


def test_drops_that_share_nothing_leave_the_noise_alone():
    exposure = placed(slice_pixels(size=(40, 30)))
    words = measure_covariance([exposure], grid_of(exposure), NEAREST).keywords("QC X")
    for keyword, value in words.items():
        if "BOX" in keyword or "BIN" in keyword:
            limit = 0.05 if "LAM" in keyword else 0.02
            assert value == pytest.approx(1.0, abs=limit)


def test_the_same_noise_whatever_the_threads(monkeypatch):
    exposures = [placed(slice_pixels(seed=k), 40.0 * k) for k in (0, 1)]
    grid = grid_of(*exposures)
    first = measure_covariance(exposures, grid, DRIZZLE)
    monkeypatch.setattr("pipeline.parallel.n_threads", lambda: 1)
    assert_array_equal(measure_covariance(exposures, grid, DRIZZLE).by_lag, first.by_lag)


def test_levels_and_lost_pixels_do_not_matter():
    """Bright sources, hot rows and holes leave the factors of the blank sky."""
    table = slice_pixels(size=(60, 50), n_planes=30)
    exposure = placed(table)
    grid = grid_of(exposure)
    plain = measure_covariance([exposure], grid, DRIZZLE)
    table.pixels.stat[::7] *= 100
    table.pixels.data[::11] = np.nan
    other = measure_covariance([replace(exposure, scale=3.0)], grid, DRIZZLE)
    assert other.factor(1, 5, 5) == pytest.approx(plain.factor(1, 5, 5), rel=0.05)


def test_voxels_far_noisier_than_others_do_not_drown_them():
    """Lanczos weights of both signs nearly cancel in some voxels."""
    exposure = placed(slice_pixels(size=(60, 50), n_planes=30))
    settings = replace(DRIZZLE, method="lanczos")
    factors = measure_covariance([exposure], grid_of(exposure), settings)
    assert 1.0 < factors.factor(1, 5, 5) < 1.5


def test_sums_by_distance_are_those_of_plain_loops():
    rng = np.random.default_rng(3)
    data = rng.normal(size=(3, 4, 5)).astype(np.float32)
    data[1, 2, 3] = np.nan
    stat = np.full_like(data, 2.0)
    products, numbers, variances = lagged_sums(data, stat, (1, 1, 2))
    for lag in ((0, 0, 0), (1, 0, 0), (1, -1, 2), (0, 1, -2), (0, 0, 1)):
        total, number = 0.0, 0
        for place in np.ndindex(data.shape):
            other = tuple(p + d for p, d in zip(place, lag, strict=True))
            if all(0 <= o < n for o, n in zip(other, data.shape, strict=True)):
                pair = float(data[place]) * float(data[other])
                if np.isfinite(pair):
                    total, number = total + pair, number + 1
        for sign in (1, -1):
            place = (1 + sign * lag[0], 1 + sign * lag[1], 2 + sign * lag[2])
            assert products[place] == pytest.approx(total)
            assert numbers[place] == number
    assert variances[1, 1, 2] == 2.0 * 59


def test_an_empty_cube_has_no_covariance():
    exposure = placed(slice_pixels(size=(6, 5), n_planes=4))
    grid = grid_of(exposure)
    exposure.pixels.table.pixels.dq[:] = 1
    assert measure_covariance([exposure], grid, DRIZZLE).factor(3, 3, 3) == 1.0


def test_how_far_noise_is_shared():
    exposure = placed(slice_pixels())
    grid, fine = grid_of(exposure), grid_of(exposure, spaxel=0.15)
    assert lags(grid, DRIZZLE) == (1, 1, 1)
    assert lags(fine, DRIZZLE) == (1, 2, 2)
    assert lags(grid, NEAREST) == (0, 0, 0)
    assert lags(grid, RENKA) == (2, 2, 2)


def test_factors_between_and_beyond_the_known_ones():
    """Neighbours with a correlation of 0.2 along each axis: 1.4 - 0.4 / n by hand."""
    near = np.array([0.2, 1.0, 0.2])
    words = Covariance(near[:, None, None] * near[:, None] * near).keywords("QC EXPCOMB")
    assert noise_factor(words, 49.0) == pytest.approx(1.4 - 0.4 / 7)
    assert noise_factor(words, 3600.0) == pytest.approx(1.4 - 0.4 / 60)
    assert noise_factor(words, 1, 8) == pytest.approx(np.sqrt(1.4 - 0.4 / 8), rel=1e-3)
    assert noise_factor(words, 1.0) == noise_factor({}, 100.0, 5) == 1.0


def test_factors_along_the_spectrum():
    """Twice the excess of the mean at 8000 A, none at 5000 A, for apertures of any size."""
    near = np.array([0.2, 1.0, 0.2])
    words = Covariance(near[:, None, None] * near[:, None] * near).keywords("QC EXPCOMB")
    places = np.array([4000.0, 6500.0, 9000.0])
    assert_allclose(spectrum_factors(words, 49.0, places), noise_factor(words, 49.0))
    mean = noise_factor(words, 100.0)
    words |= {"QC EXPCOMB NOISE LAM1": 5000.0, "QC EXPCOMB NOISE LAM1 BOX10": 1.0}
    words |= {"QC EXPCOMB NOISE LAM2": 8000.0, "QC EXPCOMB NOISE LAM2 BOX10": 2 * mean - 1}
    for n_spaxels in (1.0, 49.0, 100.0, 400.0):
        found = spectrum_factors(words, n_spaxels, places) - 1
        excess = noise_factor(words, n_spaxels) - 1
        assert_allclose(found, [0.0, excess, 2 * excess], atol=1e-9)
    assert noise_factor(words, 100.0) == mean
