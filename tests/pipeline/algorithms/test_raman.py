"""Raman light of a made-up field: found with its distribution, and removed."""

import logging

import numpy as np
import pytest

from pipeline.algorithms.exposure import merge
from pipeline.algorithms.exposure_raman import exposure_raman
from pipeline.algorithms.exposure_sky import SkySettings
from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.lsf import mean_lsf, read_lsf
from pipeline.algorithms.raman import FEATURES, _alternate, _powers
from pipeline.memory import MemoryOutputs, MemoryTable
from pipeline.recipes.scipost import scipost
from pipeline.spec import BadInput, Table
from tests.pipeline.field_pixels import field_pixels, static_table

SETTINGS = SkySettings(0.05, 0.8, 0.3125, 0.3125, (15.0, 15.0))
SHAPE = np.array([-4e-4, 1e-4, -1.5e-3, 3e-3, -6e-3])
FLUX = {"O2": 900.0, "N2": 1500.0}
"""Counts times Angstrom of a feature in the middle of the field."""
LINES = {
    "name": np.array(["O2 Q", "O2 S", "N2 Q", "N2 O", "N2 S"]),
    "group": np.array([0, 0, 1, 1, 1]),
    "lambda": np.array([6483.8, 6481.0, 6826.5, 6824.0, 6830.5]),
    "flux": np.array([0.8, 0.2, 0.7, 0.1, 0.2]),
    "dq": np.zeros(5, int),
}


def raman(wavelength, x, y):
    """The light of both features at pixels."""
    lsf = mean_lsf(read_lsf([static_table("LSF_PROFILE")]))
    total = 0.0
    for group, name in enumerate(FEATURES):
        chosen = LINES["group"] == group
        spectrum = lsf.draw(
            LINES["lambda"][chosen], FLUX[name] * LINES["flux"][chosen], 6400, 0.02, 30000
        )
        total = total + np.interp(wavelength, 6400 + 0.02 * np.arange(30000), spectrum)
    return total * (_powers(x, y) @ np.append(SHAPE, 1.0))


def light(wavelength, x, y):
    star = 4000 * np.exp(-0.5 * ((x - 6) ** 2 + (y - 3) ** 2) / 1.2**2)
    return 300 + star + raman(wavelength, x, y)


def frames(**more):
    lines = MemoryTable({"LINES": Table(LINES, {})}, tag="RAMAN_LINES", name="raman.fits")
    return {
        "RAMAN_LINES": [lines],
        "LSF_PROFILE": [static_table("LSF_PROFILE")],
        **more,
    }


def exposed(mode="WFM-AO-N", seed=1):
    tables = field_pixels(light, "PIXTABLE_OBJECT", seed=seed)
    for table in tables:
        table.header["ESO INS MODE"] = mode
        table.flat = None
    return tables


@pytest.fixture(scope="module")
def field():
    return FieldExposure(merge(exposed()), (), 4000.0, 1e4)


@pytest.fixture(scope="module")
def found(field):
    return exposure_raman(field, frames(), 20.0, SETTINGS)


def scale(field):
    """Factor of the lamp, which the made-up flat field took out, at the features."""
    from tests.pipeline.field_pixels import lamp

    return {name: 1 / lamp(middle) for name, middle in FEATURES.items()}


def test_brightness_and_distribution_are_found(field, found):
    for name, factor in scale(field).items():
        assert found.total_flux(name) == pytest.approx(FLUX[name] * factor, rel=0.01)
    y, x = np.mgrid[-12:13:4, -28:29:7].astype(float)
    got = _powers(x, y) @ np.append(found.shape, 1.0)
    true = _powers(x, y) @ np.append(SHAPE, 1.0)
    np.testing.assert_allclose(got, true, atol=0.02)


def test_the_light_is_gone_and_the_rest_stays(field, found):
    before = field.walk()
    after = field.after(found).walk()
    level, rest = [], []
    for a, b in zip(before, after, strict=True):
        near = np.abs(a.wavelength - 6826.5) < 3
        blank = np.hypot(a.xpos - 6, a.ypos - 3) > 8
        far = (a.wavelength < 6450) | (a.wavelength > 6860)
        np.testing.assert_array_equal(a.data[far], b.data[far])
        np.testing.assert_array_equal(a.stat, b.stat)
        beside = np.abs(np.abs(a.wavelength - 6826.5) - 20) < 6
        continuum = np.median(a.data[beside & blank])
        level.append(np.mean(a.data[near & blank]) / continuum - 1)
        rest.append(np.mean(b.data[near & blank]) / continuum - 1)
    assert np.mean(level) > 0.5
    assert np.abs(np.mean(rest)) < 0.01


def test_cosmic_rays_do_not_matter(found):
    tables = exposed()
    rng = np.random.default_rng(5)
    for table in tables:
        hits = rng.random(len(table.pixels.data)) < 0.002
        table.pixels.data[hits] += 20000
    struck = FieldExposure(merge(tables), (), 4000.0, 1e4)
    again = exposure_raman(struck, frames(), 20.0, SETTINGS)
    for name in FEATURES:
        assert again.total_flux(name) == pytest.approx(found.total_flux(name), rel=0.02)


def test_alternation_solves_the_problem_exactly():
    rng = np.random.default_rng(6)
    normal, target = [], []
    for flux, level in ((3.0, 7.0), (0.5, -2.0)):
        terms = rng.normal(size=(200, 7))
        truth = np.array([*(SHAPE * flux), flux, level])
        normal.append(terms.T @ terms)
        target.append(terms.T @ (terms @ truth))
    shape, flux, level = _alternate(normal, target)
    np.testing.assert_allclose(shape, SHAPE, atol=1e-8)
    np.testing.assert_allclose(flux, [3.0, 0.5], rtol=1e-6)
    np.testing.assert_allclose(level, [7.0, -2.0], rtol=1e-6)


def test_a_small_part_of_the_field_is_warned_of(field, caplog):
    with caplog.at_level(logging.WARNING):
        exposure_raman(field, frames(), 20.0, SETTINGS._replace(fraction=0.3))
    assert "--skymodel_fraction" in caplog.text


def test_without_lasers_lines_or_coverage_nothing_is_done(field):
    plain = FieldExposure(merge(exposed("WFM-NOAO-N")), (), 4000.0, 1e4)
    assert exposure_raman(plain, frames(), 20.0, SETTINGS) is None
    assert exposure_raman(field, {}, 20.0, SETTINGS) is None
    blue = FieldExposure(field.pixels, (), 4000.0, 6400.0)
    assert exposure_raman(blue, frames(), 20.0, SETTINGS) is None


def test_what_is_missing_or_wrong_is_named(field):
    with pytest.raises(BadInput, match="LSF_PROFILE"):
        exposure_raman(field, frames(LSF_PROFILE=[]), 20.0, SETTINGS)
    with pytest.raises(BadInput, match=r"--raman_width.*2\.61"):
        exposure_raman(field, frames(), 1.0, SETTINGS)


def test_images_and_qc_are_written():
    out = MemoryOutputs()
    params = scipost.params(save="raman", skymethod="none", skymodel_fraction=0.8)
    scipost.run({"PIXTABLE_OBJECT": exposed(), **frames()}, params, out)
    cube = out["RAMAN_IMAGES"]
    assert cube.number == 1 and cube.planes.data.shape[0] == 1
    assert set(cube.images) == {
        f"{what}_{name}"
        for what in ("RAMAN_IMAGE", "SKY_MASK", "RAMAN_FIT")
        for name in FEATURES
    }
    declared = {q.name for q in scipost.qc if q.product == "RAMAN_IMAGES"}
    assert set(cube.qc) == declared and len(declared) == 7
    ratio = cube.qc["QC SCIPOST RAMAN FLUX N2"] / cube.qc["QC SCIPOST RAMAN FLUX O2"]
    factor = scale(None)
    true = FLUX["N2"] * factor["N2"] / (FLUX["O2"] * factor["O2"])
    assert ratio == pytest.approx(true, rel=0.03)
    fit = cube.images["RAMAN_FIT_N2"].planes.data
    model = cube.planes.data[0] * np.float32(cube.qc["QC SCIPOST RAMAN FLUX N2"])
    np.testing.assert_allclose(fit, model, rtol=1e-5)
