"""Tests of the flux calibration, against the formula written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.flux_calibration import (
    TELLURIC_GROWTH,
    FluxCalibration,
    check_response,
    telluric_power,
)
from pipeline.simulator.atmosphere import molecular_transmission
from pipeline.spec import BadInput, Pixels, Table

HEADER = {"EXPTIME": 600.0, "ESO TEL AIRM START": 1.4, "ESO TEL AIRM END": 1.4}
GRID = np.arange(4700.0, 9301.0, 50.0)
RESPONSE = Table({"lambda": GRID, "response": 39.0 + (GRID - 7000.0) / 2000.0}, {})
EXTINCTION = Table({"lambda": GRID, "extinction": 0.1 * (5500.0 / GRID) ** 4}, {})
TELLURIC = Table(
    {
        "lambda": np.array([7590.0, 7600.0, 7700.0, 7710.0]),
        "ftelluric": np.array([1.0, 0.4, 0.4, 1.0]),
    },
    {},
)


def calibrated(wavelength, header=HEADER, curves=(RESPONSE, EXTINCTION, None), data=1.0):
    n = len(wavelength)
    value = np.full(n, data, np.float32)
    flags = np.zeros(n, np.uint32)
    at = np.asarray(wavelength, np.float32)
    pixels = Pixels(value.copy(), value.copy(), at, value, flags, value.copy(), flags)
    return FluxCalibration.of(header, *curves)(pixels)


def factor(wavelength, mass=1.4, extinct=True):
    magnitudes = np.interp(wavelength, GRID, RESPONSE.columns["response"])
    if extinct:
        extinction = np.interp(wavelength, GRID, EXTINCTION.columns["extinction"])
        magnitudes = magnitudes - mass * extinction
    return 10 ** (-0.4 * magnitudes) / 600.0 / 1.25 * 1e20


PLACES = np.array([4750.0, 5000.1, 6563.2, 9299.9])


@pytest.mark.parametrize("extinct", [True, False])
def test_equals_the_formula(extinct):
    curves = (RESPONSE, EXTINCTION if extinct else None, None)
    pixels = calibrated(PLACES, curves=curves)
    assert_allclose(pixels.data, factor(PLACES, extinct=extinct), rtol=2e-5)


def test_variance_takes_the_square():
    pixels = calibrated(PLACES, data=3.0)
    assert_allclose(pixels.data / 3.0, np.sqrt(pixels.stat / 3.0), rtol=1e-6)


def test_nothing_else_changes():
    pixels = calibrated(PLACES, data=3.0)
    assert_array_equal(pixels.xpos, 3.0)
    assert_array_equal(pixels.wavelength, PLACES.astype(np.float32))


def test_half_the_time_is_twice_the_flux():
    short = calibrated(PLACES, HEADER | {"EXPTIME": 300.0}).data
    assert_allclose(short, 2.0 * calibrated(PLACES).data, rtol=1e-6)


def test_curves_keep_their_end_values():
    outside = calibrated([4200.0, 4400.0, 9400.0, 9790.0]).data
    ends = factor(np.array([4700.0, 4700.0, 9300.0, 9300.0]))
    assert_allclose(outside, ends, rtol=2e-5)


def test_telluric_bands_grow_with_airmass_and_end():
    plain = calibrated([7580.0, 7650.0, 7720.0], curves=(RESPONSE, None, None)).data
    found = calibrated([7580.0, 7650.0, 7720.0], curves=(RESPONSE, None, TELLURIC)).data
    assert_allclose(found / plain, [1.0, 0.4**-1.4, 1.0], rtol=1e-5)


def test_opaque_air_gives_finite_flux():
    opaque = Table({"lambda": GRID, "ftelluric": np.zeros(len(GRID))}, {})
    assert np.isfinite(calibrated(PLACES, curves=(RESPONSE, None, opaque)).data).all()


def test_unknown_points_of_a_curve_are_bridged():
    values = RESPONSE.columns["response"].copy()
    values[10:13] = np.nan
    holed = Table({"lambda": GRID, "response": values}, {})
    found = calibrated(PLACES, curves=(holed, EXTINCTION, None)).data
    assert_allclose(found, factor(PLACES), rtol=2e-5)


def test_no_pixels():
    assert len(calibrated([]).data) == 0


@pytest.mark.parametrize("time", [0.0, -1.0, "long", None])
def test_bad_exposure_time_is_refused(time):
    header = {k: v for k, v in (HEADER | {"EXPTIME": time}).items() if v is not None}
    with pytest.raises(BadInput, match="EXPTIME"):
        FluxCalibration.of(header, RESPONSE, None, None)


def test_table_of_another_kind_is_refused():
    with pytest.raises(BadInput, match="columns lambda and response"):
        FluxCalibration.of(HEADER, EXTINCTION, None, None)


def test_response_of_another_mode_is_refused():
    check_response(
        {"ESO INS MODE": "WFM-NOAO-N"}, {"ESO INS MODE": "WFM-NOAO-N"}, "r.fits", lamp=False
    )
    check_response({"ESO INS MODE": "WFM-NOAO-N"}, {}, "r.fits", lamp=False)
    with pytest.raises(BadInput) as refusal:
        check_response(
            {"ESO INS MODE": "WFM-AO-N"},
            {"ESO INS MODE": "WFM-NOAO-N"},
            "r.fits",
            lamp=False,
        )
    assert (refusal.value.file, refusal.value.keyword) == ("r.fits", "ESO INS MODE")


@pytest.mark.parametrize("value", [-2940.0, 103.0])
def test_a_senseless_response_is_refused(value):
    response = RESPONSE.columns["response"].copy()
    response[7] = value
    senseless = Table({"lambda": GRID, "response": response}, {})
    with pytest.raises(BadInput, match=f"is {value:.0f} mag at 5050 Angstrom"):
        calibrated(PLACES, curves=(senseless, EXTINCTION, None))


def standard_at(mass):
    return {"ESO TEL AIRM START": mass, "ESO TEL AIRM END": mass}


@pytest.mark.parametrize("growth", [0.6, 1.0])
def test_an_exposure_at_the_airmass_of_its_standard_star_sees_what_it_saw(growth):
    assert telluric_power(1.3, standard_at(1.3), growth) == pytest.approx(1.3)


def test_growth_of_one_is_the_airmass():
    assert telluric_power(1.7, standard_at(1.1), 1.0) == pytest.approx(1.7)
    assert telluric_power(1.7, {}, TELLURIC_GROWTH) == 1.7


O2_A, O2_B, H2O = (7590.0, 7704.0), (6864.0, 6967.0), (8920.0, 9340.0)


@pytest.mark.parametrize("mass", [1.25, 1.5])
@pytest.mark.parametrize("band", [O2_A, O2_B, H2O])
def test_bands_of_unresolved_lines_grow_slower_than_the_airmass(mass, band):
    """Against single lines at every airmass, smoothed to the resolution of MUSE."""
    wavelength = np.arange(band[0] - 30.0, band[1] + 30.0, 0.02)
    taps = np.exp(-0.5 * (np.arange(-200, 201) * 0.02 / 1.1) ** 2)
    inside = (wavelength > band[0]) & (wavelength < band[1])

    def seen(at):
        lines = molecular_transmission(wavelength, at, 2.5)
        return np.convolve(lines, taps / taps.sum(), "same")[inside]

    at_one = seen(1.1) ** (1.0 / 1.1)

    def error(growth):
        power = telluric_power(mass, standard_at(1.1), growth)
        return abs(np.mean(at_one**power) / np.mean(seen(mass)) - 1.0)

    assert error(TELLURIC_GROWTH) < 0.02
    assert error(TELLURIC_GROWTH) < 0.5 * error(1.0)
