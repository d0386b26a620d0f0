"""Tests of where exposures lie: pointing and offsets of an alignment."""

import numpy as np
import pytest

from pipeline.algorithms.positions import (
    Offset,
    find_offset,
    flux_scale,
    offset_keywords,
    tangent_point,
)
from pipeline.spec import BadInput, Table

DATES = ("2026-09-03T04:20:00.456", "2026-09-03T04:40:00.001")
HEADER = {"DATE-OBS": DATES[1], "RA": 53.1625, "DEC": -27.791}


def offsets(kind=str, **changes):
    columns = {
        "DATE_OBS": np.array(
            [f"{d}  " for d in DATES], dtype="S30" if kind is bytes else "U30"
        ),
        "RA_OFFSET": np.array([0.0, 1e-4]),
        "DEC_OFFSET": np.array([0.0, -2e-4]),
        "FLUX_SCALE": np.array([np.nan, 1.2]),
    }
    return Table(columns | changes, {})


@pytest.mark.parametrize("kind", [str, bytes])
def test_offset_is_found_by_date(kind):
    assert find_offset(offsets(kind), HEADER) == Offset(1e-4, -2e-4, 1.2)


def test_other_exposures_have_no_offset():
    assert find_offset(None, HEADER) is None
    assert find_offset(offsets(), HEADER | {"DATE-OBS": "2026-09-04T00:00:00.000"}) is None
    assert find_offset(offsets(), {}) is None


def test_a_list_without_fluxes_gives_factor_one():
    columns = {k: v for k, v in offsets().columns.items() if k != "FLUX_SCALE"}
    found = find_offset(Table(columns, {}), HEADER)
    assert np.isnan(found.flux_scale) and flux_scale(found) == 1.0


def test_offset_is_measured_minus_true():
    """A source seen at RA + offset belongs at RA: the exposure moves back."""
    assert tangent_point(HEADER, None) == (53.1625, -27.791)
    moved = tangent_point(HEADER, Offset(1e-4, -2e-4, np.nan))
    assert moved == pytest.approx((53.1624, -27.7908), abs=1e-12)


def test_an_exposure_without_alignment_stays_and_says_so(caplog):
    assert tangent_point(HEADER, Offset(np.nan, np.nan, 1.0)) == (53.1625, -27.791)
    assert DATES[1] in caplog.text


def test_missing_position_is_named():
    with pytest.raises(BadInput, match="RA"):
        tangent_point({"DEC": 1.0}, None)


@pytest.mark.parametrize(
    ("given", "factor"), [(1.2, 1.2), (0.0, 1.0), (-3.0, 1.0), (np.nan, 1.0)]
)
def test_flux_factor_is_positive(given, factor):
    assert flux_scale(Offset(0.0, 0.0, given)) == factor
    assert flux_scale(None) == 1.0


def test_keywords_tell_what_was_applied():
    words = offset_keywords(
        [HEADER] * 3, [None, Offset(1e-4, 0.0, np.nan), Offset(np.nan, np.nan, 1.1)]
    )
    assert words["ESO DRS MUSE OFFSET2 DRA"] == 1e-4
    assert words["ESO DRS MUSE OFFSET2 DATE-OBS"] == DATES[1]
    assert words["ESO DRS MUSE FLUX SCALE3"] == 1.1
    assert not any("OFFSET1" in k or k.endswith("SCALE2") for k in words)
    assert "ESO DRS MUSE OFFSET3 DRA" not in words
