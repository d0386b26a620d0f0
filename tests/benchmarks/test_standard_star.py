"""A standard star on six IFUs, each of whose photons is known."""

import numpy as np
import pytest

from benchmarks.standard_star import (
    frames_of_star,
    telluric_errors,
    throughput_error,
)
from pipeline.memory import MemoryOutputs
from pipeline.recipes.standard import StandardParams, standard

LAST_BAND = 9000.0
"""The band beyond has no red side to which its continuum could hold."""


@pytest.fixture(scope="module")
def products():
    out = MemoryOutputs()
    standard.run(frames_of_star(), StandardParams(), out)
    return out


def test_throughput_is_right_to_a_percent(products):
    level, scatter = throughput_error(products["STD_RESPONSE"].tables[""].columns)
    assert abs(level) < 0.005 and scatter < 0.005


def test_telluric_absorption_is_right_to_two_percent(products):
    columns = products["STD_TELLURIC"].tables[""].columns
    found = np.array(list(telluric_errors(columns)))
    assert np.abs(found[:, 1]).max() < 0.02
    assert found[found[:, 0] < LAST_BAND, 2].max() < 0.02
