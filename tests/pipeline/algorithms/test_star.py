"""A star whose profile is no Moffat, in a field that cuts it."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.algorithms.star import measure_star, near_star
from pipeline.algorithms.star_profiles import RADII, encircled
from pipeline.spec import BadInput, Pixels


def shape(r: NDArray[np.float64], fwhm: float) -> NDArray[np.float64]:
    """A core and broad wings, unit volume."""
    total = np.zeros_like(r)
    for share, width, beta in ((0.8, fwhm, 4.0), (0.2, 2.2 * fwhm, 2.4)):
        alpha = width / 2 / np.sqrt(2 ** (1 / beta) - 1)
        total += share * (beta - 1) / (np.pi * alpha**2) * (1 + (r / alpha) ** 2) ** -beta
    return total


def field(
    rng: np.random.Generator, brightness: float = 3e4, height: int = 24, width: int = 100
) -> Pixels:
    """Pixels of a field ``height`` rows high, 1600 Angstrom long, a drifting star."""
    x = np.arange(width) - width / 2 + 0.3
    y = np.arange(height) - height / 2 + 0.5
    wavelength = 5400 + 1.25 * np.arange(1280)
    lam, yy, xx = np.meshgrid(wavelength, y, x, indexing="ij")
    lam = lam + rng.uniform(-0.5, 0.5, (1, height, 1))
    flux = brightness * (1 + 0.3 * np.sin(lam / 200))
    drift = (lam - 6200) / 1600 * 0.4
    r = np.hypot(xx - 1.3 - drift, yy - 0.6)
    data = 5 + flux * shape(r, 4.2 - (lam - 5400) / 4000)
    stat = data + 9
    noisy = data + np.sqrt(stat) * rng.standard_normal(data.shape)
    flat = [np.ascontiguousarray(v.ravel(), np.float32) for v in (xx, yy, lam, noisy, stat)]
    zero = np.zeros(flat[0].size, np.uint32)
    return Pixels(flat[0], flat[1], flat[2], flat[3], zero, flat[4], zero)


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return field(np.random.default_rng(1))


def test_total_flux_within_a_percent_although_the_field_cuts_the_star(
    pixels: Pixels,
) -> None:
    star = measure_star([near_star(pixels, 0.0, 0.0)], 5400.0, 1.25, 1280)
    truth = 3e4 * (1 + 0.3 * np.sin(star.wavelength / 200))
    ratio = star.flux / truth
    assert abs(np.nanmedian(ratio) - 1) < 0.01
    for part in np.array_split(ratio, 8):
        assert abs(np.nanmedian(part) - 1) < 0.012
    pull = (ratio - np.nanmedian(ratio)) * truth / np.sqrt(star.variance)
    assert np.nanstd(pull) == pytest.approx(1, abs=0.25)


def test_parts_of_the_pixels_tell_the_same(pixels: Pixels) -> None:
    whole = measure_star([near_star(pixels, 0.0, 0.0)], 5400.0, 1.25, 1280)
    edges = np.linspace(0, pixels.data.size, 8).astype(int)
    parts = [Pixels._make(c[a:b] for c in pixels) for a, b in pairwise(edges)]
    cut = measure_star([near_star(part, 0.0, 0.0) for part in parts], 5400.0, 1.25, 1280)
    np.testing.assert_allclose(cut.flux, whole.flux, rtol=1e-3)
    np.testing.assert_allclose(cut.centre, whole.centre, atol=1e-3)


def test_total_flux_in_a_small_field() -> None:
    small = field(np.random.default_rng(6), width=60)
    star = measure_star([near_star(small, 0.0, 0.0)], 5400.0, 1.25, 1280)
    ratio = star.flux / (3e4 * (1 + 0.3 * np.sin(star.wavelength / 200)))
    assert abs(np.nanmedian(ratio) - 1) < 0.02


def test_a_neighbour_changes_the_flux_little(pixels: Pixels) -> None:
    """Unless it is told of, its light is taken for sky and wings: a third is missing."""
    place = (-18.0, 4.0)
    r = np.hypot(pixels.xpos - place[0], pixels.ypos - place[1])
    data = (pixels.data + 3e3 * shape(r, 4.0)).astype(np.float32)
    near = near_star(pixels._replace(data=data), 0.0, 0.0, [place])
    star = measure_star([near], 5400.0, 1.25, 1280)
    ratio = star.flux / (3e4 * (1 + 0.3 * np.sin(star.wavelength / 200)))
    assert abs(np.nanmedian(ratio) - 1) < 0.02


def test_cosmic_rays_do_not_matter(pixels: Pixels) -> None:
    rng = np.random.default_rng(2)
    hit = rng.random(pixels.data.size) < 3e-4
    dirty = pixels._replace(
        data=np.where(hit, pixels.data + 3000, pixels.data).astype(np.float32)
    )
    clean = measure_star([near_star(pixels, 0.0, 0.0)], 5400.0, 1.25, 1280).flux
    found = measure_star([near_star(dirty, 0.0, 0.0)], 5400.0, 1.25, 1280).flux
    assert np.nanmedian(found / clean) == pytest.approx(1, abs=2e-3)


def test_position_follows_refraction(pixels: Pixels) -> None:
    star = measure_star([near_star(pixels, 0.5, 0.5)], 5400.0, 1.25, 1280)
    expected = 1.3 - 0.5 + (star.bands - 6200) / 1600 * 0.4
    np.testing.assert_allclose(star.centre[:, 0], expected, atol=0.02)
    np.testing.assert_allclose(star.centre[:, 1], 0.1, atol=0.02)


@pytest.mark.parametrize("kind", ["gaussian", "moffat", "smoffat", "circle", "square"])
def test_other_profiles_differ_by_what_they_miss(pixels: Pixels, kind: str) -> None:
    found = measure_star([near_star(pixels, 0, 0)], 5400.0, 1.25, 1280, kind)  # type: ignore[arg-type]
    truth = 3e4 * (1 + 0.3 * np.sin(found.wavelength / 200))
    assert 0.75 < np.nanmedian(found.flux / truth) < 1.1


def test_encircled_light_of_a_gaussian() -> None:
    profile = np.exp(-(RADII**2) / 18) / (18 * np.pi)
    expected = 1 - np.exp(-(RADII**2) / 18)
    np.testing.assert_allclose(encircled(profile, RADII), expected, atol=0.01)


def test_empty_field_is_refused() -> None:
    pixels = field(np.random.default_rng(3), brightness=0.0)
    dark = pixels._replace(data=np.zeros_like(pixels.data))
    with pytest.raises(BadInput, match="no star"):
        measure_star([near_star(dark, 0, 0)], 5400.0, 1.25, 1280)
