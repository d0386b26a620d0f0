import numpy as np
import pytest

from pipeline.instrument import FULL, MINI
from pipeline.simulator.boxes import slice_boxes
from pipeline.simulator.optics import Drift, optics


@pytest.mark.parametrize(("size", "ifu"), [(MINI, 1), (MINI, 4), (FULL, 1), (FULL, 24)])
def test_slices_have_widths_that_tracing_accepts_and_do_not_touch(size, ifu):
    truth = optics(size, ifu)
    width = truth.right - truth.left
    assert width.min() > size.slice_width_min and width.max() < size.slice_width_max
    assert (truth.left[1:] - truth.right[:-1]).min() > 4
    assert truth.left.min() > 1 and truth.right.max() < size.shape[1]


@pytest.mark.parametrize("size", [MINI, FULL])
def test_every_slice_records_the_nominal_range_rising_with_the_row(size):
    centre = optics(size, 2).wave[:, :, 0]
    assert np.diff(centre, axis=1).min() > 1.2 and np.diff(centre, axis=1).max() < 1.31
    assert centre[:, 0].max() < size.blue and centre[:, -1].min() > size.red


def test_measured_boxes_skip_the_overscan_in_the_middle():
    box = slice_boxes(FULL, 1)[24]
    assert (box.left, box.right) == (2075 - 32, 2214 - 96)


def test_steps_of_three_neighbouring_slices():
    bottoms = [box.bottom for box in slice_boxes(FULL, 1)[:6]]
    assert np.diff(bottoms).round(-1).tolist() == [120, 130, -260, 120, 120]


def test_boxes_lie_at_the_ends_of_the_spectrum():
    box = slice_boxes(FULL, 3)[10]
    wavelength = optics(FULL, 3).wave[10, int(box.bottom) - 1, 0]
    assert wavelength == pytest.approx(FULL.blue, abs=0.1)


def test_drift_moves_lines_up_and_slices_right():
    truth = optics(MINI, 1)
    moved = truth.drifted(Drift(x=0.1, wavelength=0.05))
    assert np.allclose(moved.left - truth.left, 0.1)
    assert np.allclose(moved.wave[:, :, 0] - truth.wave[:, :, 0], -0.05)


def test_field_is_mirrored_inside_a_slice():
    truth, row = optics(MINI, 1), np.array([600, 600])
    edges = np.array([truth.left[0, 599], truth.right[0, 599]])
    x, y = truth.field(1, edges, row)
    assert x[0] - x[1] == pytest.approx(truth.sky_width[0], rel=1e-6)
    assert np.allclose(y, truth.sky_y[0], atol=0.05)


def test_wavelength_is_curved_along_a_slice():
    truth = optics(MINI, 1)
    x = np.linspace(truth.left[0, 599], truth.right[0, 599], 3)
    wavelength = truth.wavelength(1, x, np.full(3, 600))
    assert wavelength[0] + wavelength[2] - 2 * wavelength[1] > 0.3
