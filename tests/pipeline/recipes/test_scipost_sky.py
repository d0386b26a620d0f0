"""The sky that muse_scipost models, on a mini field in counts."""

import numpy as np
import pytest

from pipeline.algorithms.lsf import mean_lsf, read_lsf
from pipeline.memory import MemoryOutputs
from pipeline.recipes.scipost import scipost
from tests.pipeline.field_pixels import field_pixels, static_table


@pytest.fixture(scope="module")
def frames():
    lines = static_table("SKY_LINES").read("LINES").columns
    lsf = mean_lsf(read_lsf([static_table("LSF_PROFILE")]))
    glow = lsf.draw(lines["lambda"], 2 * lines["flux"], 5400.0, 0.1, 17000)
    grid = 5400 + 0.1 * np.arange(17000)

    def light(wavelength, x, y):
        return 100 + np.interp(wavelength, grid, glow)

    return {
        "PIXTABLE_OBJECT": field_pixels(light, "PIXTABLE_OBJECT"),
        "SKY_LINES": [static_table("SKY_LINES")],
        "LSF_PROFILE": [static_table("LSF_PROFILE")],
    }


@pytest.fixture(scope="module")
def products(frames):
    out = MemoryOutputs()
    params = scipost.params(save="skymodel", skymodel_csampling=0.625, rvcorr="none")
    scipost.run(frames, params, out)
    return {tag: out[tag] for tag in out.products}


def test_without_a_response_the_sky_is_in_counts(products):
    spectrum = products["SKY_SPECTRUM"].tables[""]
    assert spectrum.units["data"] == "count" and spectrum.units["stat"] == "(count)**2"
    assert products["SKY_IMAGE"].unit == "count"
    assert products["SKY_LINES"].tables["LINES"].units["flux"] == "count"
    assert products["SKY_CONTINUUM"].tables["CONTINUUM"].units["flux"] == "count"


def test_the_continuum_is_sampled_as_asked(products):
    columns = products["SKY_CONTINUUM"].tables["CONTINUUM"].columns
    np.testing.assert_allclose(np.diff(columns["lambda"]), 0.625)
    assert np.median(columns["flux"]) == pytest.approx(100, rel=0.01)


def test_numbers_and_header_tell_what_was_done(products):
    declared = {q.name.replace("#", "1") for q in scipost.qc if q.product in products}
    assert declared <= {name for p in products.values() for name in p.qc}
    assert products["SKY_IMAGE"].header["ESO DRS MUSE FLUX FFCORR"] is True


@pytest.mark.parametrize("refit", [True, False])
def test_lines_fitted_again_are_written(frames, products, refit):
    given = {**frames, "SKY_CONTINUUM": [products["SKY_CONTINUUM"].frame()]}
    out = MemoryOutputs()
    words = {"skymethod": "subtract-model", "save": "skymodel", "skymodel_refit": refit}
    scipost.run(given, scipost.params(**words, rvcorr="none"), out)
    assert set(out.products) == ({"SKY_LINES"} if refit else set())
    if refit:
        again, model = out["SKY_LINES"], products["SKY_LINES"]
        assert set(again.qc) == set(model.qc)
        first = "QC SCIPOST LINE1 FLUX"
        assert again.qc[first] == pytest.approx(model.qc[first], rel=0.02)


def test_the_noise_of_fitted_lines_is_in_stat(frames, products):
    given = {**frames, "SKY_CONTINUUM": [products["SKY_CONTINUUM"].frame()]}
    stat = {}
    for refit in (True, False):
        out = MemoryOutputs()
        words = {"skymethod": "subtract-model", "save": "individual"}
        params = scipost.params(**words, skymodel_refit=refit, rvcorr="none")
        scipost.run(given, params, out)
        pixels = out["PIXTABLE_REDUCED"].pixels
        stat[refit] = pixels.stat
    near = np.abs(pixels.wavelength - 5577.3) < 1.0
    far = (pixels.wavelength > 5480) & (pixels.wavelength < 5490)
    added = stat[True] / stat[False] - 1
    assert (added >= 0).all()
    assert np.median(added[near]) > 20 * np.median(added[far])
    assert 1e-4 < np.median(added[near]) < 0.3
