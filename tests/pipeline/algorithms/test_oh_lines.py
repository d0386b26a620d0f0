"""Tests of the lines of a SKY_LINES file, listed and thermal."""

import math

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.oh_lines import listed_lines, thermal_lines
from pipeline.algorithms.sky_lines import SkyLines
from pipeline.memory import MemoryTable
from pipeline.spec import BadInput, Table

TRANSITIONS = {
    "name": np.array(["OH 8-3 P1e(2.5)", "OH 8-3 P1e(3.5)", "OH 6-1 Q1(1.5)"]),
    "lambda": np.array([7316.3, 7329.1, 6553.6]),
    "v_u": np.array([8, 8, 6], np.int32),
    "v_l": np.array([3, 3, 1], np.int32),
    "nu": np.array([0, 0, 0], np.int32),
    "E_u": np.array([4.0e-21, 6.0e-21, 1.0e-21]),
    "J_u": np.array([1.5, 2.5, 1.5]),
    "A": np.array([0.3, 0.4, 0.1]),
}
LINES = {
    "name": np.array(["[O I]", "Na"]),
    "group": np.array([0, 4], np.int32),
    "lambda": np.array([6300.304, 5889.95]),
    "flux": np.array([900.0, 100.0]),
    "dq": np.array([0, 0], np.int32),
}
SCALED = "10**(-20)*erg/(s cm^2 arcsec^2)"


def frame(unit=SCALED, **tables):
    known = {
        "LINES": Table(LINES, {"flux": unit}),
        "OH_TRANSITIONS": Table(TRANSITIONS, {}),
    }
    return MemoryTable({n: known[n] for n in tables if tables[n]}, ifu=None)


def test_levels_are_populated_as_boltzmann_says():
    flux = thermal_lines(TRANSITIONS)["flux"]
    energy = (6.0e-21 - 4.0e-21) * u.J / (constants.k_B * 200 * u.K)
    photons = flux[1] * 7329.1 / (flux[0] * 7316.3)
    expected = 0.4 * 6 / (0.3 * 4) * math.exp(-energy.to_value(""))
    assert photons == pytest.approx(expected, rel=1e-5)


def test_a_single_transition_has_its_rate_times_the_energy_of_a_photon():
    energy = (constants.h * constants.c / (6553.6 * u.AA)).to_value("erg")
    flux = thermal_lines(TRANSITIONS)["flux"][2]
    assert flux == pytest.approx(2 * 0.1 * energy * 1e20 / 50, rel=1e-6)


def test_vibrational_levels_are_groups_behind_the_listed_ones():
    columns = listed_lines(frame(LINES=True, OH_TRANSITIONS=True))
    assert_array_equal(columns["group"], [0, 4, 6, 6, 5])
    assert_array_equal(columns["name"][:2], LINES["name"])
    assert_array_equal(columns["flux"][:2], LINES["flux"])
    lines = SkyLines.of(columns, 5000.0, 9000.0)
    assert_array_equal(lines.group, [0, 1, 3, 3, 2])


def test_either_extension_is_enough():
    assert len(listed_lines(frame(LINES=True))["flux"]) == 2
    alone = listed_lines(frame(OH_TRANSITIONS=True))
    assert_array_equal(alone["group"], [1, 1, 0])
    with pytest.raises(BadInput, match="LINES or OH_TRANSITIONS"):
        listed_lines(frame())


def test_plain_fluxes_are_scaled():
    plain = listed_lines(frame("erg/(s cm^2 arcsec^2)", LINES=True))
    assert_allclose(plain["flux"], np.array([900.0, 100.0]) * 1e20)
