"""Centres of stars: true places, honest errors, neighbours, the rim of the image."""

import numpy as np
import pytest

from pipeline.algorithms.centroids import measure_centroids

SHAPE = (40, 90)
SKY, NOISE = 100.0, 6.0
FWHM = 3.8


def profile(x, y):
    """A star of unit flux: neither a Gaussian nor a Moffat function of beta 2.5."""
    rows, columns = np.indices(SHAPE) + 1.0
    r2 = (columns - x) ** 2 + (rows - y) ** 2
    total = np.zeros(SHAPE)
    for share, beta in ((0.86, 7.0), (0.14, 2.0)):
        a2 = (FWHM / 2) ** 2 / (2 ** (1 / beta) - 1)
        total += share * (beta - 1) / (np.pi * a2) * (1 + r2 / a2) ** -beta
    return total


def picture(places, fluxes, seed=1):
    """An image of stars and its variance."""
    light = SKY + sum(f * profile(*p) for p, f in zip(places, fluxes, strict=True))
    stat = NOISE**2 + light
    rng = np.random.default_rng(seed)
    return light + np.sqrt(stat) * rng.standard_normal(SHAPE), stat


def matched(stars, places):
    """Index of the star found nearest to each place."""
    return [int(np.argmin(np.hypot(stars.x - x, stars.y - y))) for x, y in places]


PLACES = [(12.3, 10.7), (33.6, 28.2), (51.1, 14.9), (70.5, 25.4), (80.2, 8.1)]
FLUXES = [9e4, 5e4, 2e4, 4e4, 1.2e4]


@pytest.mark.parametrize(
    ("method", "error"), [("moffat", 0.04), ("gaussian", 0.04), ("box", 0.2)]
)
def test_stars_are_where_they_were_put(method, error):
    stars = measure_centroids(*picture(PLACES, FLUXES), 1.5, method)
    assert len(stars.x) == len(PLACES)
    found = matched(stars, PLACES)
    away = np.hypot(*(np.stack([stars.x[found], stars.y[found]], axis=1) - PLACES).T)
    assert away.max() < error
    assert (np.diff(stars.flux) <= 0).all()


def test_widths_and_fluxes_are_those_of_the_stars():
    stars = measure_centroids(*picture(PLACES, FLUXES), 1.5, "moffat")
    found = matched(stars, PLACES)
    assert np.abs(stars.fwhm_x[found][:4] / FWHM - 1).max() < 0.06
    assert np.abs(stars.flux[found][:4] / FLUXES[:4] - 1).max() < 0.1


def test_errors_are_those_of_the_scatter():
    pulls = []
    for seed in range(8):
        stars = measure_centroids(*picture(PLACES, FLUXES, seed), 1.5, "moffat")
        found = matched(stars, PLACES)
        pulls.append((stars.x[found] - [p[0] for p in PLACES]) / stars.x_error[found])
        pulls.append((stars.y[found] - [p[1] for p in PLACES]) / stars.y_error[found])
    width = 1.4826 * np.median(np.abs(np.concatenate(pulls)))
    assert 0.8 < width < 1.25


def test_a_neighbour_does_not_pull():
    places = [(30.0, 20.0), (36.5, 21.0)]
    stars = measure_centroids(*picture(places, [6e4, 2e4]), 1.5, "moffat")
    found = matched(stars, places)
    away = np.stack([stars.x[found], stars.y[found]], axis=1) - places
    assert np.abs(away[0]).max() < 0.02
    assert np.abs(away[1]).max() < 0.06


def test_stars_on_the_rim_are_left_out():
    image, stat = picture([*PLACES, (45.0, 39.8)], [*FLUXES, 9e4])
    stars = measure_centroids(image, stat, 1.5, "moffat")
    assert np.hypot(stars.x - 45.0, stars.y - 39.8).min() > 5


@pytest.mark.parametrize("value", [np.nan, 5.0])
def test_an_image_without_stars_gives_none(value):
    image = np.full(SHAPE, value)
    assert len(measure_centroids(image, np.ones(SHAPE), 1.5, "moffat").x) == 0
