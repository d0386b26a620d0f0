"""Tests of walking over the elements of a field several times."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.algorithms import field as fields
from pipeline.algorithms.exposure import MergedPixels, merge
from pipeline.algorithms.field import FieldExposure, refraction_step
from pipeline.algorithms.field_elements import FieldElements
from pipeline.algorithms.flux_calibration import FluxCalibration
from pipeline.parallel import memory_budget
from tests.pipeline.slice_pixels import slice_pixels

HEADER = {"ESO TEL AIRM START": 1.4, "ESO TEL PARANG START": 20.0}
STEPS = (FluxCalibration(np.linspace(2.0, 3.0, 22601)), *refraction_step(HEADER, 7000.0))
N_PIXELS, BLOCK = 24 * 20 * 12, 600


def brighter_to_the_right(pixels):
    pixels.data[:] += pixels.xpos
    return pixels


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(fields, "BLOCK", BLOCK)


@pytest.fixture
def asked(monkeypatch):
    """What was read: whether with positions."""
    found, usual = [], MergedPixels.read

    def read(self, rows, columns):
        found.append("xpos" in columns)
        return usual(self, rows, columns)

    monkeypatch.setattr(MergedPixels, "read", read)
    return found


def exposure(steps=STEPS, every=1):
    table = slice_pixels()
    pixels = table.pixels
    pixels.dq[7::11] = 1
    pixels.data[5::13] = np.nan
    return FieldExposure(merge([table]), steps, 5002.0, 5010.0, every=every)


def walked(elements):
    parts = list(elements.walk())
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def of_all_columns(field):
    """Element and light of all pixels, without a kernel."""
    parts = list(field.walk())
    x, y, wavelength, data, dq, stat, _ = (
        np.concatenate(c) for c in zip(*parts, strict=True)
    )
    _, ny, nx = field.grid.shape
    a, b = (
        np.floor(value - np.float64(corner) + 0.5).astype(int)
        for value, corner in zip((x, y), field.grid.corner, strict=True)
    )
    good = (a >= 0) & (a < nx) & (b >= 0) & (b < ny) & (dq == 0) & np.isfinite(data)
    return np.where(good, b * nx + a, -1), wavelength, data, stat


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("steps", [STEPS, (*STEPS, brighter_to_the_right)])
@pytest.mark.parametrize("memory", [4.0, 5.5 * BLOCK * 4 / 0.05 / 1e9, 1e-9])
def test_every_walk_meets_the_same_pixels(memory, steps, every):
    field = exposure(steps, every)
    _ = field.grid
    with memory_budget(memory):
        elements = FieldElements(field)
    for _ in range(3):
        for found, expected in zip(walked(elements), of_all_columns(field), strict=True):
            assert_array_equal(found, expected)


@pytest.mark.parametrize("n_kept", [10, 5, 0])
def test_positions_are_read_once_as_far_as_there_is_memory(n_kept, asked):
    field = exposure()
    _ = field.grid
    with memory_budget((n_kept + 0.5) * BLOCK * 4 / 0.05 / 1e9):
        elements = FieldElements(field)
    asked.clear()
    walked(elements)
    assert asked == [True] * (-(-N_PIXELS // BLOCK))
    asked.clear()
    walked(elements)
    assert sorted(asked) == [False] * n_kept + [True] * (10 - n_kept)


def test_steps_that_look_at_positions_get_them_each_time(asked):
    field = exposure((brighter_to_the_right,))
    _ = field.grid
    elements = FieldElements(field)
    asked.clear()
    walked(elements)
    walked(elements)
    assert all(asked)
