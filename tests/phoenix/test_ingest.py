"""Ingest takes in every file once, and says why when it cannot."""

import shutil

import pytest
from sqlalchemy import select

from association.classify import LONGEST
from phoenix.db.models import RawFile
from phoenix.db.records import raw_record_of
from phoenix.db.session import Catalogue
from phoenix.ingest import ingest
from tests.phoenix.rawfiles import raw_file


@pytest.fixture
def catalogue(tmp_path):
    opened = Catalogue(f"sqlite:///{tmp_path / 'catalogue.db'}")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "raw"
    raw_file(made, "BIAS", 61284.5, ifus=(1, 3))
    raw_file(made, "OBJECT", 61285.1, level=1001)
    return made


def rows(catalogue, state):
    with catalogue.read() as session:
        return session.scalars(
            select(RawFile).where(RawFile.state == state).order_by(RawFile.name)
        ).all()


def test_frames_are_classified(catalogue, folder):
    assert str(ingest(catalogue, folder)) == "2 accepted"
    bias, target = (raw_record_of(row) for row in rows(catalogue, "accepted"))
    assert (bias.tag, bias.chips) == ("BIAS", {1: "chip-1", 3: "chip-3"})
    assert (target.tag, target.obs_id, target.setup.mode) == (
        "OBJECT",
        200000001,
        "WFM-NOAO-N",
    )
    assert {row.size_name for row in rows(catalogue, "accepted")} == {"mini"}


def test_a_second_time_nothing_is_read(catalogue, folder, monkeypatch):
    ingest(catalogue, folder)
    monkeypatch.setattr(
        "phoenix.ingest.examine", lambda path: pytest.fail(f"opened {path}")
    )
    assert str(ingest(catalogue, folder)) == "2 known"


def test_a_copy_is_a_duplicate(catalogue, folder):
    ingest(catalogue, folder)
    source = next(folder.glob("*BIAS*"))
    shutil.copy(source, folder / "copy.fits")
    assert ingest(catalogue, folder).counts["duplicate"] == 1
    assert str(source) in rows(catalogue, "duplicate")[0].reason


def test_other_content_under_a_known_name_is_quarantined(catalogue, folder):
    ingest(catalogue, folder)
    raw_file(folder / "again", "BIAS", 61284.5, DET_READ_CURID=2, TPL_START="other")
    ingest(catalogue, folder)
    assert "another exposure has this name" in rows(catalogue, "quarantined")[0].reason


def test_a_truncated_file_is_quarantined_with_the_remedy(catalogue, folder):
    source = next(folder.glob("*OBJECT*"))
    source.write_bytes(source.read_bytes()[:-200000])
    intake = ingest(catalogue, folder)
    assert (intake.counts["accepted"], intake.counts["quarantined"]) == (1, 1)
    assert "truncated" in rows(catalogue, "quarantined")[0].reason
    assert "Remedy" in rows(catalogue, "quarantined")[0].reason


def test_a_repaired_file_is_taken_in(catalogue, folder):
    source = next(folder.glob("*OBJECT*"))
    whole = source.read_bytes()
    source.write_bytes(whole[:-200000])
    ingest(catalogue, folder)
    source.write_bytes(whole)
    ingest(catalogue, folder)
    assert len(rows(catalogue, "accepted")) == 2 and not rows(catalogue, "quarantined")


@pytest.mark.parametrize("content", [b"", b"no FITS file", b"SIMPLE  ="])
def test_rubbish_is_quarantined(catalogue, tmp_path, content):
    (tmp_path / "rubbish.fits").write_bytes(content)
    ingest(catalogue, tmp_path)
    assert rows(catalogue, "quarantined")[0].reason


def test_what_is_accepted_fits_the_columns_of_the_catalogue():
    kept = {
        "ESO INS MODE": "mode", "ESO DET READ CURID": "readout",
        "ESO TPL START": "tpl_start", "ESO OBS PROG ID": "prog_id",
        "ESO TPL ID": "tpl_id", "ESO INS OPTI1 NAME": "opti1",
        "ESO INS OPTI2 NAME": "opti2", "ESO OBS TARG NAME": "target",
        "OBJECT": "target",
    }  # fmt: skip
    columns = RawFile.__table__.columns
    assert {k: columns[name].type.length for k, name in kept.items()} == LONGEST


def test_an_unknown_type_is_quarantined(catalogue, tmp_path):
    raw_file(tmp_path, "BIAS", 61284.5, DPR_TYPE="LIGO")
    ingest(catalogue, tmp_path)
    assert "no recipe takes" in rows(catalogue, "quarantined")[0].reason
