"""Tests of reading the calibration tables of an IFU."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.geometry import nearest_slices, slice_map
from pipeline.instrument import MINI
from pipeline.spec import BadInput
from tests.pipeline.mini_tables import geometry_table, trace_table, wavecal_table


def test_polynomials_are_in_place():
    slices = slice_map(
        2, MINI.shape, trace_table(), wavecal_table(), geometry_table((1, 2))
    )
    assert slices.left.shape == (MINI.n_slices, 6)
    assert slices.wave.shape == (MINI.n_slices, 3, 7)
    width = (slices.right - slices.left).sum(axis=1)
    assert_allclose(width, MINI.slice_width)
    assert_allclose(slices.place[4, :2], MINI.slice_centre(2, 5))


def test_order_of_the_rows_does_not_matter():
    shuffled = geometry_table((2, 1))
    order = np.random.default_rng(1).permutation(2 * MINI.n_slices)
    table = shuffled.tables[""]
    shuffled.tables[""] = table._replace(
        columns={k: v[order] for k, v in table.columns.items()}
    )
    tables = trace_table(), wavecal_table()
    expected = slice_map(1, MINI.shape, *tables, geometry_table((1, 2)))
    assert_allclose(slice_map(1, MINI.shape, *tables, shuffled).place, expected.place)


def test_without_geometry_all_slices_lie_at_the_origin():
    slices = slice_map(1, MINI.shape, trace_table(), wavecal_table())
    assert (slices.place[:, :2] == 0).all()


def test_missing_ifu_names_the_table():
    with pytest.raises(BadInput, match="SubField: no slices of IFU 3"):
        slice_map(3, MINI.shape, trace_table(), wavecal_table(), geometry_table((1, 2)))


def test_lost_slices_are_left_out_with_a_warning(caplog):
    trace, wavecal = trace_table(), wavecal_table()
    trace.tables[""].columns["tc1_00"][2] = np.nan
    wavecal.tables[""].columns["wlc01"][6] = np.nan
    slices = slice_map(1, MINI.shape, trace, wavecal, geometry_table())
    assert slices.numbers.tolist() == [1, 2, 4, 5, 6, 8, 9, 10, 11, 12]
    whole = slice_map(1, MINI.shape, trace_table(), wavecal_table(), geometry_table())
    kept = slices.numbers - 1
    for name in ("left", "right", "wave", "place"):
        assert_allclose(getattr(slices, name), getattr(whole, name)[kept])
    assert "no solution for slice 3 of IFU 1" in caplog.text
    assert "no solution for slice 7 of IFU 1" in caplog.text


def test_neighbours_stand_in_for_lost_slices():
    numbers = np.array([1, 3, 4])
    assert nearest_slices(numbers, 5).tolist() == [0, 0, 1, 2, 2]


def test_a_table_without_any_solution_is_refused():
    wavecal = wavecal_table()
    wavecal.tables[""].columns["wlc00"][:] = np.nan
    with pytest.raises(BadInput, match="no slice with a trace and wavelengths"):
        slice_map(1, MINI.shape, trace_table(), wavecal)


def test_a_slice_without_a_place_is_named():
    geometry = geometry_table()
    geometry.tables[""].columns["x"][4] = np.nan
    with pytest.raises(BadInput, match="no place for slice"):
        slice_map(1, MINI.shape, trace_table(), wavecal_table(), geometry)


def test_missing_column_is_named():
    broken = trace_table()
    for k in range(6):
        del broken.tables[""].columns[f"tc1_{k:02d}"]
    with pytest.raises(BadInput, match="tc1"):
        slice_map(1, MINI.shape, broken, wavecal_table(), geometry_table())
