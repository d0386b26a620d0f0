"""The drift of stars that a wrong correction of refraction leaves is found and undone."""

import numpy as np
import pytest

from pipeline.algorithms.dar import DAR_CHECK, DAR_CORRECTED
from pipeline.algorithms.dar_check import star_drift, straightened
from pipeline.algorithms.exposure import merge
from pipeline.algorithms.field import FieldExposure
from pipeline.spec import BadInput
from tests.pipeline.algorithms.test_star import shape
from tests.pipeline.field_pixels import field_pixels

STARS = ((-14.2, 3.1), (9.6, -4.4), (20.3, 5.2))
SLOPE = (2e-4, -1.5e-4)
"""Drift of the stars [pix/Angstrom]."""


def exposure(stars):
    def light(wavelength, x, y):
        total = np.full(x.shape, 3.0)
        for star_x, star_y in stars:
            dx = x - star_x - SLOPE[0] * (wavelength - 6200)
            dy = y - star_y - SLOPE[1] * (wavelength - 6200)
            total += 2000 * shape(np.hypot(dx, dy), 3.8)
        return total

    return FieldExposure(merge(field_pixels(light, "PIXTABLE_STD")), (), 4000, 10000)


def test_drift_is_measured_and_taken_out():
    field, words = straightened(exposure(STARS), 6200.0, correct=True)
    assert words[DAR_CHECK] == pytest.approx(0.2 * np.hypot(*SLOPE) * 700, rel=0.15)
    assert words[DAR_CORRECTED] == 6200.0
    wavelength, drift = star_drift(field)
    assert len(wavelength) > 8
    assert np.ptp(drift, axis=0).max() < 0.03


def test_a_check_changes_nothing():
    field = exposure(STARS)
    same, words = straightened(field, 6200.0, correct=False)
    assert same is field and DAR_CORRECTED not in words


def test_an_empty_field_is_refused():
    with pytest.raises(BadInput, match="no stars"):
        star_drift(exposure(()))
