"""Tests of the autocalibration: slices of a made-up field with known errors."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.autocalibration import (
    EDGES,
    calibrate_slices,
    given_factors,
    slice_factors,
    smooth_factors,
    wavelength_ranges,
)
from pipeline.algorithms.clipping import clipped
from pipeline.algorithms.exposure import merge
from pipeline.algorithms.exposure_autocal import exposure_autocal
from pipeline.algorithms.field import FieldExposure
from pipeline.memory import MemoryTable
from pipeline.spec import BadInput, Table
from tests.pipeline.field_pixels import field_pixels

COVERED = slice(3, 9)
"""Ranges of which the mini instrument sees enough."""


def errors(places, seed=5):
    """The true factor of each slice, 4 per cent rms, and its change along a range."""
    rng = np.random.default_rng(seed)
    return {p: (1 + 0.04 * rng.normal(), 0.02 * rng.normal()) for p in places}


def light(wavelength, x, y):
    star = 3000 * np.exp(-0.5 * ((x - 6) ** 2 + (y - 3) ** 2) / 1.2**2)
    return 400 + star


def spoil(tables, true):
    """Multiply every slice by its error."""
    for table in tables:
        for s in table.segments:
            rows = slice(s.start, s.stop)
            level, slope = true[s.ifu, s.slice]
            wavelength = table.pixels.wavelength[rows]
            factor = level * (1 + slope * (wavelength - 6200) / 800)
            table.pixels.data[rows] *= factor
            table.pixels.stat[rows] *= factor**2


def exposure():
    tables = field_pixels(light, "PIXTABLE_OBJECT")
    places = [(s.ifu, s.slice) for t in tables for s in t.segments]
    true = errors(places)
    spoil(tables, true)
    return FieldExposure(merge(tables), (), 4000.0, 1e4), true


@pytest.fixture(scope="module")
def spoilt():
    return exposure()


@pytest.fixture(scope="module")
def found(spoilt):
    return exposure_autocal("deepfield", spoilt[0], {}, 0.3125, 15.0)


def expected(true, places):
    """Factor by place and range that takes the errors out again."""
    middles = np.array([0.5 * (a + b) for a, b in pairwise(EDGES)])
    middles[3] = 0.5 * (5466 + 5658)
    table = np.array([true[p] for p in places])
    factor = table[:, :1] * (1 + table[:, 1:] * (middles - 6200) / 800)
    factor = 1 / factor[:, COVERED]
    return factor / factor.mean(axis=0)


def test_factors_take_the_errors_out(spoilt, found):
    got = found.calibration.step.factors[:, COVERED]
    want = expected(spoilt[1], found.calibration.places)
    ratio = got / want
    ratio /= ratio.mean(axis=0)
    assert np.std(want) > 0.03
    assert np.std(ratio) < 0.003  # photon noise of 3000 pixels of 400 counts: 0.0009
    assert np.quantile(np.abs(ratio - 1), 0.95) < 0.003  # the star's slice takes a mean


def test_the_sky_keeps_its_level(spoilt, found):
    levels = {}
    for pixels in spoilt[0].after(found.step).walk():
        far = np.hypot(pixels.xpos - 6, pixels.ypos - 3) > 6
        for number in np.unique(pixels.origin[far] & 0x7FF):
            chosen = far & ((pixels.origin & 0x7FF) == number)
            levels[int(number)] = np.median(pixels.data[chosen])
    values = np.array(list(levels.values()))
    assert np.std(values) / np.mean(values) < 0.004


def test_stars_do_not_count_as_sky(found):
    y, x = np.indices(found.sky.mask.shape)
    corner = found.field.grid.corner
    near = np.hypot(x + corner[0] - 6, y + corner[1] - 3) < 3
    assert not found.sky.mask[near].any()
    assert found.sky.mask.mean() > 0.5


def test_a_table_is_read_as_it_was_written(found):
    calibration = found.calibration
    table = calibration.table()
    assert len(table.columns["corr"]) == 20 * 24 * 48
    quad, ifu, number = (table.columns[c] for c in ("quad", "ifu", "sli"))
    assert_array_equal(quad, np.repeat(np.arange(1, 21), 24 * 48))
    assert_array_equal(ifu[:96], np.repeat([1, 2], 48))
    assert_array_equal(number[:48], np.arange(1, 49))
    frame = MemoryTable({"": table}, calibration.keywords(), "AUTOCAL_FACTORS", None)
    given = given_factors(frame)
    assert_array_equal(given.edges, calibration.step.edges)
    for row, (i, s) in enumerate(calibration.places):
        there = given.factors[given.row_of[i << 6 | s]]
        assert_array_equal(there, calibration.step.factors[row])


def test_given_factors_are_applied(spoilt, found):
    calibration = found.calibration
    frame = MemoryTable(
        {"": calibration.table()}, calibration.keywords(), "AUTOCAL_FACTORS", None
    )
    user = exposure_autocal("user", spoilt[0], {"AUTOCAL_FACTORS": [frame]}, 0.3, 15.0)
    assert user.calibration is None and user.method == "user"
    for a, b in zip(
        spoilt[0].after(user.step).walk(), spoilt[0].after(found.step).walk(), strict=True
    ):
        assert_array_equal(a.data, b.data)


def test_what_was_calibrated_before_is_left_alone(spoilt):
    field = spoilt[0]
    words = {"ESO DRS MUSE PIXTABLE AUTOCAL": "slice-median"}
    field.pixels.tables[0].header.update(words)
    try:
        assert exposure_autocal("deepfield", field, {}, 0.3, 15.0) is None
    finally:
        for key in words:
            del field.pixels.tables[0].header[key]
    assert exposure_autocal("none", field, {}, 0.3, 15.0) is None


def test_a_field_without_sky_is_refused(spoilt):
    nothing = np.zeros(spoilt[0].grid.shape[1:], np.bool_)
    with pytest.raises(BadInput, match="blank sky"):
        calibrate_slices(spoilt[0], nothing)


@pytest.mark.parametrize("missing", ["keywords", "corr"])
def test_a_table_without_what_is_needed_is_refused(found, missing):
    table, words = found.calibration.table(), found.calibration.keywords()
    if missing == "corr":
        table = Table({k: v for k, v in table.columns.items() if k != "corr"}, {})
    frame = MemoryTable({"": table}, {} if missing == "keywords" else words, name="f.fits")
    with pytest.raises(BadInput, match=r"f\.fits"):
        given_factors(frame)


PLACES = [(1, number) for number in range(1, 49)]


def test_a_slice_that_deviates_much_takes_the_mean_of_its_half():
    levels = 100 + np.random.default_rng(1).normal(0, 1, (48, 1))
    levels[5], levels[30] = 300.0, np.nan
    factors = slice_factors(levels, PLACES)
    left = np.delete(levels[:24], 5).mean()
    right = np.nanmean(levels[24:])
    whole, _, _ = clipped(levels[np.isfinite(levels)], kappa=3, n_stop=20, robust=False)
    assert_allclose(factors[5], whole / left, rtol=0.002)
    assert_allclose(factors[30], whole / right, rtol=0.002)
    assert_allclose(factors[0], whole / levels[0])


def test_a_half_without_light_takes_the_other():
    levels = np.full((48, 1), 100.0)
    levels[24:] = np.nan
    assert_allclose(slice_factors(levels, PLACES), 1.0)


def test_jumps_between_ranges_are_smoothed_and_slopes_are_not():
    slope = np.linspace(0.9, 1.1, 20)[None].copy()
    every = np.ones(20, np.bool_)
    assert_allclose(smooth_factors(slope, every), slope)
    jump = slope.copy()
    jump[0, 7] += 0.2
    assert_allclose(smooth_factors(jump, every), slope, atol=1e-12)
    gap = every.copy()
    gap[:10] = False
    assert_array_equal(smooth_factors(jump, gap), jump)


def test_ranges_of_adaptive_optics():
    assert len(wavelength_ranges({"ESO INS MODE": "WFM-NOAO-N"})) == 21
    edges = wavelength_ranges({"ESO INS MODE": "WFM-AO-N"})
    assert len(edges) == 20 and 5850.0 not in edges


def test_clipping_keeps_what_belongs():
    values = np.r_[np.random.default_rng(2).normal(5, 1, 200), 50.0, -40.0]
    mean, scatter, n = clipped(values, kappa=5.0, n_stop=20, robust=True)
    assert n == 200 and mean == pytest.approx(5, abs=0.2)
    assert scatter == pytest.approx(1, abs=0.15)
    assert clipped(np.array([1.0, 1.0, 9.0]), kappa=3.0, n_stop=3, robust=True)[2] == 3
