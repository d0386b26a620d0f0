"""Tests of the agreement between a master bias and raw frames."""

import pytest

from pipeline.algorithms.bias_level import check_bias_level, warn_of_other_overscan
from pipeline.algorithms.overscan import OverscanParams, overscan_level
from pipeline.spec import BadInput
from tests.pipeline.algorithms.test_detector import LEVEL, master_bias, raw_frame


def made_with(**values):
    """A master bias that tells its parameters, as both pipelines write them."""
    header = {}
    known = {"overscan": "vpoly", "ovscreject": "dcr", "ovscsigma": "30", "ovscignore": "3"}
    names = {"nifu": "1", **known, **values}
    for number, (name, value) in enumerate(names.items(), 1):
        header[f"ESO PRO REC1 PARAM{number} NAME"] = name
        header[f"ESO PRO REC1 PARAM{number} VALUE"] = value
    return master_bias(**header)


@pytest.mark.parametrize("overscan", ["vpoly", "vpoly:15", "vpoly:15,1.00001,1.00001"])
def test_a_master_of_the_same_parameters_is_used_silently(caplog, overscan):
    warn_of_other_overscan(made_with(), OverscanParams(overscan=overscan))
    warn_of_other_overscan(master_bias(), OverscanParams(ovscignore=5))  # does not tell
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("overscan", "vpoly:3"),
        ("ovscreject", "fit"),
        ("ovscsigma", "5"),
        ("ovscignore", "7"),
    ],
)
def test_other_parameters_are_named(caplog, name, value):
    warn_of_other_overscan(made_with(**{name: value}), OverscanParams())
    (record,) = caplog.records
    text = record.getMessage()
    assert record.levelname == "WARNING" and "memory.fits" in text
    assert f"{name}={value}" in text and "Remedy: " in text


def with_overscan(mean):
    words = {f"ESO DRS MUSE OVSC{n} MEAN": mean + LEVEL[n - 1] for n in range(1, 5)}
    return words | {f"ESO DRS MUSE OVSC{n} STDEV": 2.5 for n in range(1, 5)}


@pytest.mark.parametrize(("shift", "fine"), [(200.0, True), (300.0, False)])
def test_the_overscan_of_vpoly_may_differ_by_a_hundred_deviations(shift, fine):
    params, raw = OverscanParams(), raw_frame()
    bias, level = master_bias(**with_overscan(shift)), overscan_level(raw, params)
    if fine:
        check_bias_level(raw, bias, level, params)
    else:
        with pytest.raises(BadInput, match="OVSC1 MEAN"):
            check_bias_level(raw, bias, level, params)


@pytest.mark.parametrize(("shift", "silent"), [(50.0, True), (100.0, False)])
def test_without_correction_other_levels_are_warned_of(caplog, shift, silent):
    params, raw = OverscanParams(overscan="none"), raw_frame()
    bias, level = master_bias(1000.0, **with_overscan(shift)), overscan_level(raw, params)
    check_bias_level(raw, bias, level, params)
    assert (not caplog.records) == silent
    assert silent or "OVSC1 MEAN: is" in caplog.text
