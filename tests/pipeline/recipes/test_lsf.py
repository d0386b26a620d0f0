"""Tests of the line spread function on simulated mini exposures."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.algorithms.lsf import read_lsf
from pipeline.formats.tables import open_tables
from pipeline.instrument import MINI
from pipeline.memory import MemoryOutputs, MemoryTable
from pipeline.recipes.flat import FlatParams, flat
from pipeline.recipes.lsf import LsfParams, lsf
from pipeline.recipes.wavecal import WavecalParams, wavecal
from pipeline.simulator.lamps import ARC_EXPTIME
from pipeline.simulator.lsf import pixel_profile
from pipeline.simulator.optics import optics
from pipeline.spec import BadInput
from pipeline.static import static_path
from tests.pipeline.mini_calibrations import arcs, exposure, flats, frame, master_bias

LAMPS = ("Ne", "Xe", "HgCd")
NODES = np.linspace(MINI.blue, MINI.red, 30)
OFFSETS = np.linspace(-7.5, 7.5, 150)
PIXEL = 1.25


@cache
def calibrations():
    out = MemoryOutputs()
    flat.run({"FLAT": list(flats()), "MASTER_BIAS": [master_bias()]}, FlatParams(), out)
    frames = {
        "MASTER_BIAS": [master_bias()],
        "TRACE_TABLE": [out["TRACE_TABLE"].frame()],
        "LINE_CATALOG": [open_tables(static_path("LINE_CATALOG"), "LINE_CATALOG")[None]],
    }
    wave = MemoryOutputs()
    wavecal.run({"ARC": list(arcs(*LAMPS, n=3)), **frames}, WavecalParams(), wave)
    return frames | {
        "MASTER_FLAT": [out["MASTER_FLAT"].frame()],
        "WAVECAL_TABLE": [wave["WAVECAL_TABLE"].frame()],
    }


def measure(raws, *, tag="ARC", without=(), given=None, **params):
    out = MemoryOutputs()
    known = {k: v for k, v in calibrations().items() if k not in without}
    frames = {tag: list(raws), **known, **(given or {})}
    lsf.run(frames, LsfParams(**params), out)
    return out


@pytest.fixture(scope="module")
def products():
    return measure(arcs(*LAMPS, n=3), save_subtracted=True)


def truth(wavelength=NODES, offsets=OFFSETS):
    """Return the profiles with which the simulator draws arc lines [1/Angstrom]."""
    state = optics(MINI, 1)
    slope = np.gradient(state.wave[:, :, 0], axis=1).mean(axis=1)[:, None, None]
    parameters = state.lsf.parameters(wavelength)[:, :, None, :]
    return pixel_profile(offsets, parameters, slope) / slope


def fwhm(profiles):
    fine = np.linspace(-4, 4, 1601)
    width = np.empty(profiles.shape[:2])
    for at in np.ndindex(width.shape):
        values = np.interp(fine, OFFSETS, profiles[at])
        width[at] = np.count_nonzero(values > values.max() / 2) * (fine[1] - fine[0])
    return width


def image(out):
    return out["LSF_PROFILE"].tables["LSF_PROFILE"].columns["image"].astype(float)


def moments(profiles):
    """Return mean, standard deviation and skewness."""
    share = profiles / profiles.sum(axis=-1, keepdims=True)
    mean = (share * OFFSETS).sum(axis=-1, keepdims=True)
    sigma = np.sqrt((share * (OFFSETS - mean) ** 2).sum(axis=-1))
    return mean[..., 0], sigma, (share * (OFFSETS - mean) ** 3).sum(axis=-1) / sigma**3


def error(profiles):
    """Return the rms difference from the truth, in parts of the peak, and that of FWHM."""
    true = truth()
    rest = (profiles - true) / true.max(axis=2, keepdims=True)
    return np.sqrt(np.mean(rest**2)), np.abs(fwhm(profiles) - fwhm(true)).max()


def test_profiles_agree_with_the_truth(products):
    found = image(products)
    assert found.shape == (12, 30, 150)
    rms, width = error(found)
    assert rms < 0.002
    assert width < 0.02
    mean, sigma, skewness = moments(found)
    assert np.abs(mean).max() < 0.002
    assert np.abs(sigma / moments(truth())[1] - 1).max() < 0.02
    assert np.sqrt(np.mean((skewness - moments(truth())[2]) ** 2)) < 0.05
    assert np.allclose(found.sum(axis=2) * (OFFSETS[1] - OFFSETS[0]), 1, atol=1e-4)


def test_axes_are_those_of_the_genuine_pipeline(products):
    header = products["LSF_PROFILE"].tables["LSF_PROFILE"].header
    assert (header["CTYPE1"], header["CTYPE2"], header["WCSAXES"]) == ("PARAM", "AWAV", 2)
    assert header["CRVAL1"] == -7.5 and header["CRVAL2"] == MINI.blue
    assert header["CD1_1"] == pytest.approx(15 / 149)
    assert header["CD2_2"] == pytest.approx((MINI.red - MINI.blue) / 29)


def test_sizes_and_range_follow_the_parameters():
    out = measure(arcs(*LAMPS), lsf_size=81, lambda_size=7, lsf_range=6.0)
    table = out["LSF_PROFILE"].tables["LSF_PROFILE"]
    assert table.columns["image"].shape == (12, 7, 81)
    assert table.header["CRVAL1"] == -6.0
    assert table.header["CD1_1"] == pytest.approx(0.15)


def test_qc_is_declared_and_true(products):
    product = products["LSF_PROFILE"]
    declared = {re.compile(q.name.replace("#", r"\d+") + "$") for q in lsf.qc}
    for name in product.qc:
        assert any(pattern.match(name) for pattern in declared), name
    widths = fwhm(truth())
    for s in range(12):
        name = f"QC LSF SLICE{s + 1} FWHM"
        assert product.qc[f"{name} MEAN"] == pytest.approx(widths[s].mean(), abs=0.015)
        assert product.qc[f"{name} MIN"] <= product.qc[f"{name} MEAN"]
        assert product.qc[f"{name} MAX"] >= product.qc[f"{name} MEAN"]
    assert [product.qc[f"QC WAVECAL INPUT{k} NSATURATED"] for k in range(1, 10)] == [0] * 9


def test_long_series_and_missing_flat_are_taken(products):
    out = measure(arcs(*LAMPS, n=3), tag="ARC_LSF", without=["MASTER_FLAT"])
    rms, width = error(image(out))
    assert rms < 0.003 and width < 0.03
    same = measure(arcs(*LAMPS, n=3), tag="ARC_LSF")
    assert np.array_equal(image(same), image(products))


def test_the_order_of_the_exposures_does_not_matter(products):
    shuffled = measure(arcs(*LAMPS, n=3)[::-1])
    assert np.array_equal(image(shuffled), image(products))


def test_subtracted_lines_leave_noise(products):
    table = products["PIXTABLE_SUBTRACTED"]
    extra, pixels = table.extra, table.pixels
    bright = extra["line_flux"] > 300
    before = extra["orig"][bright] - extra["line_background"][bright]
    after = pixels.data[bright] - extra["line_background"][bright]
    assert np.sum(after**2) < 1e-3 * np.sum(before**2)
    faint = (extra["orig"] < 300) & (extra["line_flux"] > 0)
    pull = (pixels.data - extra["line_background"]) / np.sqrt(pixels.stat)
    assert 0.9 < 1.4826 * np.median(np.abs(pull[faint])) < 1.1
    assert set(np.unique(pixels.origin & 0x3F)) == set(range(1, 13))
    assert np.abs(pixels.wavelength - extra["line_lambda"]).max() < 7.6


def test_lines_missing_in_the_catalogue_do_not_matter(products):
    catalogue = calibrations()["LINE_CATALOG"][0]
    table = catalogue.read()
    fluxes = table.columns["flux"]
    kept = (table.columns["quality"] >= 3) | (fluxes < 20)
    columns = {name: column[kept] for name, column in table.columns.items()}
    poor = MemoryTable(
        {"": table._replace(columns=columns)},
        dict(catalogue.header),
        "LINE_CATALOG",
        None,
        "poor.fits",
    )
    rms, width = error(image(measure(arcs(*LAMPS, n=3), given={"LINE_CATALOG": [poor]})))
    assert rms < 0.004 and width < 0.03


def test_hot_pixels_do_not_matter():
    rng = np.random.default_rng(3)
    hot = rng.random(MINI.raw_shape) < 0.01

    def damaged(raw):
        return replace(raw, data=np.where(hot, raw.data + 20000, raw.data).astype("u2"))

    rms, width = error(image(measure([damaged(raw) for raw in arcs(*LAMPS, n=3)])))
    assert rms < 0.003 and width < 0.03


def test_overexposed_arcs_give_the_same_profiles():
    raws = [
        frame(exposure("ARC", 20 * ARC_EXPTIME[lamp], k, lamp=lamp))
        for lamp in LAMPS
        for k in range(2)
    ]
    out = measure(raws)
    assert out["LSF_PROFILE"].qc["QC WAVECAL INPUT1 NSATURATED"] > 1000
    rms, width = error(image(out))
    assert rms < 0.004 and width < 0.05


def test_a_lamp_that_was_off_is_named():
    with pytest.raises(BadInput, match="no usable line of Xe") as refused:
        measure([*arcs("Ne", "HgCd", n=2), *arcs("Xe", dark=True)])
    assert refused.value.keyword == "ESO INS LAMP4 ST"


def test_a_lamp_that_is_not_given_is_mentioned(caplog):
    rms, width = error(image(measure(arcs("Ne", n=3))))
    assert "no exposure shows Xe" in caplog.text and "Hg+Cd" in caplog.text
    assert rms < 0.003 and width < 0.03


def test_too_few_lines_are_refused():
    with pytest.raises(BadInput, match="arc exposures of all lamps"):
        measure(arcs("HgCd"), line_quality=5)


def test_a_dead_slice_is_mentioned(caplog):
    state = optics(MINI, 1)
    left, right = int(state.left[4].min()) - 2, int(state.right[4].max()) + 3

    def shaded(raw):
        data = raw.data.copy()
        scan = MINI.scan
        first = left + scan + (2 * scan if left >= MINI.quadrant_nx else 0)
        data[:, first : first + right - left] = 1000
        return replace(raw, data=data)

    out = measure([shaded(raw) for raw in arcs(*LAMPS, n=3)])
    assert "too few lines in slice 5" in caplog.text
    found = image(out)
    others = np.delete(found, 4, axis=0)
    assert np.abs(found[4] - others.mean(axis=0)).max() < 0.01
    true = np.delete(truth(), 4, axis=0)
    assert np.sqrt(np.mean((others - true) ** 2)) < 0.003 * true.max()


def test_another_wavelength_table_is_refused():
    table = calibrations()["WAVECAL_TABLE"][0]
    columns = dict(table.read().columns)
    columns["wlc00"] = columns["wlc00"] + 1.0
    moved = replace(table, tables={"": table.read()._replace(columns=columns)})
    with pytest.raises(BadInput, match="Angstrom from where it puts them"):
        measure(arcs(*LAMPS), given={"WAVECAL_TABLE": [moved]})


def test_parameters_describe_the_same_profiles():
    out = measure(arcs(*LAMPS, n=3), method="hermit")
    product = out["LSF_PROFILE"]
    columns = product.tables["SLICE_PARAM"].columns
    assert columns["lsf_width"].shape == (12, 3) and columns["hermit4"].shape == (12, 2)
    found = read_lsf([product.frame()])
    wavelength = np.linspace(MINI.blue, MINI.red, 9)
    for s in range(12):
        one = found[1, s + 1]
        at = (wavelength - one.nodes[0]) / one.nodes[1]
        low = np.floor(at).astype(int)
        t = (at - low)[:, None]
        profiles = one.profiles[low] * (1 - t) + one.profiles[low + 1] * t
        true = truth(wavelength)[s]
        assert np.abs(profiles - true).max() < 0.02 * true.max()
    assert product.qc["QC LSF SLICE3 FWHM MEAN"] == pytest.approx(
        fwhm(truth())[2].mean(), rel=0.01
    )
