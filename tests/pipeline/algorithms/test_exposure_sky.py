"""Tests of the sky of an exposure by every method."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.algorithms.exposure import merge
from pipeline.algorithms.exposure_sky import SkySettings, exposure_sky
from pipeline.algorithms.field import FieldExposure
from pipeline.memory import MemoryTable
from pipeline.spec import BadInput, Pixels, Table
from tests.pipeline.slice_pixels import slice_pixels

SETTINGS = SkySettings(0.05, 0.5, 0.3125, 0.3125, (15.0, 15.0))
X = -7.5 + 0.1 * np.arange(151)
SIGMA, LINE, FLUX = 1.1, 5060.0, 900.0


def gauss(x, sigma=SIGMA):
    return np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def sky(wavelength):
    return 60.0 + FLUX * gauss(wavelength - LINE)


def star(x, y):
    return 500.0 * np.exp(-0.5 * ((x - 8) ** 2 + (y - 5) ** 2) / 2.0**2)


def table(name, columns):
    return MemoryTable({name: Table(columns, {})})


def frames(line_flux=1.0):
    header = {"CRPIX1": 1.0, "CRVAL1": -7.5, "CD1_1": 0.1}
    header |= {"CRPIX2": 1.0, "CRVAL2": 4000.0, "CD2_2": 4000.0}
    profiles = {"image": np.tile(gauss(X), (12, 2, 1))}
    lsf = MemoryTable({"LSF_PROFILE": Table(profiles, {}, header)}, ifu=None)
    lines = {
        "name": np.array(["OI"]),
        "group": np.array([4]),
        "lambda": np.array([LINE]),
        "flux": np.array([line_flux]),
        "dq": np.array([0]),
    }
    grid = np.arange(4990.0, 5140.0, 1.0)
    continuum = {"lambda": grid, "flux": np.full(len(grid), 60.0)}
    return {
        "LSF_PROFILE": [lsf],
        "SKY_LINES": [table("LINES", lines)],
        "SKY_CONTINUUM": [table("CONTINUUM", continuum)],
    }


@pytest.fixture(scope="module")
def field():
    signal = lambda x, y, w: sky(w) + star(x, y)  # noqa: E731
    pixels = slice_pixels(signal, size=(30, 24), n_planes=96)
    return FieldExposure(merge([pixels]), (), 0.0, 1e5)


def rest_of(found):
    """Residuals of pixels away from the ends of the spectrum, in their errors."""
    pixels = Pixels._make(c.copy() for c in found.field.pixels.tables[0].pixels)
    rest = found.step(pixels).data - star(pixels.xpos, pixels.ypos)
    inside = (pixels.wavelength > 5010.0) & (pixels.wavelength < 5110.0)
    near = inside & (np.abs(pixels.wavelength - LINE) < 2.0)
    error = np.sqrt(pixels.stat)
    return (rest / error)[inside], (rest / error)[near]


def without(given, *tags):
    return {tag: value for tag, value in given.items() if tag not in tags}


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("simple", {}),
        ("model", without(frames(), "SKY_CONTINUUM")),
        ("model", frames()),
        ("subtract-model", frames(FLUX)),
    ],
)
def test_only_noise_is_left_of_the_sky(field, method, given):
    every, near = rest_of(exposure_sky(method, field, given, SETTINGS))
    assert np.std(every) == pytest.approx(1.0, abs=0.03)
    assert np.std(near) == pytest.approx(1.0, abs=0.1)
    assert abs(np.mean(every)) < 0.06 and abs(np.mean(near)) < 0.1


def test_the_model_measures_line_and_continuum(field):
    found = exposure_sky("model", field, without(frames(), "SKY_CONTINUUM"), SETTINGS)
    assert found.lines.flux == pytest.approx(FLUX, rel=0.01)
    assert found.lines.wavelength == pytest.approx(LINE, abs=0.02)
    grid = found.continuum["lambda"]
    inside = (grid > 5010.0) & (grid < 5110.0)
    assert_allclose(np.mean(found.continuum["flux"][inside]), 60.0, atol=0.3)
    assert found.observed.mask.any()


def test_a_given_continuum_is_kept(field):
    given = frames()
    found = exposure_sky("model", field, given, SETTINGS)
    assert_allclose(found.continuum["flux"], 60.0)


def test_a_given_model_is_not_measured_if_it_shall_not_be(field):
    settings = SETTINGS._replace(refit=False)
    found = exposure_sky("subtract-model", field, frames(FLUX), settings)
    assert found.observed is None and found.lines is None and found.continuum is None


def test_lines_that_changed_are_fitted_again(field):
    changed = frames(0.93 * FLUX)
    found = exposure_sky("subtract-model", field, changed, SETTINGS)
    assert found.lines.flux == pytest.approx(FLUX, rel=0.01)
    assert found.observed is None and found.continuum is None
    _, near = rest_of(found)
    kept = exposure_sky("subtract-model", field, changed, SETTINGS._replace(refit=False))
    _, left = rest_of(kept)
    assert abs(np.mean(near)) < 0.1 < 1.0 < np.mean(left)


def test_light_of_lines_in_the_given_continuum_is_not_subtracted_twice(field):
    given = frames(0.85 * FLUX)
    grid = np.arange(4990.0, 5140.0, 0.25)
    flux = 60.0 + 0.1 * FLUX * gauss(grid - LINE)
    given["SKY_CONTINUUM"] = [table("CONTINUUM", {"lambda": grid, "flux": flux})]
    found = exposure_sky("subtract-model", field, given, SETTINGS)
    assert found.lines.flux == pytest.approx(0.9 * FLUX, rel=0.01)
    every, near = rest_of(found)
    assert np.std(every) == pytest.approx(1.0, abs=0.03)
    assert np.std(near) == pytest.approx(1.0, abs=0.1) and abs(np.mean(near)) < 0.1


def test_none_is_no_sky(field):
    assert exposure_sky("none", field, {}, SETTINGS) is None


@pytest.mark.parametrize(
    ("method", "tag"),
    [
        ("subtract-model", "SKY_LINES"),
        ("subtract-model", "SKY_CONTINUUM"),
        ("subtract-model", "LSF_PROFILE"),
        ("model", "SKY_LINES"),
        ("model", "LSF_PROFILE"),
    ],
)
def test_a_missing_frame_is_named(field, method, tag):
    with pytest.raises(BadInput, match=f"skymethod={method} needs {tag}") as refusal:
        exposure_sky(method, field, without(frames(), tag), SETTINGS)
    assert refusal.value.keyword == tag
