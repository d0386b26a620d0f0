"""Tests of line spread functions given by parameters."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from pipeline.algorithms.lsf import read_lsf
from pipeline.algorithms.lsf_hermit import (
    GaussHermite,
    fit_gauss_hermite,
    is_usable,
    parameter_table,
)
from pipeline.memory import MemoryTable
from pipeline.spec import BadInput

X = np.linspace(-10, 10, 2001)
STEP = X[1] - X[0]
WAVELENGTH = np.array([5000.0, 7000.0, 9000.0])
PLAIN = GaussHermite(2.0, 1.0, np.array([0.7, 0.0, 0.0]), (np.zeros(2),) * 4)
REAL = GaussHermite(
    2.51,
    1.30,
    np.array([0.444, -7.77e-6, 6e-8]),
    tuple(map(np.array, ([-0.47, 0.0], [1.777, 3.6e-4], [-0.3, 0.0], [2.86, 3.4e-4]))),
)
"""Parameters of the size that the genuine pipeline's own tests use."""


def test_without_terms_it_is_a_gaussian_through_two_boxes():
    fine = np.linspace(-3, 3, 6001)
    slit, pixel = (np.abs(fine) <= 1.0) * 1.0, (np.abs(fine) <= 0.5) * 1.0
    boxes = np.convolve(slit, pixel, "same")
    kernel = boxes / boxes.sum()
    expected = [np.sum(kernel * norm.pdf(x - fine, scale=0.7)) for x in X[::100]]
    assert_allclose(PLAIN.at(WAVELENGTH, X)[1, ::100], expected, atol=6e-4)


@pytest.mark.parametrize("function", [PLAIN, REAL])
def test_area_is_one_and_mean_zero(function):
    profiles = function.at(np.linspace(4600, 9400, 9), X)
    assert_allclose(profiles.sum(axis=1) * STEP, 1, atol=1e-4)
    assert_allclose((profiles * X).sum(axis=1) * STEP, 0, atol=1e-3)


def test_third_order_skews_the_profile():
    terms = (np.array([0.5, 0.0]), *PLAIN.terms[1:])
    skewed = replace(PLAIN, terms=terms).at(WAVELENGTH, X)[1]
    assert abs((PLAIN.at(WAVELENGTH, X)[1] * X**3).sum()) * STEP < 1e-6
    assert abs((skewed * X**3).sum()) * STEP > 0.02


def test_a_fit_finds_its_own_profiles():
    profiles = REAL.at(WAVELENGTH, X[::20])
    found = fit_gauss_hermite(WAVELENGTH, X[::20], profiles)
    assert_allclose(found.at(WAVELENGTH, X[::20]), profiles, atol=0.01 * profiles.max())
    again = fit_gauss_hermite(WAVELENGTH, X[::20], profiles, found)
    assert_allclose(again.at(WAVELENGTH, X), found.at(WAVELENGTH, X), atol=2e-3)


def frame(functions, name="SLICE_PARAM", **changed):
    table = parameter_table(7, functions)
    columns = {k: changed.get(k, v) for k, v in table.columns.items()}
    tables = {name: table._replace(columns=columns)}
    return MemoryTable(tables, tag="LSF_PROFILE", ifu=7, name="lsf.fits")


@pytest.mark.parametrize("name", ["SLICE_PARAM", "CHAN07.SLICE_PARAM"])
def test_a_table_is_read_back(name):
    found = read_lsf([frame([PLAIN, REAL], name)])
    assert set(found) == {(7, 1), (7, 2)}
    for number, function in ((1, PLAIN), (2, REAL)):
        one = found[7, number]
        offsets = one.offsets[0] + one.offsets[1] * np.arange(one.profiles.shape[1])
        nodes = one.nodes[0] + one.nodes[1] * np.arange(len(one.profiles))
        expected = function.at(nodes, offsets)
        assert_allclose(one.profiles, expected, atol=3e-3 * expected.max())


def test_cells_of_one_number_are_understood():
    single = frame([PLAIN, PLAIN], hermit3=np.zeros(2), hermit5=np.zeros(2))
    assert set(read_lsf([single])) == {(7, 1), (7, 2)}


def test_a_failed_fit_is_refused():
    failed = replace(PLAIN, width=np.array([0.1, 0.0, -1e-7]))
    assert is_usable(REAL) and not is_usable(failed)
    with pytest.raises(BadInput, match="slice 2 is empty"):
        read_lsf([frame([PLAIN, failed])])


def test_a_table_of_another_kind_is_refused():
    table = parameter_table(7, [PLAIN])
    columns = {k: v for k, v in table.columns.items() if k != "slit_width"}
    other = MemoryTable({"SLICE_PARAM": table._replace(columns=columns)}, name="x.fits")
    with pytest.raises(BadInput, match="no column slit_width"):
        read_lsf([other])
    with pytest.raises(BadInput, match="no line spread functions"):
        read_lsf([MemoryTable({"OTHER": table}, name="y.fits")])
