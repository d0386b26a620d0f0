"""Tests of the sequence of slices in the field and of its smoothing."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from pipeline.algorithms.slice_places import MaskScale, Places, stack_rows, warn_of_gaps
from pipeline.algorithms.smooth_places import smooth_places
from pipeline.instrument import FULL, PINHOLE_ROWS
from pipeline.simulator.optics import optics

SCALE = MaskScale(8.525, 0.646)
ROW = PINHOLE_ROWS * SCALE.pixels


def truth(ifus, error=0.001):
    """The slices of some IFUs as the simulator has them, with errors of that size."""
    parts = []
    for ifu in ifus:
        o = optics(FULL, ifu).rearranged(3)
        ccd = np.arange(1, FULL.n_slices + 1)
        sky = np.array([FULL.sky_slice(int(number)) for number in ccd])
        errors = [np.full(len(ccd), error)] * 4
        parts.append(
            Places(
                np.full(len(ccd), ifu), ccd, sky,
                o.sky_x, o.sky_y, o.sky_angle, o.sky_width, *errors,
            )
        )  # fmt: skip
    return Places.join(parts)


def seen_through_any_row(places):
    """Places as single rows of holes show them: y is known up to whole rows."""
    rows = np.random.default_rng(2).integers(-3, 4, len(places.y))
    return replace(places, y=places.y + rows * ROW)


@pytest.mark.parametrize("ifus", [(12,), (1, 2, 3), (10, 11, 12, 13, 14), (20, 22)])
def test_rows_are_put_in_sequence(ifus):
    places = truth(ifus)
    found = stack_rows(seen_through_any_row(places), FULL, SCALE)
    away = found.y - places.y
    np.testing.assert_allclose(away, away[0], atol=1e-9)
    away = found.x - places.x
    np.testing.assert_allclose(away, away[0], atol=1e-9)


def test_lost_slices_stay_lost_and_spoil_nothing():
    places = truth((12, 13))
    lost = np.arange(len(places.y)) % 7 == 0
    seen = seen_through_any_row(replace(places, y=np.where(lost, np.nan, places.y)))
    found = stack_rows(seen, FULL, SCALE)
    assert np.isnan(found.y[lost]).all()
    away = (found.y - places.y)[~lost]
    np.testing.assert_allclose(away, away[0], atol=1e-9)


def test_a_missing_ifu_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        warn_of_gaps((1, 2, 4), {1: "a.fits", 2: "b.fits", 4: "c.fits"})
    assert "no data of IFU 3" in caplog.text and "c.fits" in caplog.text
    assert len(caplog.records) == 1


def test_real_deviations_stay():
    places = truth((12,))
    found = smooth_places(places, FULL, 1.5, keep_real=True)
    assert found.changed == {"x": 0, "y": 0, "angle": 0, "width": 0}
    np.testing.assert_array_equal(found.places.y, places.y)


def test_the_genuine_smoothing_replaces_what_deviates():
    places = truth((12,))
    found = smooth_places(places, FULL, 1.5, keep_real=False)
    changed = found.places.y != places.y
    assert 2 < changed.sum() == found.changed["y"] < 20
    for stack in range(4):
        here = (places.sky - 1) // 12 == stack
        line = np.polynomial.Polynomial.fit(places.sky[here], places.y[here], 1)
        away = np.abs(places.y - line(places.sky))[here]
        limit = 1.5 * np.sqrt(np.mean(away**2))
        np.testing.assert_array_equal(changed[here], away > limit)


def test_what_was_not_measured_is_interpolated():
    places = truth((12,))
    y, error = places.y.copy(), places.y_error.copy()
    y[5], error[5] = np.nan, np.nan
    y[20], error[20] = y[20] + 3.0, 0.5
    smoothed = smooth_places(replace(places, y=y, y_error=error), FULL, 1.5, keep_real=True)
    assert smoothed.changed["y"] == 2
    assert np.abs(smoothed.places.y - places.y).max() < 0.1


def test_smoothing_knows_no_unit():
    places = truth((12,))
    turned = replace(places, x=places.x * 7, x_error=places.x_error * 7)
    one, other = (smooth_places(p, FULL, 1.5, keep_real=False) for p in (places, turned))
    np.testing.assert_allclose(other.places.x, 7 * one.places.x)
