"""muse_exp_combine on made-up exposures in memory."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.memory import MemoryOutputs, MemoryTable
from pipeline.recipes.exp_combine import exp_combine
from pipeline.recipes.scipost import scipost
from pipeline.spec import BadInput, Table
from tests.pipeline.sky_pixels import Sky, Star, pixel_tables

DATES = ("2026-09-03T04:20:00.456", "2026-09-03T04:31:10.456", "2026-09-03T04:42:20.456")


def reduced(sky, seed, date):
    """Return an exposure as muse_scipost leaves it."""
    tables = pixel_tables(sky, seed=seed, date=date)
    out = MemoryOutputs()
    params = scipost.params(
        skymethod="none", save="individual", rvcorr="none", lambdaref=-1.0
    )
    scipost.run({"PIXTABLE_OBJECT": tables}, params, out)
    starts = np.cumsum([0, *(t.n_rows for t in tables)])
    segments = [
        s._replace(start=int(s.start + first), stop=int(s.stop + first))
        for t, first in zip(tables, starts[:-1], strict=True)
        for s in t.segments
    ]
    return out["PIXTABLE_REDUCED"].frame(segments)


@pytest.fixture(scope="module")
def exposures():
    """Two exposures of one field; the second points 0.6 arcsec too far north."""
    first = Sky(cosmics=2e-3)
    star = tuple(Star(s.east, s.north - 0.6, s.peak, s.line) for s in first.stars)
    second = Sky(stars=star, cosmics=2e-3, keywords={"DEC": first.tangent[1] + 0.6 / 3600})
    return [reduced(sky, k, DATES[k]) for k, sky in enumerate((first, second))]


def combine(exposures, offsets=None, **params):
    out = MemoryOutputs()
    frames = {"PIXTABLE_REDUCED": exposures}
    if offsets is not None:
        frames["OFFSET_LIST"] = [offsets]
    exp_combine.run(frames, exp_combine.params(**params), out)
    return out["DATACUBE_FINAL"]


def test_pointings_are_respected(exposures):
    cube = combine(exposures)
    assert cube.qc["QC EXPCOMB NDET"] == 2
    assert cube.qc["QC EXPCOMB FWHM MEDIAN"] == pytest.approx(0.8, abs=0.1)


def test_variance_falls_and_stays_honest(exposures):
    sky = Sky(stars=())
    cube = combine([reduced(sky, k, date) for k, date in enumerate(DATES)]).planes
    pull = cube.data / np.sqrt(cube.stat)
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.01)


def test_offsets_and_flux_scales_are_applied(exposures):
    wrong = {**exposures[1].header, "RA": exposures[1].header["RA"] + 2.0 / 3600}
    moved = type(exposures[1])(
        exposures[1].pixels, exposures[1].segments, wrong, exposures[1].tag
    )
    table = Table(
        {
            "DATE_OBS": np.array(DATES[:2]),
            "MJD_OBS": np.zeros(2),
            "RA_OFFSET": np.array([0.0, 2.0 / 3600]),
            "DEC_OFFSET": np.zeros(2),
            "FLUX_SCALE": np.array([np.nan, 1.0]),
        },
        {},
    )
    aligned = combine([exposures[0], moved], MemoryTable({"": table}, tag="OFFSET_LIST"))
    assert_allclose(aligned.planes.data, combine(exposures).planes.data, rtol=1e-3, atol=1)
    assert aligned.header["ESO DRS MUSE OFFSET2 DRA"] == 2.0 / 3600
    assert aligned.header["ESO DRS MUSE FLUX SCALE2"] == 1.0


def test_exposure_time_of_a_partly_covered_field(exposures):
    words = combine(exposures, format="sdpCube").header
    assert words["TEXPTIME"] == 1200.0
    assert 900 < words["EXPTIME"] < 1200
    assert words["NCOMBINE"] == 2
    assert {"PROV1", "PROV2", "OBID1"} <= set(words) and "OBID2" not in words


def test_tables_that_are_not_reduced_are_refused(exposures):
    raw = pixel_tables(ifus=(1,), date=DATES[1])
    with pytest.raises(BadInput, match=r"PIXTABLE WCS.*Remedy"):
        combine([exposures[0], *raw])


def test_single_ifus_of_an_exposure_are_refused(exposures):
    parts = [replace(exposures[1], ifu=ifu) for ifu in (1, 2)]
    with pytest.raises(BadInput, match=r"DATE-OBS.*2 tables of the same exposure"):
        combine([exposures[0], *parts])


def test_fields_of_different_scale_are_refused(exposures):
    narrow = replace(
        exposures[1], header={**exposures[1].header, "ESO INS MODE": "NFM-AO-N"}
    )
    with pytest.raises(BadInput, match="ESO INS MODE"):
        combine([exposures[0], narrow])


def test_an_exposure_that_was_not_aligned_is_said(exposures, caplog):
    table = Table(
        {
            "DATE_OBS": np.array(DATES[:2]),
            "RA_OFFSET": np.array([0.0, np.nan]),
            "DEC_OFFSET": np.array([0.0, np.nan]),
        },
        {},
    )
    cube = combine(exposures, MemoryTable({"": table}, tag="OFFSET_LIST"))
    assert_allclose(cube.planes.data, combine(exposures).planes.data)
    assert f"{DATES[1]} could not be aligned" in caplog.text


def test_pixels_of_all_exposures_in_one_table(exposures):
    """Both exposures on one sky, one after the other, with weights and limits."""
    out = MemoryOutputs()
    params = exp_combine.params(save="combined", lambdamin=5000.0)
    exp_combine.run({"PIXTABLE_REDUCED": exposures}, params, out)
    table = out["PIXTABLE_COMBINED"]
    words = table.header
    assert words["ESO DRS MUSE PIXTABLE COMBINED"] == 2
    assert words["ESO DRS MUSE PIXTABLE WCS"] == "positioned (final)"
    last = words["ESO DRS MUSE PIXTABLE EXP1 LAST"]
    assert words["ESO DRS MUSE PIXTABLE EXP2 FIRST"] == last + 1
    assert words["ESO DRS MUSE PIXTABLE EXP2 LAST"] + 1 == len(table.pixels.data)
    kept = [e.pixels.data[e.pixels.wavelength >= 5000.0] for e in exposures]
    assert_allclose(table.pixels.data, np.concatenate(kept), rtol=1e-6)
    assert table.pixels.wavelength.min() >= 5000.0
    assert set(table.extra["weight"]) == {1.0}
    assert [k for k in words if " EXP0 " in k] == []
    middle = [
        float(np.median(table.pixels.ypos[part]))
        for part in (slice(0, last + 1), slice(last + 1, None))
    ]
    assert (middle[1] - middle[0]) * 3600 == pytest.approx(0.6, abs=0.1)


def test_weights_are_no_column_where_there_are_none(exposures):
    out = MemoryOutputs()
    params = exp_combine.params(save="combined", weight="none")
    exp_combine.run({"PIXTABLE_REDUCED": exposures}, params, out)
    assert not out["PIXTABLE_COMBINED"].extra
    with pytest.raises(BadInput, match="--save"):
        combine(exposures, save="everything")
