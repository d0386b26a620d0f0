"""The autocalibration of muse_scipost, its products and its inputs."""

import logging

import numpy as np
import pytest

from pipeline.memory import MemoryImage, MemoryOutputs
from pipeline.recipes.scipost import scipost
from pipeline.spec import Planes
from tests.pipeline.algorithms.test_autocalibration import errors, light, spoil
from tests.pipeline.field_pixels import field_pixels


@pytest.fixture(scope="module")
def tables():
    tables = field_pixels(light, "PIXTABLE_OBJECT", ifus=(1, 2))
    spoil(tables, errors([(s.ifu, s.slice) for t in tables for s in t.segments]))
    return tables


def run(tables, frames=None, **params):
    out = MemoryOutputs()
    plain = {"skymethod": "none", "save": "autocal", "rvcorr": "none", "lambdaref": -1.0}
    values = scipost.params(**{**plain, "autocalib": "deepfield", **params})
    scipost.run({"PIXTABLE_OBJECT": tables, **(frames or {})}, values, out)
    return out


@pytest.fixture(scope="module")
def products(tables):
    return run(tables)


def test_mask_and_factors_are_written(products):
    mask, factors = products["AUTOCAL_MASK"], products["AUTOCAL_FACTORS"]
    assert mask.number == factors.number == 1
    assert set(mask.qc) == {"QC SCIPOST LOWLIMIT", "QC SCIPOST THRESHOLD"}
    assert mask.qc["QC SCIPOST LOWLIMIT"] < mask.qc["QC SCIPOST THRESHOLD"]
    assert mask.header["CTYPE1"] == "PIXEL"
    assert factors.header["ESO DRS MUSE LAMBDA20 MAX"] == 10000.0
    columns = factors.tables[""].columns
    assert list(columns) == ["ifu", "sli", "quad", "npts", "corr", "corr_orig"]
    assert np.std(columns["corr"][columns["npts"] > 0]) > 0.02


def test_a_mask_from_outside_is_used(tables, products):
    written = products["AUTOCAL_MASK"]
    half = written.planes.data.copy()
    half[:, :10] = 0
    planes = Planes(half, written.planes.dq, written.planes.stat)
    given = {"SKY_MASK": [MemoryImage(planes, written.header, "SKY_MASK", None)]}
    found = run(tables, given)
    assert "AUTOCAL_MASK" not in found
    npts = [p["AUTOCAL_FACTORS"].tables[""].columns["npts"] for p in (found, products)]
    assert 0 < npts[0].sum() < 0.95 * npts[1].sum()


def test_data_and_header_tell_of_it(tables, products):
    frames = {"AUTOCAL_FACTORS": [products["AUTOCAL_FACTORS"].frame()]}
    user = run(tables, frames, autocalib="user", save="individual,autocal")
    assert "AUTOCAL_FACTORS" not in user
    made = run(tables, save="individual")["PIXTABLE_REDUCED"]
    none = run(tables, autocalib="none", save="individual")["PIXTABLE_REDUCED"]
    reduced = user["PIXTABLE_REDUCED"]
    assert made.header["ESO DRS MUSE PIXTABLE AUTOCAL"] == "slice-median"
    assert reduced.header["ESO DRS MUSE PIXTABLE AUTOCAL"] == "user"
    assert "ESO DRS MUSE PIXTABLE AUTOCAL" not in none.header
    np.testing.assert_array_equal(reduced.pixels.data, made.pixels.data)
    ratio = made.pixels.data / none.pixels.data
    assert np.std(ratio) > 0.02
    variance = made.pixels.stat / none.pixels.stat
    np.testing.assert_allclose(variance, ratio**2, rtol=1e-4)


def test_factors_that_are_missing_are_made(tables, caplog):
    with caplog.at_level(logging.WARNING):
        found = run(tables, autocalib="user")
    assert "no AUTOCAL_FACTORS" in caplog.text and "AUTOCAL_FACTORS" in found
