"""muse_scipost_raman: the same light goes as in muse_scipost."""

import numpy as np
import pytest

from pipeline.memory import MemoryOutputs
from pipeline.recipes.scipost import scipost
from pipeline.recipes.scipost_raman import scipost_raman
from pipeline.spec import BadInput
from tests.pipeline.algorithms.test_raman import exposed, frames


@pytest.fixture(scope="module")
def given():
    return {"PIXTABLE_OBJECT": exposed(), **frames()}


@pytest.fixture(scope="module")
def products(given):
    out = MemoryOutputs()
    scipost_raman.run(given, scipost_raman.params(fraction=0.8), out)
    return out


def test_it_is_the_step_of_scipost(given, products):
    out = MemoryOutputs()
    words = {"save": "individual,raman", "skymethod": "none", "rvcorr": "none"}
    scipost.run(given, scipost.params(**words, skymodel_fraction=0.8), out)
    one, all_steps = products["PIXTABLE_REDUCED"], out["PIXTABLE_REDUCED"]
    np.testing.assert_array_equal(one.pixels.data, all_steps.pixels.data)
    np.testing.assert_array_equal(one.pixels.stat, all_steps.pixels.stat)
    assert products["RAMAN_IMAGES"].qc == out["RAMAN_IMAGES"].qc
    assert set(one.header) >= {"ESO DRS MUSE PIXTABLE DAR CORRECT"}
    assert one.unit == "count"


def test_light_was_removed(given, products):
    before = given["PIXTABLE_OBJECT"][0].pixels.data  # of the IFU that sets the scale
    pixels = products["PIXTABLE_REDUCED"].pixels
    pixels = pixels._make(column[: len(before)] for column in pixels)
    changed = before != pixels.data
    near = np.abs(pixels.wavelength[:, None] - (6482.4, 6826.5)).min(axis=1) < 3
    assert changed[near].all() and not changed[pixels.wavelength < 6450].any()


def test_two_exposures_are_refused(given):
    other = exposed(seed=2)
    for table in other:
        table.header["DATE-OBS"] = "2026-09-04T00:00:00.000"
    tables = [*given["PIXTABLE_OBJECT"], *other]
    with pytest.raises(BadInput, match="2 exposures"):
        scipost_raman.run(
            {**given, "PIXTABLE_OBJECT": tables}, scipost_raman.params(), MemoryOutputs()
        )
