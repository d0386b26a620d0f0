"""Tests of the wavelength solution of slices and of what slices say together."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.arc_lines import ArcLines
from pipeline.algorithms.line_errors import (
    LightCentres,
    corrected,
    isolated_lines,
    line_errors,
    skew_correction,
    spread_over_columns,
)
from pipeline.algorithms.trace_products import TracedSlices
from pipeline.algorithms.wave_solution import gaps
from pipeline.algorithms.wavecal_products import (
    n_residuals,
    residuals_tables,
    wavelength_table,
)
from pipeline.algorithms.wavelength import Places, fit_wavelengths

N_ROWS = 2000
LINES = np.sort(np.random.default_rng(9).uniform(5010, 7490, 60))


def wavelength(x, y):
    t = (y - 1000) / 1000
    return (
        6250 + 1250 * t + 5 * t**2 + 1.5 * t**3 + 0.02 * (x - 500) - 1e-4 * (x - 500) ** 2
    )


def places(*, noise=0.02, wrong=0.0, seed=1):
    """Places of all lines in 70 columns; line 30 lies elsewhere by ``wrong`` [Angstrom]."""
    rng = np.random.default_rng(seed)
    x = np.tile(np.arange(465.0, 535.0), len(LINES))
    line = np.repeat(np.arange(len(LINES)), 70)
    waves = LINES[line]
    y = 1000 + (waves - 6250) / 1.25
    for _ in range(5):
        y -= (wavelength(x, y) - waves) / 1.25
    y += rng.normal(0, noise / 1.25, len(y))
    y[line == 30] += wrong / 1.25
    even = np.ones(len(x), np.float32)
    small = even * np.float32(noise)
    return Places(x, y, waves, small, small, 2.5 * even, 1.25 * even, line.astype(np.int32))


def fit(there, **more):
    settings = {"x_order": 2, "y_order": 6, "weighting": "cerrscatter", "kappa": 3.0}
    return fit_wavelengths(there, N_ROWS, **(settings | more))


def deviation(surface):
    x, y = np.meshgrid(np.arange(470.0, 530, 5), np.arange(50.0, 1950, 50))
    return surface.at(x, y) - wavelength(x, y)


@pytest.mark.parametrize("weighting", ["uniform", "cerr", "scatter", "cerrscatter"])
def test_the_surface_is_the_truth(weighting):
    surface = fit(places(), weighting=weighting)
    assert np.abs(deviation(surface)).max() < 0.006
    assert np.sqrt(surface.mse) == pytest.approx(0.02, rel=0.05)


def test_outliers_are_rejected():
    there = places()
    there.y[::97] += 3.0
    surface = fit(there, history=True)
    assert not surface.used[::97].any()
    assert np.abs(deviation(surface)).max() < 0.006
    first, last = surface.rounds[0], surface.rounds[-1]
    assert first.used.all() and (last.used == surface.used).all()
    parts = list(residuals_tables([surface], [there], np.array([4]), N_ROWS))
    assert [part.columns["iteration"][0] for part in parts] == [
        1 + k for k in range(len(surface.rounds))
    ]
    assert all((part.columns["slice"] == 4).all() for part in parts)
    assert n_residuals([surface]) == sum(len(part.columns["x"]) for part in parts)
    final = parts[-1].columns["residual"]
    assert_allclose(
        final, (there.wavelength - surface.at(there.x, there.y))[last.used], atol=1e-9
    )
    assert np.mean(final**2) == pytest.approx(surface.mse)


def test_the_table_holds_plain_powers():
    surface = fit(places())
    trace = TracedSlices(np.array([1, 3]), np.zeros((2, 3, 6)), 3)
    columns = wavelength_table([surface, surface], trace).columns
    x, y = 512.0, 333.0
    value = sum(columns[f"wlc{i}{j}"][2] * x**i * y**j for i in range(3) for j in range(7))
    assert value == pytest.approx(float(surface.at(x, y)), abs=1e-6)
    assert columns["SliceNo"].tolist() == [1, 2, 3]
    for name in ("wlc00", "wlc26", "MSE"):
        assert np.isnan(columns[name]).tolist() == [False, True, False]


def test_too_few_lines_give_no_surface():
    there = places()
    few = there.line < 5
    short = Places(*(getattr(there, name)[few] for name in vars(there)))
    assert fit(short) is None


def test_a_line_that_is_wrong_in_all_slices_loses_its_weight():
    slices = [places(wrong=0.05, seed=k) for k in range(8)]
    first = [fit(there) for there in slices]
    error = line_errors(slices, first, len(LINES) + 3)
    assert error.argmax() == 30 and error[30] > 0.03 and np.median(error) < 0.005
    better = [fit(t, line_error=spread_over_columns(error, t)) for t in slices]
    bias_before, bias_after = (
        np.abs(np.mean([deviation(surface) for surface in surfaces], axis=0)).max()
        for surfaces in (first, better)
    )
    assert bias_after < 0.6 * bias_before


def test_skewness_is_found_from_isolated_lines_only():
    rng = np.random.default_rng(2)
    slices = [places(seed=k) for k in range(12)]
    isolated = np.arange(len(LINES)) % 2 == 0

    def skew(s, waves):
        return 0.010 + 0.0005 * s - 0.004 * (waves - 6250) / 1250

    light = []
    for s in range(12):
        number = np.arange(len(LINES))
        offset = skew(s, LINES) + rng.normal(0, 5e-4, len(LINES))
        offset[~isolated] += 0.2
        offset[[4, 10]] -= 0.3
        light.append(LightCentres(number, offset, np.full(len(LINES), 5e-4)))
    found = skew_correction(slices, light, isolated, LINES)
    for s, there in enumerate(slices):
        assert_allclose(found[s], skew(s, there.wavelength), atol=5e-4)
    moved = corrected(slices[0], found[0])
    assert_allclose((moved.y - slices[0].y) * 1.25, found[0], rtol=1e-6)
    none = skew_correction(slices, light, np.zeros(len(LINES), bool), LINES)
    assert not np.concatenate(none).any()


def test_faint_lines_that_unknown_blends_move_hardly_count():
    rng = np.random.default_rng(3)
    slices = [places(seed=k) for k in range(12)]
    number = np.arange(0, len(LINES), 3)
    error = np.where(np.arange(len(number)) % 3 == 0, 0.002, 0.03)
    blended = np.where(error > 0.01, rng.normal(0.04, 0.08, len(number)), 0.0)
    light = []
    for _ in range(12):
        offset = 0.010 + blended + rng.normal(0, error)
        light.append(LightCentres(number, offset, error))
    found = skew_correction(slices, light, np.ones(len(LINES), bool), LINES)
    assert_allclose(np.concatenate(found).mean(), 0.010, atol=0.0015)
    assert_allclose(np.concatenate(found), 0.010, atol=0.006)


def test_lines_with_neighbours_are_not_isolated():
    lines = ArcLines(
        np.array([5000.0, 5003.0, 5100.0, 5101.0, 5200.0]),
        np.array([1000.0, 0.1, 1000.0, 800.0, 10.0]),
        np.array(["Ne", "Ne", "Ne", "Xe", "Xe"]),
        np.full(5, 3),
    )
    assert isolated_lines(lines, [("Ne",), ("Xe",)]).tolist() == [
        True,
        False,
        True,
        True,
        True,
    ]
    assert isolated_lines(lines, [("Ne", "Xe")]).tolist() == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_gaps_are_measured_inside_and_at_the_ends():
    assert gaps(np.array([500.0, 100.0, 900.0]), 1000) == (400.0, 100.0)


def test_places_of_lamps_are_joined():
    one = places()
    both = Places.join([one, replace(one, line=one.line + 60)])
    assert len(both.x) == 2 * len(one.x) and both.line.dtype == np.int32
