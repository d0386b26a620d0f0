"""Response curves from made-up stars."""

import numpy as np
import pytest

from pipeline.algorithms.response import (
    FIRST,
    LAST,
    TelluricBand,
    bridge_telluric,
    extend,
    response_table,
    sensitivity,
    telluric_bands,
    telluric_table,
    throughput,
    zero_point,
)
from pipeline.algorithms.smooth import smooth_spectrum
from pipeline.spec import BadInput

X = np.arange(4750.0, 9350.0, 1.25)
STAR = {"lambda": np.arange(4500.0, 9800.0, 5.0), "flux": np.full(1060, 1e-14)}


def lamp(wavelength):
    return 1 + 0.5 * np.sin(wavelength / 90)


def curve(rng=None, absorb=1.0, mode="WFM-NOAO-N", put_back=np.ones_like):
    """A smooth instrument times the lamp spectrum, 2 percent noise."""
    counts = 1e4 * (1 + 0.2 * np.sin(X / 1500)) * put_back(X) * absorb
    noise = 0 if rng is None else 0.02 * counts * rng.standard_normal(X.size)
    return sensitivity(
        X, counts + noise, (0.02 * counts) ** 2, STAR, exptime=100.0, airmass=1.2,
        extinction={"lambda": X, "extinction": np.full(X.size, 0.1)}, mode=mode,
        lamp=put_back,
    )  # fmt: skip


def test_response_is_counts_over_flux_above_the_atmosphere():
    found = curve()
    expected = (
        2.5 * np.log10(1e4 * (1 + 0.2 * np.sin(X / 1500)) / 100 / 1.25 / 1e-14) + 0.12
    )
    np.testing.assert_allclose(found.response, expected, rtol=1e-9)
    np.testing.assert_allclose(found.error, 0.02 * 2.5 / np.log(10), rtol=1e-9)


def test_points_without_light_are_left_out():
    flux = np.where(X < 5000, -1.0, 1e4)
    found = sensitivity(
        X, flux, np.ones(X.size), STAR, exptime=1.0, airmass=1.0, extinction=None, mode=""
    )
    assert found.wavelength[0] >= 5000
    narrow = curve(mode="WFM-AO-N")
    assert narrow.wavelength[0] >= 4690


def test_light_that_is_not_significant_is_left_out():
    """At both ends the star is lost in the noise; lucky points there do not count."""
    rng = np.random.default_rng(3)
    seen = np.where((X < 5500) | (X > 8500), 0.5, 100.0)
    found = sensitivity(
        X, seen + rng.standard_normal(X.size), np.ones(X.size), STAR, exptime=1.0,
        airmass=1.0, extinction=None, mode="",
    )  # fmt: skip
    assert found.wavelength[0] > 5490 and found.wavelength[-1] < 8510
    assert found.wavelength.size > 2380
    with pytest.raises(BadInput, match="sigma"):
        sensitivity(
            X, rng.standard_normal(X.size), np.ones(X.size), STAR, exptime=1.0,
            airmass=1.0, extinction=None, mode="",
        )  # fmt: skip


@pytest.mark.parametrize("put_back", [np.ones_like, lamp], ids=["smooth", "lamp"])
def test_absorption_is_bridged_whatever_the_lamp(put_back):
    band = TelluricBand(7590.0, 7704.0, 7490.0, 7800.0)
    inside = (band.low <= X) & (band.high >= X)
    depth = np.where(inside, 0.4 + 0.3 * np.cos(X / 5) ** 2, 1.0)
    found = bridge_telluric(curve(absorb=depth, put_back=put_back), [band], 1.2)
    free = curve(put_back=put_back)
    np.testing.assert_allclose(found.response, free.response, atol=2e-3)
    np.testing.assert_allclose(found.telluric[inside] ** 1.2, depth[inside], atol=2e-3)
    assert np.isnan(found.telluric[~inside]).all()
    table = telluric_table(found)
    assert table["ftelluric"][0] == table["ftelluric"][-1] == 1
    assert (table["ftellerr"] >= 1e-4).all() and (table["ftellerr"] <= 0.1).all()


def test_a_band_at_the_red_end_is_extrapolated():
    band = TelluricBand(8917.6, 9800.0, 7720.0, 9800.0)
    depth = np.where(band.low <= X, 0.7, 1.0)
    found = bridge_telluric(curve(absorb=depth), [band], 1.0)
    np.testing.assert_allclose(found.response, curve().response, atol=0.02)


def test_the_curve_reaches_all_wavelengths():
    found = extend(curve(np.random.default_rng(1)))
    assert found.wavelength[0] == FIRST and found.wavelength[-1] == LAST
    assert (np.diff(found.wavelength) > 0).all()
    assert found.error[0] > 5 * found.error[300]


@pytest.mark.parametrize("method", ["median", "ppoly"])
def test_smoothing_leaves_signal_and_takes_noise(method):
    noisy = curve(np.random.default_rng(2), put_back=lamp)
    columns = response_table(noisy, method, "WFM-NOAO-N")
    truth = curve(put_back=lamp).response
    used = X > 4800
    data = np.isin(columns["lambda"], X)
    rough = (columns["response_unsmoothed"][data] - truth)[used].std()
    smooth = (columns["response"][data] - truth)[used].std()
    assert smooth < 0.4 * rough
    assert np.abs(columns["response"][data] - truth)[used].mean() < 0.01


@pytest.mark.parametrize("method", ["none", "median", "ppoly"])
def test_few_bad_points_at_the_ends_do_not_bend_the_extensions(method):
    """Bins half filled by tilted slices are noisy; their neighbours are not."""
    x = np.arange(5337.0, 7069.0, 1.25)
    rng = np.random.default_rng(5)
    error = np.full(x.size, 0.008)
    error[0], error[1] = 0.35, 0.1
    counts = 1e5 * lamp(x) * (1 + error * rng.standard_normal(x.size))
    counts[0] *= 0.8
    found = sensitivity(
        x, counts, (counts * error) ** 2, STAR, exptime=100.0, airmass=1.2, extinction=None,
        mode="WFM-NOAO-N", lamp=lamp,
    )  # fmt: skip
    columns = response_table(found, method, "WFM-NOAO-N")
    level = 2.5 * np.log10(1e5 / 100 / 1.25 / 1e-14)
    outside = (columns["lambda"] < x[0]) | (columns["lambda"] > x[-1])
    assert outside.sum() == 200
    off = (
        columns["response"]
        - level
        - 2.5 * np.log10(lamp(np.clip(columns["lambda"], x[0], x[-1])))
    )
    assert np.abs(off[outside]).max() < 0.5
    if method == "ppoly":
        assert np.abs(off[~outside]).max() < 0.05


def test_the_blue_edge_is_not_smoothed():
    values = np.where(X < 4770, 0.0, 1.0)
    found = smooth_spectrum(X, values, np.ones(X.size), "ppoly", "WFM-NOAO-N")
    np.testing.assert_array_equal(found.values[X < 4775], values[X < 4775])
    none = smooth_spectrum(X, values, np.ones(X.size), "none", "WFM-NOAO-N")
    np.testing.assert_array_equal(none.values, values)


def test_throughput_and_zero_point_agree():
    response = np.full(X.size, 40.0)
    share = throughput(X, response)
    table = {"lambda": X, "throughput": np.full(X.size, 0.25)}
    band = {"lambda": np.array([5000.0, 5500, 6000]), "throughput": np.array([0.0, 1, 0])}
    assert zero_point(table, STAR, band) == pytest.approx(-2.5 * np.log10(0.25))
    assert share[0] * X[0] == pytest.approx(share[-1] * X[-1])


def test_bands_of_a_table():
    columns = {
        name: np.array([float(i)])
        for i, name in enumerate(("lmin", "lmax", "bgmin", "bgmax"))
    }
    assert telluric_bands(columns) == (TelluricBand(0.0, 1.0, 2.0, 3.0),)
    assert len(telluric_bands(None)) == 6
