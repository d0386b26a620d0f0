"""Tests of the fit of sky lines, on lines whose fluxes are known."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.lsf import SliceLsf
from pipeline.algorithms.sky_fit import (
    continuum_qc,
    fit_sky_lines,
    line_qc,
    sky_continuum,
)
from pipeline.algorithms.sky_lines import MARGIN, SkyLines
from pipeline.algorithms.sky_spectrum import FieldSky

X = -7.5 + 0.1 * np.arange(151)
LSF = SliceLsf(
    np.tile(np.exp(-0.5 * (X / 1.05) ** 2) / (1.05 * np.sqrt(2 * np.pi)), (2, 1)),
    (-7.5, 0.1),
    (5000.0, 1000.0),
)
STEP = 0.3125
WAVELENGTH = 5500.0 + STEP * np.arange(960)
COLUMNS = {
    "name": np.array(["OI", "OH a", "OH b", "OH c", "Na", "far", "bad"]),
    "group": np.array([7, 2, 2, 2, 5, 9, 2]),
    "lambda": np.array([5577.3, 5620.0, 5660.0, 5700.0, 5750.0, 8000.0, 5600.0]),
    "flux": np.array([10.0, 3.0, 1.0, 2.0, 4.0, 50.0, 99.0]),
    "dq": np.array([0, 0, 0, 0, 0, 0, 1]),
}
FACTOR = np.array([80.0, 120.0, 120.0, 120.0, 30.0])


def known():
    return SkyLines.of(COLUMNS, float(WAVELENGTH[0]), float(WAVELENGTH[-1]))


def smooth(wavelength):
    return 40.0 + 0.02 * (wavelength - 5650.0)


def observed(noise=0.0, shift=0.0, seed=1, factor=FACTOR):
    lines = known()
    shape = LSF.over_bins(STEP)
    data = shape.draw(lines.wavelength + shift, lines.flux * factor, 5500.0, STEP, 960)
    data += smooth(WAVELENGTH)
    rng = np.random.default_rng(seed)
    return data + noise * rng.standard_normal(960), np.full(960, max(noise, 0.1) ** 2)


def seen(data, stat=1.0):
    image = np.zeros((1, 1), np.float32)
    return FieldSky(
        image, image > 0, (0.0, 0.0), WAVELENGTH, data, np.full(data.size, stat)
    )


def test_good_lines_in_range_are_taken_and_groups_numbered_anew():
    lines = known()
    assert list(lines.name) == ["OI", "OH a", "OH b", "OH c", "Na"]
    assert list(lines.group) == [2, 0, 0, 0, 1]
    near = SkyLines.of(COLUMNS, 5577.3 + MARGIN - 0.1, 5600.0)
    assert list(near.name) == ["OI"]
    assert SkyLines.of(COLUMNS, 6000.0, 6100.0).flux.size == 0


def test_fluxes_are_exact_without_noise():
    data, stat = observed()
    found = fit_sky_lines(WAVELENGTH, data, stat, known(), LSF).lines
    assert_allclose(found.flux, known().flux * FACTOR, rtol=3e-3)
    assert_allclose(found.wavelength, known().wavelength, atol=3e-3)


@pytest.mark.parametrize("shift", [-0.2, 0.1])
def test_a_shift_is_found_and_does_not_change_fluxes(shift):
    data, stat = observed(shift=shift)
    found = fit_sky_lines(WAVELENGTH, data, stat, known(), LSF).lines
    assert_allclose(found.wavelength - known().wavelength, shift, atol=0.01)
    assert_allclose(found.flux, known().flux * FACTOR, rtol=0.01)


def test_wings_that_the_line_spread_function_lacks_count():
    lines = known()
    flux = lines.flux * FACTOR
    core, wings = LSF.over_bins(STEP), LSF.smeared(1.4).over_bins(STEP)
    data = smooth(WAVELENGTH)
    for shape, share in ((core, 0.85), (wings, 0.15)):
        data = data + shape.draw(lines.wavelength, share * flux, 5500.0, STEP, 960)
    found = fit_sky_lines(WAVELENGTH, data, np.full(960, 0.01), lines, LSF).lines
    assert_allclose(found.flux, flux, rtol=0.01)


def test_noise_does_not_bias_fluxes():
    pulls = []
    for seed in range(12):
        data, stat = observed(0.5, seed=seed)
        found = fit_sky_lines(WAVELENGTH, data, stat, known(), LSF).lines
        pulls.append(found.flux / (known().flux * FACTOR) - 1)
    assert_allclose(np.mean(pulls, axis=0), 0.0, atol=0.01)


def test_the_noise_of_the_lines_is_what_fits_of_many_noises_scatter_by():
    shape, drawn, told = LSF.over_bins(STEP), [], []
    for seed in range(100):
        data, stat = observed(3.0, seed=seed)
        fitted = fit_sky_lines(WAVELENGTH, data, stat, known(), LSF)
        lines = fitted.lines
        drawn.append(shape.draw(lines.wavelength, lines.flux, 5500.0, STEP, 960))
        told.append(fitted.variance())
    found, expected = np.var(drawn, axis=0, ddof=1), np.mean(told, axis=0)
    bright = expected > 0.2 * expected.max()
    assert bright.sum() > 20
    assert np.mean(found[bright] / expected[bright]) == pytest.approx(1.0, abs=0.1)


def test_unknown_bins_do_not_matter():
    data, stat = observed()
    data[::7] = np.nan
    stat[3::50] = 0.0
    found = fit_sky_lines(WAVELENGTH, data, stat, known(), LSF).lines
    assert_allclose(found.flux, known().flux * FACTOR, rtol=5e-3)


def test_missing_lines_become_faint_not_negative():
    data, stat = observed(factor=FACTOR * (known().group != 1))
    found = fit_sky_lines(WAVELENGTH, data, stat, known(), LSF).lines
    assert 0.0 < found.flux[4] < 1e-3 * 120.0
    assert_allclose(found.flux[:4], (known().flux * FACTOR)[:4], rtol=5e-3)


def test_continuum_is_what_is_left():
    data, _ = observed()
    data[100:105] = np.nan
    true = SkyLines(
        *(getattr(known(), f) for f in ("name", "group", "wavelength")),
        known().flux * FACTOR,
        known().dq,
        known().flux,
    )
    found = sky_continuum(seen(data), true, LSF, 1.25)
    assert_allclose(np.diff(found["lambda"]), 1.25)
    off = found["flux"] - smooth(found["lambda"])
    assert_allclose(off[16:-16], 0.0, atol=0.05)
    assert_allclose(off, 0.0, atol=0.2)  # the slope ends at the ends
    qc = continuum_qc(found)
    assert qc["CONT FLUX"] == pytest.approx(found["flux"].sum())
    assert qc["CONT MAXDEV"] >= 0.02 - 1e-6


def test_continuum_has_no_noise_unless_asked_for():
    data, stat = observed(2.0)
    lines = fit_sky_lines(WAVELENGTH, data, stat, known(), LSF).lines
    quiet, loud = (
        sky_continuum(seen(data, 4.0), lines, LSF, STEP, smooth=leave_out)
        for leave_out in (True, False)
    )
    calm = (quiet["lambda"] < 5570.0) | (quiet["lambda"] > 5760.0)
    off, rough = (c["flux"][calm] - smooth(c["lambda"][calm]) for c in (quiet, loud))
    assert rough.std() == pytest.approx(2.0, rel=0.2)
    assert off.std() < 0.2 * rough.std()
    assert np.median(quiet["stat"]) < 0.1 * 4.0
    assert_allclose(loud["stat"], 4.0)


def test_qc_names_the_brightest_line_of_each_group():
    qc = line_qc(known())
    assert [qc[f"LINE{k} NAME"] for k in (1, 2, 3)] == ["OH a", "Na", "OI"]
    assert (qc["LINE3 AWAV"], qc["LINE3 FLUX"]) == (5577.3, 10.0)
    assert "LINE4 NAME" not in qc
    weak = replace(known(), flux=known().flux * [1, 0.1, 1, 1, 1])
    assert line_qc(weak)["LINE1 NAME"] == "OH a"
    assert line_qc(weak)["LINE1 FLUX"] == pytest.approx(0.3)


def test_table_is_ordered_by_flux():
    ordered = known().brightest_first()
    assert list(ordered.flux) == [10.0, 4.0, 3.0, 2.0, 1.0]
    columns = ordered.columns()
    assert list(columns) == ["name", "group", "lambda", "flux", "dq"]
    again = SkyLines.of(columns, 5500.0, 5800.0)
    assert_array_equal(again.wavelength, ordered.wavelength)
