"""Tests of finding lines and telling which they are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.arc_lines import read_catalogue
from pipeline.algorithms.identify import RECOGNISED, Dispersion, find_pattern, match, refine
from pipeline.algorithms.line_search import Detections, detect_lines, middle_spectrum
from pipeline.formats.tables import open_tables
from pipeline.instrument import FULL, MINI
from pipeline.static import static_path


@pytest.fixture(scope="module")
def neon():
    lines = read_catalogue(open_tables(static_path("LINE_CATALOG"), "LINE_CATALOG")[None])
    return lines.of(["Ne"])


def true_dispersion(size, offset=0.0):
    """A dispersion of the fourth order; returns it and its inverse on a grid."""
    ny = size.shape[0]
    t = np.linspace(-1, 1, ny)
    half = 0.625 * (ny - 1)
    wave = (size.blue + size.red) / 2 + offset + 1.003 * half * t
    return wave + 8 * (half / 2570) ** 2 * t**2 + 2 * (half / 2570) ** 3 * t**3


def detections(size, lines, offset=0.0, seed=1):
    """Lines as a slice would show them: some missing, some unknown, places not exact."""
    rng = np.random.default_rng(seed)
    wave = true_dispersion(size, offset)
    usable = lines.take(lines.quality > 0)
    inside = (usable.wavelength > wave[5]) & (usable.wavelength < wave[-5])
    inside &= rng.random(len(inside)) > 0.1
    rows = np.interp(usable.wavelength[inside], wave, np.arange(len(wave)))
    rows = np.concatenate([rows + rng.normal(0, 0.03, len(rows)), rng.uniform(5, 500, 8)])
    peaks = np.concatenate([usable.flux[inside] ** 0.8, rng.uniform(20, 60, 8)])
    order = np.argsort(rows)
    return Detections(rows[order], peaks[order], peaks[order])


@pytest.mark.parametrize("size", [FULL, MINI], ids=["full", "mini"])
@pytest.mark.parametrize("offset", [-300.0, 0.0, 250.0])
def test_the_dispersion_is_found_without_a_guess(size, offset, neon):
    found = detections(size, neon, offset)
    start, agreement = find_pattern(found, neon, size, 0.05)
    assert agreement > RECOGNISED
    nothing = np.empty(0), np.empty(0)
    dispersion, pairs = refine(start, found, neon, nothing, 6, 0.1)
    rows = np.arange(5.0, size.shape[0] - 5, 50)
    known = (rows > pairs.row.min()) & (rows < pairs.row.max())
    truth = true_dispersion(size, offset)[rows.astype(int)]
    assert np.abs(dispersion.wavelength(rows) - truth)[known].max() < 0.15
    assert len(pairs.row) > 0.7 * (len(found.row) - 8)


def test_chance_is_not_recognised(neon):
    rng = np.random.default_rng(3)
    peaks = rng.exponential(1000, 150)
    found = Detections(np.sort(rng.uniform(5, 4000, 150)), peaks, peaks)
    _, agreement = find_pattern(found, neon, FULL, 0.05)
    assert agreement < RECOGNISED


def test_a_slice_helps_its_neighbour(neon):
    start, _ = find_pattern(detections(FULL, neon), neon, FULL, 0.05)
    found = detections(FULL, neon, 140.0, seed=2)
    near, agreement = find_pattern(found, neon, FULL, 0.05, start)
    assert agreement > RECOGNISED
    rows = np.array([500.0, 2000.0, 3500.0])
    assert_allclose(near.wavelength(rows), true_dispersion(FULL, 140.0)[[500, 2000, 3500]],
                    atol=3.0)  # fmt: skip


def test_rows_and_wavelengths_are_inverse():
    dispersion = Dispersion(np.array([7000.0, 2570.0, 4.0, 0.5]), 4112)
    rows = np.array([3.0, 1000.5, 4000.0])
    assert_allclose(dispersion.row(dispersion.wavelength(rows)), rows, atol=1e-3)
    assert_allclose(
        dispersion.slope(rows),
        dispersion.wavelength(rows + 0.5) - dispersion.wavelength(rows - 0.5),
        rtol=1e-6,
    )
    assert np.isnan(dispersion.row(np.array([1000.0]))).all()


def test_a_bright_line_wins_over_a_faint_one_nearer_by(neon):
    strong = int(np.argmax(neon.flux))
    both = neon.take(np.array([strong, strong]))
    both.wavelength[1] += 0.3
    both.flux[1] = 20.0
    dispersion = Dispersion(np.array([7000.0, 2570.0]), 4112)
    row = dispersion.row(both.wavelength[1:] - 0.05)
    peak = np.array([500.0])
    pairs = match(dispersion, Detections(row, peak, peak), both, 1.0)
    assert pairs.line.tolist() == [0]


def test_lines_are_found_above_the_noise_and_only_there():
    rng = np.random.default_rng(6)
    y = np.arange(1000.0)
    places = np.array([100.2, 300.0, 555.5, 801.7])
    light = 40 + sum(90 * np.exp(-0.5 * ((y - p) / 1.1) ** 2) for p in places)
    strip = rng.normal(light, 7.0, (31, 1000)).astype(np.float32)
    noise = np.full(strip.shape, 7.0, np.float32)
    noise[15, 300] = np.inf
    strip[15, 300] = 1e5
    spectrum, sigma = middle_spectrum(strip, noise, 15)
    assert_allclose(sigma, 7.0, rtol=1e-6)
    found = detect_lines(spectrum, sigma, 1.0)
    assert_allclose(found.row, places, atol=0.15)
    assert_allclose(found.peak, 90, rtol=0.15)
    assert len(detect_lines(np.zeros(1000), np.full(1000, np.inf), 1.0).row) == 0
