"""Tests of the wavelength calibration on simulated mini exposures."""

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval2d
from numpy.testing import assert_allclose

from pipeline.formats.tables import open_tables
from pipeline.instrument import MINI
from pipeline.memory import MemoryOutputs, MemoryTable
from pipeline.recipes.flat import FlatParams, flat
from pipeline.recipes.wavecal import WavecalParams, wavecal
from pipeline.simulator.optics import optics
from pipeline.spec import BadInput
from pipeline.static import static_path
from tests.pipeline.mini_calibrations import arcs, flats, master_bias, relabelled

LAMPS = ("Ne", "Xe", "HgCd")


@pytest.fixture(scope="module")
def trace():
    out = MemoryOutputs()
    flat.run({"FLAT": list(flats()), "MASTER_BIAS": [master_bias()]}, FlatParams(), out)
    return out["TRACE_TABLE"].frame()


@pytest.fixture(scope="module")
def calibrate(trace):
    def run(frames, *, trace=trace, catalogue=None, **params):
        lines = open_tables(static_path("LINE_CATALOG"), "LINE_CATALOG")[None]
        out = MemoryOutputs()
        inputs = {
            "ARC": list(frames),
            "MASTER_BIAS": [master_bias()],
            "TRACE_TABLE": [trace],
            "LINE_CATALOG": [catalogue or lines],
        }
        wavecal.run(inputs, WavecalParams(**params), out)
        return out

    return run


@pytest.fixture(scope="module")
def products(calibrate):
    return calibrate(arcs(*LAMPS, n=2), residuals=True, saveimages=True)


def deviations(product):
    """Return found minus true wavelengths [Angstrom] in all slices."""
    columns, truth = product.tables[""].columns, optics(MINI, 1)
    y = np.arange(1, MINI.shape[0] + 1, 10)
    found = []
    for s in range(MINI.n_slices):
        n_x, n_y = (1 + max(int(name[k]) for name in columns if name[:3] == "wlc")
                    for k in (3, 4))  # fmt: skip
        terms = [[columns[f"wlc{i}{j}"][s] for j in range(n_y)] for i in range(n_x)]
        left, right = truth.left[s, y - 1], truth.right[s, y - 1]
        rest = []
        for u in (-0.9, 0.0, 0.9):
            x = (left + right) / 2 + u * (right - left) / 2
            true = truth.wavelength(s + 1, x, y)
            inside = (true > MINI.blue) & (true < MINI.red)
            rest.append((polyval2d(x, y, terms) - true)[inside])
        found.append(np.concatenate(rest))
    return np.concatenate(found)


def test_wavelengths_agree_with_the_truth(products):
    rest = deviations(products["WAVECAL_TABLE"])
    assert np.sqrt(np.mean(rest**2)) < 0.006
    assert abs(np.mean(rest)) < 0.003


def test_gaussian_centres_miss_the_light(calibrate):
    gauss = calibrate(arcs(*LAMPS, n=2), skewness=False, consensus=False)["WAVECAL_TABLE"]
    assert 0.008 < np.mean(deviations(gauss)) < 0.020


def test_qc_is_declared_and_plausible(products):
    table = products["WAVECAL_TABLE"]
    declared = {re.compile(q.name.replace("#", r"\d+") + "$") for q in wavecal.qc}
    for name in table.qc:
        assert any(pattern.match(name) for pattern in declared), name
    for s in range(1, 13):
        name = f"QC WAVECAL SLICE{s}"
        assert table.qc[f"{name} LINES NDET"] >= table.qc[f"{name} LINES NID"] > 40
        assert 2200 < table.qc[f"{name} RESOL"] < 2800
        assert table.qc[f"{name} FIT RMS"] < 0.06
    assert table.qc["QC WAVECAL SLICE5 LAMP4 LINES PEAK MAX"] > 0
    assert table.qc["QC WAVECAL NSATURATED LAMP5"] == 0


def test_residuals_and_images_are_written_on_request(products):
    residuals = products["WAVECAL_RESIDUALS"].tables[""].columns
    last = residuals["iteration"] == residuals["iteration"].max()
    assert (np.abs(residuals["residual"][last]) <= 3 * residuals["rejlimit"][last]).all()
    assert set(np.unique(residuals["slice"])) == set(range(1, 13))
    images = products.products["ARC_RED_LAMP"]
    assert [image.number for image in images] == [1, 2, 3]
    assert all(len(image.rows) == MINI.shape[0] for image in images)
    assert images[0].qc["QC WAVECAL INPUT2 NSATURATED"] == 0


def test_the_order_of_the_exposures_does_not_matter(calibrate, products):
    shuffled = calibrate(arcs(*LAMPS, n=2)[::-1], residuals=True)["WAVECAL_TABLE"]
    for name, column in products["WAVECAL_TABLE"].tables[""].columns.items():
        assert (shuffled.tables[""].columns[name] == column).all(), name


@pytest.mark.parametrize("weighting", ["uniform", "cerr", "scatter"])
def test_other_weights_give_nearly_the_same(calibrate, weighting):
    table = calibrate(arcs(*LAMPS, n=2), fitweighting=weighting)["WAVECAL_TABLE"]
    assert np.sqrt(np.mean(deviations(table) ** 2)) < 0.02


def test_orders_and_limits_are_those_asked_for(calibrate, products):
    limits = {"linesigma": 1.5, "fitsigma": 2.4}
    out = calibrate(arcs(*LAMPS, n=2), xorder=3, yorder=5, residuals=True, **limits)
    table, residuals = out["WAVECAL_TABLE"], out["WAVECAL_RESIDUALS"].tables[""].columns
    terms = {f"wlc{i}{j}" for i in range(4) for j in range(6)}
    assert set(table.tables[""].columns) == {"SliceNo", "MSE"} | terms
    assert np.sqrt(np.mean(deviations(table) ** 2)) < 0.02
    before = products["WAVECAL_RESIDUALS"].tables[""].columns
    assert (residuals["iteration"] == 1).sum() < 0.9 * (before["iteration"] == 1).sum()
    for name in ("QC WAVECAL SLICE1 FIT RMS", "QC WAVECAL SLICE12 FIT RMS"):
        assert table.qc[name] < 0.9 * products["WAVECAL_TABLE"].qc[name]


def test_saturated_lines_are_left_out(calibrate):
    def overexposed(raw):
        return replace(raw, data=np.where(raw.data > 8000, 65535, raw.data).astype("u2"))

    table = calibrate([overexposed(raw) for raw in arcs(*LAMPS, n=2)])["WAVECAL_TABLE"]
    assert table.qc["QC WAVECAL NSATURATED LAMP3"] > 1000
    assert np.sqrt(np.mean(deviations(table) ** 2)) < 0.012


def test_a_lamp_without_light_is_named(calibrate):
    frames = [*arcs("Ne", "HgCd", n=2), *arcs("Xe", dark=True)]
    with pytest.raises(BadInput, match="only 0 lines of Xe") as refused:
        calibrate(frames)
    assert refused.value.file == "ARCXe0.fits"
    assert refused.value.keyword == "ESO INS LAMP4 ST"


@pytest.mark.parametrize(("true", "claimed"), [("Xe", "Ne"), ("Ne", "HgCd"), ("Ne", "Xe")])
def test_a_wrong_lamp_is_named(calibrate, true, claimed):
    wrong = relabelled(arcs(true)[0], arcs(claimed)[0])
    others = [raw for lamp in LAMPS if lamp != claimed for raw in arcs(lamp)]
    with pytest.raises(BadInput, match="names another lamp") as refused:
        calibrate([wrong, *others])
    assert refused.value.file == wrong.name


def test_too_few_lines_make_no_table(calibrate):
    with pytest.raises(BadInput, match="arcs of all lamps"):
        calibrate(arcs("HgCd", n=2))


def test_exposures_without_a_lamp_are_no_arcs(calibrate):
    with pytest.raises(BadInput, match="no arc lamp is on"):
        calibrate([replace(raw, tag="ARC") for raw in flats()[:1]])


def test_tables_of_another_kind_are_refused(calibrate, trace):
    catalogue = open_tables(static_path("LINE_CATALOG"), "LINE_CATALOG")[None]
    old = MemoryTable(
        {"": catalogue.read()}, {"VERSION": 2}, "LINE_CATALOG", None, "old.fits"
    )
    with pytest.raises(BadInput, match=r"old\.fits, VERSION"):
        calibrate(arcs("Ne"), catalogue=old)
    columns = {name: column[:5] for name, column in trace.read().columns.items()}
    short = replace(trace, tables={"": trace.read()._replace(columns=columns)})
    with pytest.raises(BadInput, match="5 slices"):
        calibrate(arcs("Ne"), trace=short)
    columns = dict(trace.read().columns)
    for curve in range(3):
        first = np.arange(12) == 0
        columns[f"tc{curve}_00"] = columns[f"tc{curve}_00"] - np.where(first, 60.0, 0.0)
    edge = replace(trace, tables={"": trace.read()._replace(columns=columns)})
    with pytest.raises(BadInput, match="slice 1 lies outside the detector"):
        calibrate(arcs("Ne"), trace=edge)


# --- all lamps together, images --------------------------------------------------


@pytest.fixture(scope="module")
def together(calibrate):
    return calibrate(arcs(*LAMPS, n=2), lampwise=False, saveimages=True, wavemap=True)


def test_all_lamps_at_once_agree_with_the_truth(together, products):
    rest = deviations(together["WAVECAL_TABLE"])
    assert np.sqrt(np.mean(rest**2)) < 0.008
    assert abs(np.mean(rest)) < 0.003
    assert not any("SLICE5 LAMP" in name for name in together["WAVECAL_TABLE"].qc)
    assert together["WAVECAL_TABLE"].qc["QC WAVECAL NSATURATED LAMP99"] == 0
    assert "QC WAVECAL NSATURATED LAMP99" not in products["WAVECAL_TABLE"].qc


def test_the_sum_is_that_of_the_lamps(together):
    total, lamps = together["ARC_RED"], together.products["ARC_RED_LAMP"]
    assert len(lamps) == 3 and total.number == 1
    assert_allclose(total.planes.data, sum(lamp.planes.data for lamp in lamps), rtol=1e-4)
    assert_allclose(total.planes.stat, sum(lamp.planes.stat for lamp in lamps), rtol=1e-4)
    assert total.qc["QC WAVECAL LAMP3 INPUT2 NSATURATED"] == 0


def test_images_of_lamps_come_in_the_order_of_their_numbers(products):
    names = [image.like.name for image in products.products["ARC_RED_LAMP"]]
    assert names == ["ARCNe0.fits", "ARCXe0.fits", "ARCHgCd0.fits"]


def test_the_map_holds_the_wavelengths_of_the_slices(together):
    """The outermost pixels are 0.02 A off, as a parabola through noisy lines is there."""
    waves, truth = together["WAVE_MAP"].planes.data, optics(MINI, 1)
    assert together["WAVE_MAP"].unit == "Angstrom"
    y = 300
    for s in (0, 5, 11):
        x = np.arange(np.ceil(truth.left[s, y] + 1), np.floor(truth.right[s, y]))
        there = waves[y, x.astype(int) - 1]
        rest = there - truth.wavelength(s + 1, x, np.full(len(x), y + 1))
        assert np.abs(rest[3:-3]).max() < 0.015
        assert np.abs(rest).max() < 0.025
    gap = round((truth.right[3, y] + truth.left[4, y]) / 2) - 1
    assert waves[y, gap] == 0


def test_lines_are_straight_in_the_resampled_image(calibrate):
    out = calibrate(arcs(*LAMPS), resample=True, saveimages=True)
    product = out["ARC_RESAMPLED"]
    data = product.planes.data
    assert data.shape[1] == 12 * 82
    assert len(out.products["ARC_RED_LAMP"]) == 3 and "ARC_RED" in out
    waves = product.header["CRVAL2"] + product.header["CD2_2"] * np.arange(len(data))
    here = np.abs(waves - 6506.528) < 4
    assert (data[here] != 0).mean() > 0.9
    centre = np.average(np.tile(waves[here], (data.shape[1], 1)).T, axis=0,
                        weights=data[here] ** 2 + 1e-9)  # fmt: skip
    assert abs(np.median(centre) - 6506.528) < 0.15
    assert np.std(centre) < 0.25


# --- bad data --------------------------------------------------------------------


def right_or_refused(calibrate, frames, limit):
    """Return the error [Angstrom] of a table, or the reason why there is none."""
    try:
        table = calibrate(frames)["WAVECAL_TABLE"]
    except BadInput as refused:
        return refused
    assert np.sqrt(np.mean(deviations(table) ** 2)) < limit
    return None


@pytest.mark.parametrize("lamps", [("Ne", "Xe"), ("Ne", "HgCd"), ("Xe", "HgCd")])
def test_a_missing_lamp_leaves_a_right_table_or_none(calibrate, lamps, caplog):
    reason = right_or_refused(calibrate, arcs(*lamps, n=2), 0.02)
    assert "no exposure shows" in caplog.text
    assert reason is None or "arcs of all lamps" in str(reason)


def changed(raw, change):
    """Return a raw frame with other counts in its light-sensitive pixels."""
    data = raw.data.astype(np.float64)
    for port in MINI.quadrants():
        place = port.raw_y, port.raw_x
        data[place] = change(data[place], port.number)
    return replace(raw, data=np.clip(data, 0, 65535).astype(np.uint16))


def test_arcs_exposed_twenty_times_too_long(calibrate, caplog):
    def longer(counts, _):
        dark = np.median(counts)  # most pixels of an arc are
        return dark + 20 * (counts - dark)

    frames = [changed(raw, longer) for raw in arcs(*LAMPS, n=2)]
    reason = right_or_refused(calibrate, frames, 0.03)
    assert reason is None or "well exposed arcs" in str(reason)
    assert "ARCNe0.fits, ARCNe1.fits, ESO INS LAMP3 ST" in caplog.text
    assert "saturated pixels in the lines of Ne" in caplog.text


def test_hot_pixels_do_not_harm(calibrate):
    hot = np.random.default_rng(8).random((2, *MINI.raw_shape))
    where, height = hot[0] < 0.01, 20000 * hot[1]

    def spoiled(raw):
        data = raw.data + np.where(where, height, 0)
        return replace(raw, data=np.minimum(data, 65535).astype(np.uint16))

    table = calibrate([spoiled(raw) for raw in arcs(*LAMPS, n=2)])["WAVECAL_TABLE"]
    assert np.sqrt(np.mean(deviations(table) ** 2)) < 0.012


def test_a_dead_quadrant_of_one_exposure_is_refused(calibrate):
    frames = [*arcs(*LAMPS, n=2)]
    frames[3] = changed(frames[3], lambda counts, port: counts * (port != 3))
    with pytest.raises(BadInput, match="quadrant 3: the quadrant is dead") as refused:
        calibrate(frames)
    assert refused.value.file == frames[3].name


def test_a_dead_quadrant_is_refused(calibrate):
    bias = float(np.median(arcs("Ne")[0].data))
    frames = [
        changed(raw, lambda counts, port: counts if port != 3 else 0 * counts + bias)
        for raw in arcs(*LAMPS, n=2)
    ]
    with pytest.raises(BadInput, match=r"without a line|agrees by only|bright lines"):
        calibrate(frames)


def test_a_slice_without_trace_is_left_out(calibrate, trace, products, caplog):
    table = trace.tables[""]
    columns = {name: values.copy() for name, values in table.columns.items()}
    for name in columns:
        if name.startswith("tc"):
            columns[name][[0, 6]] = np.nan
    broken = replace(trace, tables={"": table._replace(columns=columns)})
    found = calibrate(arcs(*LAMPS, n=2), trace=broken, residuals=True)
    assert "no solution for slice 1, 7 of IFU 1" in caplog.text
    lost = np.isnan(found["WAVECAL_TABLE"].tables[""].columns["wlc00"])
    assert np.flatnonzero(lost).tolist() == [0, 6]
    qc = found["WAVECAL_TABLE"].qc
    assert "QC WAVECAL SLICE7 RESOL" not in qc and "QC WAVECAL SLICE8 RESOL" in qc
    assert {1, 7}.isdisjoint(found["WAVECAL_RESIDUALS"].tables[""].columns["slice"])
    kept = np.flatnonzero(~lost)
    for name in ("wlc00", "wlc01", "MSE"):
        ours = found["WAVECAL_TABLE"].tables[""].columns[name]
        whole = products["WAVECAL_TABLE"].tables[""].columns[name]
        assert_allclose(ours[kept], whole[kept], rtol=0.02)
