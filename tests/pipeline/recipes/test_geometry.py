"""Tests of muse_geometry on the mini instrument, against the truth of the simulator."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from pipeline.instrument import MINI
from pipeline.memory import MemoryOutputs
from pipeline.recipes.geometry import GeometryParams, geometry
from pipeline.simulator.mask import DARKEST, LINE_DISTANCE, LINE_SIGMA
from pipeline.simulator.optics import optics
from pipeline.spec import BadInput
from tests.pipeline import mini_mask
from tests.pipeline.mini_mask import IFUS, LAYOUT, N_STEPS, against_truth, frames

PARAMS = {"savereduced": False, "lambdamin": 6000.0, "lambdamax": 6500.0}


def run(given, **params):
    out = MemoryOutputs()
    geometry.run(given, GeometryParams(**{**PARAMS, **params}), out)
    return out


def table(out, tag="GEOMETRY_TABLE"):
    return out[tag].tables[""]


@pytest.fixture(scope="module")
def out():
    return run(frames(n_checks=1))


def rms(values):
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("tag", ["GEOMETRY_UNSMOOTHED", "GEOMETRY_TABLE"])
def test_slices_are_where_the_truth_puts_them(out, tag):
    away = against_truth(table(out, tag))
    assert len(away["x"]) == len(IFUS) * MINI.n_slices
    assert rms(away["x"]) < 0.02
    assert rms(away["y"]) < 0.02
    # three holes of the mini instrument are 20 pixels apart, not 50: smoothing does more
    assert rms(away["angle"]) < {"GEOMETRY_TABLE": 0.015}.get(tag, 0.01)
    assert rms(away["width"]) < 0.05


def test_the_truth_is_not_what_the_default_table_says():
    truth = [optics(MINI, ifu).rearranged(LAYOUT) for ifu in IFUS]
    nominal = np.array(
        [[MINI.slice_centre(o.ifu, s + 1) for s in range(MINI.n_slices)] for o in truth]
    )
    away = np.array([[o.sky_x, o.sky_y] for o in truth]) - np.moveaxis(nominal, 2, 1)
    assert (away - away.mean(axis=(0, 2), keepdims=True)).std(axis=(0, 2)).min() > 0.1


def test_origin_is_the_reference_slice(out):
    columns = table(out, "GEOMETRY_UNSMOOTHED").columns
    n, middle = MINI.slices_per_stack, columns["SubField"] == MINI.n_ifus // 2
    here = middle & (columns["SliceSky"] == n)
    beside = middle & (columns["SliceSky"] == 2 * n)
    assert columns["y"][here] == 0
    assert columns["x"][here] + columns["x"][beside] == pytest.approx(0)


def test_errors_are_of_the_size_of_the_deviations(out):
    found = table(out, "GEOMETRY_UNSMOOTHED")
    away = against_truth(found)
    for name in ("x", "y", "angle"):
        error = np.median(found.columns[f"{name}err"])
        assert rms(away[name]) / 4 < error < 4 * rms(away[name])


def test_columns_and_units_are_those_of_the_manual(out):
    found = table(out)
    assert list(found.columns)[:7] == [
        "SubField", "SliceCCD", "SliceSky", "x", "y", "angle", "width",
    ]  # fmt: skip
    assert found.units["angle"] == "deg" and found.units["x"] == "pix"
    assert (np.diff(found.columns["SubField"] * 100 + found.columns["SliceSky"]) > 0).all()
    spots = out.products["SPOTS_TABLE"]
    assert len(spots) == len(IFUS)
    first = spots[0].tables[""].columns
    assert {"filename", "VPOS", "SpotNo", "dxcen", "twidth", "bg"} <= set(first)
    assert len(first["flux"]) % (3 * N_STEPS) == 0


def test_qc_is_complete(out):
    qc = out["GEOMETRY_TABLE"].qc
    for name in (
        "IFU1 ANGLE", "IFU2 WLEN1", "IFU3 GAPPOS MEAN", "GAPPOS MEAN", "GAPPOS STDEV",
        "MASK ANGLE", "SMOOTH NX", "SMOOTH NANGLE", "TABLE NBAD",
    ):  # fmt: skip
        assert f"QC GEO {name}" in qc
    assert qc["QC GEO TABLE NBAD"] == 0
    widths = out.products["SPOTS_TABLE"][0].qc
    assert widths["QC GEO EXP25 FWHM MEAN"] == pytest.approx(2.0, abs=0.5)


def test_lines_of_another_mask_are_straight_in_the_picture(out):
    picture = out["GEOMETRY_CHECK"]
    data = picture.planes.data
    y, x = np.mgrid[: data.shape[0], : data.shape[1]]
    columns = table(out).columns
    there = [
        (o.sky_x[s - 1], o.sky_y[s - 1])
        for ifu, s in zip(columns["SubField"], columns["SliceCCD"], strict=True)
        for o in [optics(MINI, int(ifu)).rearranged(LAYOUT)]
    ]
    shift = np.mean(there, axis=0) - (columns["x"].mean(), columns["y"].mean())
    x = x + picture.header["CRVAL1"] + shift[0]
    y = y + picture.header["CRVAL2"] + shift[1]
    angle = np.radians(mini_mask.exposures()[N_STEPS].mask)
    distance = np.remainder(x * np.cos(angle) + y * np.sin(angle), LINE_DISTANCE)
    distance = np.minimum(distance, LINE_DISTANCE - distance)
    expected = DARKEST + np.exp(-0.5 * (distance / LINE_SIGMA) ** 2)
    inner = np.isfinite(data)
    assert np.corrcoef(data[inner], expected[inner])[0, 1] > 0.95


def test_cube_shows_the_pinholes(out):
    cube = out["GEOMETRY_CUBE"]
    assert cube.header["CD3_3"] == 1.25
    assert 6000 <= cube.header["CRVAL3"] < 6030
    white = cube.images["white"].planes.data
    profile = np.nanmean(white, axis=0)
    peaks = (profile[1:-1] > profile[:-2]) & (profile[1:-1] > profile[2:])
    assert (peaks & (profile[1:-1] > profile.max() / 4)).sum() == 3 * MINI.n_stacks


def test_a_missing_exposure_is_told_and_does_no_harm(caplog):
    with caplog.at_level(logging.WARNING):
        out = run(frames([k for k in range(N_STEPS) if k != 25], (2,)), smooth=0.0)
    assert "an exposure is missing" in caplog.text
    away = against_truth(table(out))
    assert rms(away["x"]) < 0.02 and rms(away["y"]) < 0.02


def test_a_saturated_exposure_is_told_and_gives_no_wrong_place(caplog):
    given = frames(ifus=(2,))
    raws = given["MASK"]
    bad = next(k for k, raw in enumerate(raws) if raw is mini_mask.raw(25, 2))
    counts = np.where(raws[bad].data > 2500, 65535, raws[bad].data).astype(np.uint16)
    raws[bad] = replace(raws[bad], data=counts)
    with caplog.at_level(logging.WARNING):
        out = run(given, smooth=0.0)
    assert "saturated" in caplog.text and raws[bad].name in caplog.text
    away = against_truth(table(out))
    assert np.abs(away["y"]).max() < 0.06


def test_a_short_sequence_is_refused_after_its_reduction():
    out = MemoryOutputs()
    with pytest.raises(BadInput, match="whole sequence"):
        geometry.run(frames(range(18), (2,)), GeometryParams(), out)
    reduced = [product.planes for product in out.products["MASK_REDUCED"]]
    combined = out["MASK_COMBINED"].planes
    good = np.all([planes.dq == 0 for planes in reduced], axis=0)
    mean = np.mean([planes.data for planes in reduced], axis=0, dtype=np.float64)
    stat = np.sum([planes.stat for planes in reduced], axis=0, dtype=np.float64) / 18**2
    np.testing.assert_allclose(combined.data[good], mean[good], atol=1e-3)
    np.testing.assert_allclose(combined.stat[good], stat[good], rtol=1e-5)


def test_a_mask_that_does_not_move_is_refused():
    given = frames(ifus=(2,))
    given["MASK"] = [given["MASK"][0]] * N_STEPS
    with pytest.raises(BadInput, match="POS3 POS"):
        run(given)


def test_a_field_that_is_not_turned_has_no_height():
    given = frames(ifus=(2,))
    first = given["MASK"][0]
    header = {**first.header, "ESO INS DROT POSANG": 0.0}
    given["MASK"] = [replace(first, header=header), *given["MASK"][1:]]
    with pytest.raises(BadInput, match="DROT POSANG"):
        run(given)


def test_missing_tables_are_named():
    given = frames(ifus=(2, 3))
    given["TRACE_TABLE"] = given["TRACE_TABLE"][:1]
    with pytest.raises(BadInput, match="no TRACE_TABLE of IFU 3"):
        run(given)


def test_fifty_exposures_are_asked_for():
    assert geometry.input("MASK").n_min == N_STEPS
