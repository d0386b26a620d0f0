"""Tests of the instrument modes."""

import numpy as np
import pytest

from pipeline.algorithms.modes import instrument_mode, notch_filter, useful_wavelengths
from pipeline.flags import Flag
from pipeline.spec import Pixels


@pytest.mark.parametrize(
    ("mode", "first"),
    [("WFM-NOAO-N", 4750), ("WFM-NONAO-E", 4600), ("WFM-AO-N", 4700), ("NFM-AO-N", 4750)],
)
def test_first_wavelength(mode, first):
    assert useful_wavelengths({"ESO INS MODE": mode}) == (first, 9350.0)


def test_unknown_mode_is_the_nominal_one():
    assert instrument_mode({"ESO INS MODE": "XYZ"}) == instrument_mode({}) == "WFM-NOAO-N"
    assert notch_filter({}) == []


def test_notch_filter_flags_its_range():
    wavelength = np.array([5800.0, 5900.0, 5970.0], np.float32)
    columns = {name: np.zeros(3, np.float32) for name in Pixels._fields}
    pixels = Pixels(**columns)._replace(wavelength=wavelength, dq=np.zeros(3, np.uint32))
    (notch,) = notch_filter({"ESO INS MODE": "WFM-AO-N"})
    notch(1, pixels)
    assert list(pixels.dq) == [0, Flag.NOTCH_FILTER, 0]
