"""The kernels of star photometry against plain numpy."""

import numpy as np
import pytest

from pipeline.kernels.star import radial_places
from pipeline.kernels.star_light import (
    profile_values,
    radial_sums,
    reject_deviant,
    spectrum_sums,
    star_spectrum,
)
from pipeline.kernels.steps import AT_ONCE

RADII = np.array([0.0, 1.0, 2.5, 4.0, 8.0])
BINS, BANDS = (5000.0, 1.25, 40), (4999.375, 25.0, 2)
PROFILE = np.array([[0.1, 0.06, 0.02, 0.005, 0.0], [0.12, 0.07, 0.015, 0.004, 0.0]])


def profile_at(profile, place, wavelength, bands=BANDS):
    """The profile at any number of pixels."""
    found, values = [], np.empty(AT_ONCE)
    for start in range(0, len(place), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        profile_values(profile, place[some], wavelength[some], bands, values)
        found.append(values[: len(place[some])].copy())
    return np.concatenate(found)


def scene(rng, noise=1.0, n=20000):
    """Pixels of a star of flux 1000, sky 5."""
    dx, dy = (rng.uniform(-8, 8, n).astype(np.float32) for _ in range(2))
    wavelength = rng.uniform(4999.4, 5049.3, n).astype(np.float32)
    centre = np.array([[0.1, -0.2], [0.3, 0.1]])
    place = radial_places(dx, dy, wavelength, BANDS, centre, RADII)
    light = profile_at(PROFILE, place, wavelength)
    data = 5 + 1000 * light + noise * rng.standard_normal(n)
    stat = np.full(n, noise**2, np.float32)
    return dx, dy, wavelength, place, data.astype(np.float32), stat, np.ones(n, np.bool_)


def test_profile_is_bilinear_and_ends():
    rng = np.random.default_rng(8)
    place = np.append(rng.uniform(0, 4, 60), [0.0, 3.0, 4.0]).astype(np.float32)
    wavelength = rng.uniform(4980, 5080, place.size).astype(np.float32)
    band = np.clip((wavelength - BANDS[0]) / BANDS[1] - 0.5, 0, 1)
    rows = [np.interp(place, np.arange(5), row) for row in PROFILE + 0.001]
    expected = np.where(place < 4, rows[0] * (1 - band) + rows[1] * band, 0.0)
    found = profile_at(PROFILE + 0.001, place, wavelength)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    one = profile_at(PROFILE[:1], place, wavelength, (0.0, 1e4, 1))
    np.testing.assert_allclose(one, np.interp(place, np.arange(5), PROFILE[0]), rtol=1e-5)


def test_spectrum_is_the_least_squares_solution():
    _, _, wavelength, place, data, stat, used = scene(np.random.default_rng(2))
    found = star_spectrum(
        spectrum_sums(place, wavelength, data, stat, used, BINS, BANDS, PROFILE)
    )
    j = np.floor((wavelength - BINS[0]) / BINS[1] + 0.5).astype(int)
    for k in (0, 17, 39):
        own = j == k
        p = profile_at(PROFILE, place[own], wavelength[own])
        a = np.column_stack([p, np.ones(p.size)])
        flux, sky = np.linalg.lstsq(a, data[own], rcond=None)[0]
        assert found[k, 0] == pytest.approx(flux, rel=1e-5)
        assert found[k, 2] == pytest.approx(sky, rel=1e-4)
        assert found[k, 1] == pytest.approx(np.linalg.inv(a.T @ a)[0, 0], rel=1e-4)


def test_errors_of_the_spectrum_are_honest():
    pulls = []
    for seed in range(12):
        _, _, wavelength, place, data, stat, used = scene(
            np.random.default_rng(seed), 4.0, 8000
        )
        found = star_spectrum(
            spectrum_sums(place, wavelength, data, stat, used, BINS, BANDS, PROFILE)
        )
        pulls.append((found[:, 0] - 1000) / np.sqrt(found[:, 1]))
    assert np.std(pulls) == pytest.approx(1, abs=0.1)


def test_order_of_the_pixels_does_not_matter():
    rng = np.random.default_rng(3)
    _, _, wavelength, place, data, stat, used = scene(rng)
    order = rng.permutation(data.size)
    one = star_spectrum(
        spectrum_sums(place, wavelength, data, stat, used, BINS, BANDS, PROFILE)
    )
    shuffled = [c[order] for c in (place, wavelength, data, stat, used)]
    other = star_spectrum(spectrum_sums(*shuffled, BINS, BANDS, PROFILE))
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_bins_without_pixels_are_unknown():
    _, _, wavelength, place, data, stat, used = scene(np.random.default_rng(4))
    used[:] = False
    found = star_spectrum(
        spectrum_sums(place, wavelength, data, stat, used, BINS, BANDS, PROFILE)
    )
    assert np.isnan(found).all()


def test_normal_equations_give_the_profile_back():
    _, _, wavelength, place, data, _, used = scene(np.random.default_rng(5), 0.1, 60000)
    flux, sky = np.full(40, 1000.0), np.full(40, 5.0)
    sums = radial_sums(place, wavelength, data, used, BINS, BANDS, flux, sky, 5)
    for diagonal, right, target in sums:
        matrix = np.diag(diagonal) + np.diag(right[:-1], 1) + np.diag(right[:-1], -1)
        found = np.linalg.solve(matrix, target)
        np.testing.assert_allclose(found, PROFILE.mean(axis=0), atol=0.012)


def test_only_deviant_pixels_are_rejected():
    _, _, wavelength, place, data, stat, used = scene(np.random.default_rng(6))
    data[::1000] += 50
    n = reject_deviant(
        place, wavelength, data, stat, used, BINS, BANDS,
        np.full(40, 1000.0), np.full(40, 5.0), PROFILE, 6.0, 0.1,
    )  # fmt: skip
    assert n == 20 and not used[::1000].any() and used.sum() == used.size - 20
