from pathlib import Path

import pytest

from association.classify import Quarantined, classify, raw_record
from association.night import night_of, night_span
from association.records import RawRecord

GOOD = {
    "INSTRUME": "MUSE",
    "MJD-OBS": 61285.0,
    "EXPTIME": 864.0,
    "ESO DPR CATG": "SCIENCE",
    "ESO DPR TYPE": "OBJECT",
    "ESO DPR TECH": "IFU",
    "ESO INS MODE": "WFM-NOAO-N",
    "ESO DET READ CURID": 1,
    "ESO INS TEMP4 VAL": 11.5,
    "ESO OBS ID": 100,
    "ESO TPL START": "2026-09-02T00:00:00",
}


@pytest.mark.parametrize(
    ("catg", "kind", "tag"),
    [
        ("CALIB", "BIAS", "BIAS"),
        ("CALIB", "DARK", "DARK"),
        ("CALIB", "FLAT,LAMP", "FLAT"),
        ("CALIB", "FLAT,LAMP,ILLUM", "ILLUM"),
        ("CALIB", "FLAT,SKY", "SKYFLAT"),
        ("CALIB", "WAVE", "ARC"),
        ("CALIB", "WAVE,LSF", "ARC_LSF"),
        ("CALIB", "WAVE,MASK", "MASK"),
        ("CALIB", "FLAT,LAMP,MASK", "MASK_CHECK"),
        ("CALIB", "STD", "STD"),
        ("CALIB", "SKY", "SKY"),
        ("SCIENCE", "SKY", "SKY"),
        ("SCIENCE", "OBJECT", "OBJECT"),
        ("CALIB", "ASTROMETRY", "ASTROMETRY"),
    ],
)
def test_tags_by_dpr_keywords(catg: str, kind: str, tag: str) -> None:
    header = {"ESO DPR CATG": catg, "ESO DPR TYPE": kind, "ESO DPR TECH": "IFU"}
    assert classify(header) == (tag, "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ESO DPR TECH": "IMAGE"}, "only IFU"),
        ({"ESO DPR TYPE": "FOCUS"}, "no recipe takes"),
        ({"ESO DPR CATG": "ACQUISITION"}, "no recipe takes"),
        ({"INSTRUME": "UVES"}, "not MUSE"),
        ({"ESO DPR CATG": None}, "is missing"),
        ({"ESO INS MODE": None}, "ESO INS MODE is missing"),
        ({"MJD-OBS": "yesterday"}, "no valid value"),
        ({"MJD-OBS": "nan"}, "MJD-OBS is nan"),
        ({"MJD-OBS": 1e9}, "MJD-OBS is 1e+09"),
        ({"EXPTIME": -1.0}, "EXPTIME is -1"),
        ({"ESO INS TEMP4 VAL": "nan"}, "TEMP4 VAL is nan"),
        ({"ESO TPL NEXP": "inf"}, "TPL NEXP is inf"),
        ({"ESO TPL START": None}, "ESO TPL START is missing"),
        ({"ESO OBS ID": None}, "ESO OBS ID is missing"),
        ({"ESO TPL START": "../../etc"}, "no file name can hold"),
        ({"ESO INS MODE": "WFM/../NFM"}, "no file name can hold"),
        ({"ESO OBS PROG ID": "X" * 33}, "33 characters, more than 32"),
    ],
)
def test_what_cannot_be_used_is_quarantined_with_a_reason(
    changes: dict[str, object], words: str
) -> None:
    header = {k: v for k, v in (GOOD | changes).items() if v is not None}
    found = raw_record("a.fits", "/a.fits", header, {1: "x"})  # type: ignore[arg-type]
    assert isinstance(found, Quarantined)
    assert words in found.reason and found.remedy


def test_calibrations_need_no_observation_block() -> None:
    header = {k: v for k, v in GOOD.items() if k not in ("ESO TPL START", "ESO OBS ID")}
    header |= {"ESO DPR CATG": "CALIB", "ESO DPR TYPE": "BIAS"}
    assert isinstance(raw_record("a.fits", "/a.fits", header, {1: "x"}), RawRecord)


def test_a_file_without_channels_is_quarantined() -> None:
    found = raw_record("a.fits", "/a.fits", GOOD, {})
    assert isinstance(found, Quarantined) and "CHANnn" in found.reason


def test_a_record_holds_what_matching_needs() -> None:
    record = raw_record("a.fits", "/a.fits", GOOD, {2: "y", 1: "x"})
    assert isinstance(record, RawRecord)
    assert record.tag == "OBJECT" and record.ifus == (1, 2)
    assert record.mjd_mid == pytest.approx(61285.005)
    assert record.setup.opti2 == "WFM" and record.setup.blue
    assert record.temperature == 11.5 and record.obs_id == 100


def test_lamps_are_lit_only_behind_an_open_shutter() -> None:
    header = dict(GOOD) | {"ESO INS LAMPNUM": 3}
    for n, (lamp, shutter) in enumerate([(True, False), (False, True), (True, True)], 1):
        header |= {f"ESO INS LAMP{n} ST": lamp, f"ESO INS SHUT{n} ST": shutter}
        header[f"ESO INS LAMP{n} NAME"] = f"CU-LAMP{n}"
    record = raw_record("a.fits", "/a.fits", header, {1: "x"})
    assert isinstance(record, RawRecord) and record.lamps == ("CU-LAMP3",)


def test_nights_run_from_noon_to_noon() -> None:
    # MJD 61284 is 2026-09-01; local noon is 16:00 UTC
    assert night_of(61284 + 16 / 24) == "2026-09-01"
    assert night_of(61284 + 16 / 24 - 1e-6) == "2026-08-31"
    assert night_of(61285 + 15.99 / 24) == "2026-09-01"
    start, end = night_span("2026-09-01")
    assert end - start == 1.0 and night_of(start) == "2026-09-01" != night_of(end)


def test_the_package_knows_no_service() -> None:
    for path in Path("association").glob("*.py"):
        assert "sqlalchemy" not in path.read_text() and "astropy" not in path.read_text()
