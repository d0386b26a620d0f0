"""Tests of the wavelength shift from sky lines."""

import numpy as np
import pytest

from pipeline.algorithms.skyshift import LineFit, fit_sky_lines, sky_shift
from pipeline.memory import MemoryImage
from pipeline.spec import Planes
from tests.pipeline.mini_exposure import SKY_LINES, sky, slices, wavelengths

LINES = [line for line, _ in SKY_LINES]


@pytest.fixture(scope="module")
def wavelength():
    return wavelengths()[0]


def exposure(counts, seed=1):
    rng = np.random.default_rng(seed)
    variance = np.maximum(counts, 0) + 9.0
    data = counts + rng.normal(0, np.sqrt(variance))
    dq = np.zeros(counts.shape, np.uint32)
    return MemoryImage(Planes(data.astype(np.float32), dq, variance.astype(np.float32)))


def fit(image, lines=LINES, **keywords):
    return fit_sky_lines(
        image,
        slices(),
        lines,
        calibration=keywords,
        half_width=5.0,
        bin_size=0.1,
        reject=(15.0, 15.0, 1),
    )


@pytest.mark.parametrize("drift", [-0.3, 0.0, 0.04])
def test_shift_is_recovered(wavelength, drift):
    fits = fit(exposure(sky(wavelength + drift)))
    assert len(fits) == 2
    assert sky_shift(fits) == pytest.approx(drift, abs=3e-3)


def test_errors_are_honest(wavelength):
    pulls = []
    counts = sky(wavelength, level=50.0)
    for seed in range(30):
        (line,) = fit(exposure(counts, seed), [5577.339])
        pulls += [(line.centre - line.wavelength) / line.error]
    assert 0.6 < np.std(pulls) < 1.4
    assert abs(np.mean(pulls)) < 1.0


def test_faint_neighbour_does_not_pull(wavelength):
    counts = sky(wavelength)
    flux = 0.012 * SKY_LINES[1][1] / (1.06 * np.sqrt(2 * np.pi))
    beside = flux * np.exp(-0.5 * ((wavelength - 6297.898) / 1.06) ** 2)
    (line,) = fit(exposure(counts + np.nan_to_num(beside)), [6300.304])
    assert line.centre == pytest.approx(6300.304, abs=4e-3)


def test_cosmic_rays_do_not_matter(wavelength):
    image = exposure(sky(wavelength))
    rng = np.random.default_rng(5)
    y, x = rng.integers(0, wavelength.shape[0], 3000), rng.integers(0, 448, 3000)
    image.planes.data[y, x] += 20_000.0
    assert sky_shift(fit(image)) == pytest.approx(0.0, abs=6e-3)


def test_skewness_of_the_arcs_is_added(wavelength):
    image = exposure(sky(wavelength))
    plain, skewed = fit(image), fit(image, **{"ESO DRS MUSE WAVECAL SKEW0": 0.01})
    for a, b in zip(plain, skewed, strict=True):
        assert b.centre - a.centre == pytest.approx(0.01)


def test_without_a_line_there_is_no_shift(wavelength):
    dark = np.where(np.isfinite(wavelength), 100.0, 0.0)
    assert fit(exposure(dark)) == []
    assert sky_shift([]) == 0.0


def test_lines_outside_the_range_are_left_out(wavelength):
    fits = fit(exposure(sky(wavelength)), [5577.339, 8000.0])
    assert [line.wavelength for line in fits] == [5577.339]


def test_absorption_lines_have_a_sign(wavelength):
    counts = 2000.0 - sky(wavelength, level=0.0) / 20
    counts[~np.isfinite(wavelength)] = 0
    (line,) = fit(exposure(counts), [-5577.339])
    assert line.centre == pytest.approx(5577.339, abs=4 * line.error)


def test_precise_lines_count_more():
    fits = [LineFit(5000.0, 5000.1, 0.001), LineFit(6000.0, 6000.9, 0.1)]
    assert sky_shift(fits) == pytest.approx(-0.1, abs=1e-3)


def test_bright_star_does_not_matter(wavelength):
    counts = sky(wavelength, level=10.0) / 30
    rows, columns = wavelength.shape
    star = 3000 * np.exp(-0.5 * ((np.arange(columns) - 130) / 4.0) ** 2)
    slope = np.linspace(1.4, 0.6, rows)[:, None]  # a stellar spectrum
    lit = np.where(np.isfinite(wavelength), counts + star * slope, 0.0)
    assert sky_shift(fit(exposure(lit))) == pytest.approx(0.0, abs=0.03)


def test_lines_far_from_their_place_are_not_believed(wavelength):
    assert fit(exposure(sky(wavelength + 2.0))) == []
