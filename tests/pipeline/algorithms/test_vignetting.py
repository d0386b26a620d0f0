"""Tests of vignetted regions of the field."""

import numpy as np
import pytest

from pipeline.algorithms.vignetting import (
    Smoothing,
    adapted_mask,
    smoothed_region,
    steep_pixels,
    top_of_field,
)

SHAPE = (30, 80)
NONE = np.zeros(SHAPE, bool)


def corner():
    """How far pixels are inside the lower right corner, 0 outside."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.clip(1 - np.hypot((x - 79) / 35, y / 18), 0, 1)


def bright(noise=0.0, seed=1):
    """A field that is too bright in that corner."""
    rng = np.random.default_rng(seed)
    return (1 + 0.2 * corner() + rng.normal(0, noise, SHAPE)).astype(np.float32)


def settings(method="polyfit", x=-1, y=-1, steepest=0.05, brightens=True):
    return Smoothing(method, x, y, steepest, brightens)


@pytest.mark.parametrize(
    ("method", "worst"), [("polyfit", 0.02), ("median", 0.02), ("gaussian", 0.08)]
)
def test_the_lost_light_is_found(method, worst):
    mask = corner() > 0
    found = smoothed_region(bright(noise=2e-3), mask, NONE, settings(method))
    assert np.abs(found.factor - 1 - 0.2 * corner()).max() < worst
    assert (found.factor[~mask] == 1).all() and found.factor.min() == 1


def test_a_larger_gaussian_smooths_more():
    mask = corner() > 0
    rough = bright(noise=0.02)
    few, many = (
        smoothed_region(rough, mask, NONE, settings("gaussian", n, n, 0.0)).factor[mask]
        for n in (3, 12)
    )
    assert np.abs(np.diff(many)).mean() < np.abs(np.diff(few)).mean()


def test_pixels_outside_the_field_keep_their_level():
    bad = NONE.copy()
    bad[:, -1] = True
    found = smoothed_region(bright(), corner() > 0, bad, settings())
    assert (found.factor[:, -1] == 1).all() and found.factor[0, -2] > 1.15
    assert not found.used[:, -1].any()


def test_steep_pixels_are_left_out():
    ratio = bright()
    ratio[4, 60] = 1.6
    region = corner() > 0
    steep = steep_pixels(ratio, region, 0.1)
    assert steep[4, 60] and steep.sum() == 1
    clean = smoothed_region(bright(), region, NONE, settings()).factor
    found = smoothed_region(ratio, region, NONE, settings()).factor
    np.testing.assert_allclose(found, clean, atol=5e-3)
    spoiled = smoothed_region(ratio, region, NONE, settings(steepest=0.0)).factor
    assert np.abs(spoiled - clean).max() > np.abs(found - clean).max()


def test_the_narrow_field_only_darkens():
    y = np.arange(SHAPE[0])[:, None]
    loss = np.clip((y - 19) / 10, 0, 1) * 0.3
    ratio = (1 - loss + np.zeros(SHAPE)).astype(np.float32)
    mask = top_of_field(SHAPE, 14)
    narrow = settings(steepest=0.0, brightens=False)
    found = smoothed_region(ratio, mask, NONE, narrow)
    assert found.factor.max() == 1 and (found.factor[:15] == 1).all()
    assert np.abs(found.factor - ratio).max() < 0.02


def test_the_top_of_the_field_has_one_more_row():
    assert top_of_field((100, 5), 22).sum() == 23 * 5
    assert top_of_field((10, 5), 22).all()


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, -1), (-1, -1), (-1, 0)])
def test_a_masked_corner_stays_in_its_corner(rows, columns):
    mask = np.zeros((40, 60), bool)
    part = (
        slice(None, 5) if rows == 0 else slice(-5, None),
        slice(None, 7) if columns == 0 else slice(-7, None),
    )
    mask[part] = True
    for shape in ((40, 60), (43, 65), (24, 50), (12, 20)):
        found = adapted_mask(mask, shape)
        assert found.sum() == 35 and found[part].all()


def test_other_quadrants_are_dropped():
    mask = np.zeros((40, 60), bool)
    mask[:5, :7] = mask[35:, 58:] = True
    assert adapted_mask(mask, (40, 60)).sum() == 35


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="empty"):
        adapted_mask(NONE, SHAPE)
    with pytest.raises(ValueError, match="no pixel"):
        smoothed_region(bright(), corner() > 0, ~NONE, settings())
