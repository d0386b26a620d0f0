"""Two nights from raw frames to the archive, with the real recipes: one run, many checks.

The nights are mini: one OB with a sky exposure, one without, a single
exposure, a saturated star and a truncated file.
"""

import subprocess
import sys

import numpy as np
import pytest
from sqlalchemy import select

from benchmarks.released import REQUIRED, checked_cubes
from phoenix.db.models import QC1, Block, Idp, Job, Product, RawFile, Score
from phoenix.db.session import Catalogue
from phoenix.standard import validate
from pipeline.formats.headers import read_header
from pipeline.simulator.month import simulate_month

MONTH = "2026-09"


def phoenix(store, *words):
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from flows.cli import main; main()",
            "--store",
            store,
            *words,
        ],
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first-light")
    defects = "saturated_star,truncated_file"
    simulate_month(MONTH, "mini", folder / "raw", nights=(2, 3), defects=defects)
    done = phoenix(folder / "store", "run", MONTH, "--raw", str(folder / "raw"))
    assert done.returncode == 0, done.stderr
    return folder / "store"


@pytest.fixture
def session(store):
    catalogue = Catalogue(f"sqlite:///{store / 'catalogue.db'}")
    with catalogue.read() as opened:
        yield opened
    catalogue.close()


@pytest.fixture
def idps(session):
    return {(idp.block.obs_id, idp.code): idp for idp in session.scalars(select(Idp)).all()}


def test_every_block_ends_as_it_should(session):
    states = {b.name: (b.state, b.reason) for b in session.scalars(select(Block))}
    wrong = {name: state for name, state in states.items() if state[0] != "done"}
    assert wrong == {}


@pytest.mark.parametrize(
    ("obs_id", "code", "state", "flag"),
    [
        (2110001, "SCBC", "released", "00000000000"),
        (2110001, "SCBX", "released", "011000000"),
        (2110002, "SCBC", "released", "00100000000"),
        (2110003, "SCBS", "released", "001000000"),
        (2110101, "SCBS", "held", "001001000"),
    ],
)
def test_products_are_released_or_held(idps, obs_id, code, state, flag):
    idp = idps[obs_id, code]
    assert (idp.state, idp.flag) == (state, flag), (idp.report, idp.comment)


def test_released_files_meet_the_standard(store, idps):
    for idp in idps.values():
        if idp.state == "released":
            assert validate(store / idp.path) == []
            assert validate(store / idp.image_path) == []
            assert validate(store / idp.map_path) == []
            assert (store / idp.preview_path).stat().st_size > 0
            assert idp.flag in (store / idp.log_path).read_text()


@pytest.mark.interop
def test_released_files_pass_fitsverify(store, idps, fitsverify):
    for idp in idps.values():
        for path in (idp.path, idp.image_path, idp.map_path):
            if path:
                assert fitsverify(store / path) == (0, 0)


def test_provenance_names_the_raw_science_files(store, session, idps):
    idp = idps[2110001, "SCBC"]
    header = read_header(store / idp.path)
    raws = [m.raw.name for m in idp.block.members if m.tag == "OBJECT"]
    assert [header[f"PROV{n}"] for n in range(1, len(raws) + 1)] == raws
    assert header["NCOMBINE"] == len(raws)
    assert header["OBID1"] == 2110001


def test_the_saturated_star_says_how_much(session, idps):
    idp = idps[2110101, "SCBS"]
    scores = {s.name: s for s in idp.product.scores}
    assert scores["NUM_SAT"].verdict == scores["SATURATION"].verdict == "red"
    assert "saturated" in idp.comment
    assert idp.path == ""


def test_the_truncated_file_is_quarantined(session):
    bad = session.scalars(select(RawFile).where(RawFile.state == "quarantined")).all()
    assert len(bad) == 1 and "truncated" in bad[0].reason


def test_calibrations_are_scored_and_certified(session):
    blocks = session.scalars(select(Block).where(Block.raw_type == "BIAS")).all()
    assert {b.certification for b in blocks} == {"auto"}
    assert all(b.n_total > 0 and b.n_red == 0 for b in blocks)
    assert session.scalars(select(Score).where(Score.name.contains("RON"))).first()
    assert session.scalars(select(QC1).where(QC1.name == "QC BIAS MASTER1 RON")).first()


def test_pixel_tables_are_gone(store, session):
    tables = session.scalars(
        select(Product).where(Product.tag.in_(("PIXTABLE_OBJECT", "PIXTABLE_SKY")))
    ).all()
    assert tables and all(table.deleted_at for table in tables)
    assert not list((store / "products").rglob("PIXTABLE_OBJECT*"))


def test_a_second_run_does_nothing(store, session):
    before = {p: p.stat().st_mtime_ns for p in store.rglob("*.fits")}
    jobs = session.scalars(select(Job.id)).all()
    session.rollback()
    done = phoenix(store, "run", MONTH)
    assert done.returncode == 0, done.stderr
    assert {p: p.stat().st_mtime_ns for p in store.rglob("*.fits")} == before
    assert session.scalars(select(Job.id)).all() == jobs


def test_a_person_may_release_what_was_held(store, session, idps):
    name = idps[2110101, "SCBS"].name
    session.rollback()
    done = phoenix(store, "certify", name, "--comment", "the core is not used")
    assert done.stdout.strip() == f"{name}: released", done.stderr
    idp = session.scalars(select(Idp).where(Idp.name == name)).one()
    assert idp.certification == "ok"
    assert validate(store / idp.path) == []


def test_status_and_explain_show_it(store, session):
    text = phoenix(store, "status", MONTH).stdout
    assert "MU_SCBX_2110001" in text and "quarantined" in text
    name = session.scalars(select(Block.name).where(Block.obs_id == 2110001)).one()
    text = phoenix(store, "ab", "explain", name).stdout
    assert "WAVECAL_TABLE" in text and "closest at level" in text


def test_users_tools_open_the_cubes_at_the_true_places(store):
    """Mpdaf and spectral-cube agree on the WCS; stars and lines lie where they were."""
    checks = list(checked_cubes(store, store.parent / "raw"))
    assert len(checks) >= 4
    assert sum(check.n_sources for check in checks) >= 4
    lines = np.concatenate([check.lines for check in checks])
    assert len(lines) >= 2
    assert np.abs(lines[:, 0]).max() < REQUIRED, lines
    assert np.abs(np.average(lines[:, 0], weights=lines[:, 1] ** -2.0)) < 0.03, lines
    for check in checks:
        assert check.relative < 0.1, check
        assert max(map(abs, check.shift)) < 0.1, check
