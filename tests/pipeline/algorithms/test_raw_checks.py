"""Exposures with a bad quadrant are refused, doubtful overscans are named."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.algorithms.detector import calibrated
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.raw_checks import check_exposures, check_light
from pipeline.instrument import MINI
from pipeline.spec import BadInput
from tests.pipeline.mini_calibrations import arcs, flats, master_bias

PORT = MINI.quadrants()[1]


def exposures(raws, change=None, number=1):
    """Return exposures in counts, the raw counts of one of them changed."""
    found = list(raws)
    if change is not None:
        counts = found[number].data.astype(np.int64)
        change(counts)
        found[number] = replace(found[number], data=counts.astype(np.uint16))
    return [calibrated(raw, master_bias(), OverscanParams()) for raw in found]


def raised_overscan(amount):
    def change(counts):
        counts[PORT.raw_y, PORT.over_x] += amount
        counts[PORT.over_y, PORT.raw_x] += amount

    return change


def port_of(value):
    def change(counts):
        counts[PORT.raw_y, PORT.raw_x] = value

    return change


def level_alone(counts):
    shape = counts[PORT.raw_y, PORT.raw_x].shape
    counts[PORT.raw_y, PORT.raw_x] = np.resize(counts[PORT.raw_y, PORT.over_x], shape)


@pytest.mark.parametrize("lamp", ["Ne", "Xe", "HgCd"])
def test_good_exposures_pass_in_silence(lamp, caplog):
    check_exposures(exposures(arcs(lamp, n=3)))
    check_exposures(exposures(flats()), lit=True)
    check_light(exposures(flats()))
    assert not caplog.records


@pytest.mark.parametrize("amount", [20, -20])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_overscan_apart_from_its_data_is_named(amount, number, caplog):
    raws = arcs("Xe", n=3)
    check_exposures(exposures(raws, raised_overscan(amount), number))
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{raws[number].name}, quadrant 2: the darkest")


def test_a_single_exposure_below_its_overscan_is_named(caplog):
    check_exposures(exposures(arcs("Ne", n=1), raised_overscan(20), 0))
    assert "quadrant 2" in caplog.text


def test_another_exposure_time_is_no_fault(caplog):
    def brighter(counts):
        counts[...] = np.where(counts > 1500, counts + (counts - 1500) // 2, counts)

    check_exposures(exposures(flats(), brighter), lit=True)
    assert not caplog.records


@pytest.mark.parametrize(("value", "word"), [(0, "dead"), (65535, "saturated")])
def test_a_dead_or_saturated_quadrant_is_refused(value, word):
    with pytest.raises(BadInput, match=f"quadrant 2: the quadrant is {word}"):
        check_exposures(exposures(arcs("Xe", n=3), port_of(value)))


@pytest.mark.parametrize("change", [port_of(0), level_alone])
def test_a_lit_exposure_has_no_dark_quadrant(change):
    raws = flats()
    with pytest.raises(BadInput, match="quadrant 2") as refused:
        check_light(exposures(raws, change))
    assert refused.value.file == raws[1].name
    with pytest.raises(BadInput, match="quadrant 2"):
        check_exposures(exposures(raws, change), lit=True)
