"""A month planned, run, failed and taken up again, with recipes that only add up."""

import pytest
from sqlalchemy import func, select

from phoenix.db.models import Association, Block, Job, JobInput, Product, RawFile
from phoenix.execute import run_job
from phoenix.measure import BACKGROUND
from phoenix.quality import decide_block
from phoenix.staleness import stale_blocks
from tests.phoenix.conftest import MONTH, NIGHT, run_month
from tests.phoenix.rawfiles import raw_file


@pytest.fixture
def blocks(service):
    def by_type():
        with service.catalogue.read() as session:
            rows = session.scalars(select(Block).order_by(Block.mjd_obs, Block.id)).all()
        return {f"{row.raw_type} {row.night}": row for row in rows}

    return by_type


def files(service):
    return sorted(
        p.relative_to(service.store.root) for p in service.store.products.rglob("*.fits")
    )


def count(service, model):
    with service.catalogue.read() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_everything_is_made_once(service, raw, blocks):
    assert run_month(service, raw) == 7
    assert {row.state for row in blocks().values()} == {"done"}
    before = files(service), count(service, Job)
    stamps = {p: (service.store.root / p).stat().st_mtime_ns for p in before[0]}
    assert run_month(service, raw) == 0
    assert (files(service), count(service, Job)) == before
    assert stamps == {p: (service.store.root / p).stat().st_mtime_ns for p in before[0]}


def test_lineage_leads_back_to_the_raw_files(service, raw):
    run_month(service, raw)
    with service.catalogue.read() as session:
        cube = session.scalars(select(Product).where(Product.tag == "DATACUBE_FINAL")).one()
        seen, pending = set(), [cube.job_id]
        while pending:
            for item in session.scalars(
                select(JobInput).where(JobInput.job_id == pending.pop())
            ):
                if item.raw_id is not None:
                    seen.add(session.get_one(RawFile, item.raw_id).tag)
                else:
                    pending.append(session.get_one(Product, item.product_id).job_id)
    assert seen == {"BIAS", "FLAT", "ARC", "OBJECT"}


def test_associations_say_what_won_and_what_did_not(service, raw, blocks):
    run_month(service, raw)
    with service.catalogue.read() as session:
        rows = session.scalars(
            select(Association)
            .join(Association.block)
            .where(Block.role == "science", Association.tag == "MASTER_FLAT")
        ).all()
    chosen = [row for row in rows if row.chosen]
    assert {row.ifu for row in chosen} == {1, 2}
    assert all(row.source == "product" and row.level == 0 for row in chosen)
    assert [row.chosen for row in rows].count(False) == 1
    assert all(row.reason for row in rows)


def test_pixel_tables_go_and_their_identity_stays(service, raw):
    run_month(service, raw)
    with service.catalogue.read() as session:
        tables = session.scalars(
            select(Product).where(Product.tag == "PIXTABLE_OBJECT")
        ).all()
    assert len(tables) == 2
    assert all(table.deleted_at is not None for table in tables)
    assert not any(service.store.absolute(table.path).exists() for table in tables)


def test_removed_pixel_tables_are_made_again_when_needed(service, raw, monkeypatch):
    run_month(service, raw)
    with service.catalogue.write() as session:
        cube = session.scalars(select(Product).where(Product.tag == "DATACUBE_FINAL")).one()
        service.store.absolute(cube.path).unlink()
        row = session.scalars(select(Block).where(Block.role == "science")).one()
        row.state = "created"
    assert run_month(service) == 1
    assert service.store.absolute(cube.path).exists()
    assert not [p for p in files(service) if "PIXTABLE" in p.name]


def test_a_failed_night_gives_way_to_the_next_best(service, raw, blocks):
    next(raw.glob("*FLAT.61284*")).unlink()
    raw_file(raw, "FLAT", NIGHT + 0.01, ifus=(1, 2), TEST_FAIL=True)
    run_month(service, raw)
    made = blocks()
    assert made["FLAT 2026-09-01"].state == "failed"
    assert "asked to fail" in made["FLAT 2026-09-01"].reason
    assert made["OBJECT 2026-09-01"].state == "done"
    with service.catalogue.read() as session:
        used = session.scalars(
            select(Association.name)
            .join(Association.block)
            .where(Block.role == "science", Association.tag == "MASTER_FLAT")
            .where(Association.chosen)
        ).all()
    assert all(name.startswith(made["FLAT 2026-09-02"].name) for name in used)


def test_a_cube_is_measured_although_a_crash_came_between(service, raw, monkeypatch):
    class Killed(BaseException):
        """Ends the process as far as the service can see."""

    def kill(path):
        raise Killed

    with monkeypatch.context() as crash:
        crash.setattr("phoenix.science.measure_cube", kill)
        with pytest.raises(Killed):
            run_month(service, raw)
    run_month(service)
    with service.catalogue.read() as session:
        cube = session.scalars(select(Product).where(Product.tag == "DATACUBE_FINAL")).one()
        assert BACKGROUND in {value.name for value in cube.qc1}


def test_what_nobody_foresaw_fails_its_block_only(service, raw, blocks, monkeypatch):
    def odd(path):
        raise ZeroDivisionError("odd cube")

    monkeypatch.setattr("phoenix.science.measure_cube", odd)
    run_month(service, raw)
    target = blocks()["OBJECT 2026-09-01"]
    assert (target.state, target.reason) == ("failed", "ZeroDivisionError: odd cube")


def test_without_a_next_best_the_rest_is_blocked_and_says_by_whom(service, raw, blocks):
    for path in raw.glob("*FLAT*"):
        path.unlink()
    raw_file(raw, "FLAT", NIGHT + 0.01, ifus=(1, 2), TEST_FAIL=True)
    run_month(service, raw)
    made = blocks()
    arc, target = made["ARC 2026-09-01"], made["OBJECT 2026-09-01"]
    assert (arc.state, target.state) == ("blocked", "blocked")
    assert made["FLAT 2026-09-01"].name in arc.reason
    assert "MASTER_FLAT" in target.reason
    assert run_month(service) == 0
    assert blocks()["OBJECT 2026-09-01"].state == "blocked"


def test_what_never_came_is_named(service, raw, blocks):
    for path in raw.glob("*FLAT*"):
        path.unlink()
    run_month(service, raw)
    target = blocks()["OBJECT 2026-09-01"]
    assert target.state == "incomplete"
    assert "MASTER_FLAT" in target.reason


def test_one_ifu_may_fail_alone(service, raw, blocks, monkeypatch):
    def fragile(given, call, **options):
        if (
            call.recipe.name == "muse_bias"
            and call.ifu == 2
            and "61284" in str(call.frames)
        ):
            from phoenix.errors import BlockFailed

            raise BlockFailed("cold", remedy="warm it")
        return run_job(given, call, **options)

    monkeypatch.setattr("phoenix.blocks.run_job", fragile)
    run_month(service, raw)
    made = blocks()
    assert made["BIAS 2026-09-01"].state == "done"
    assert "bias IFU 2: cold" in made["BIAS 2026-09-01"].notes
    assert made["OBJECT 2026-09-01"].state == "done"
    with service.catalogue.read() as session:
        query = (
            select(Association.ifu, Association.name)
            .join(Association.block)
            .where(Block.raw_type == "FLAT", Block.night == "2026-09-01")
            .where(Association.tag == "MASTER_BIAS", Association.chosen)
        )
        used = dict(iter(session.execute(query)))
    assert made["BIAS 2026-09-01"].name in used[1]
    assert made["BIAS 2026-09-02"].name in used[2]


def test_a_rejected_master_is_never_used(service, raw, blocks):
    for path in raw.glob("*OBJECT*"):
        path.rename(path.with_suffix(".later"))
    run_month(service, raw)
    name = blocks()["FLAT 2026-09-01"].name
    decide_block(service, name, "rejected", "a person", "clouds in the dome")
    for path in raw.glob("*.later"):
        path.rename(path.with_suffix(".fits"))
    run_month(service, raw)
    with service.catalogue.read() as session:
        rows = session.scalars(
            select(Association)
            .join(Association.block)
            .where(Block.role == "science", Association.tag == "MASTER_FLAT")
        ).all()
    assert all(name not in row.name for row in rows if row.chosen)
    assert any("rejected in quality control" in row.reason for row in rows)


def test_failed_blocks_run_again_only_on_request(service, raw, blocks):
    next(raw.glob("*FLAT.61284*")).unlink()
    raw_file(raw, "FLAT", NIGHT + 0.01, ifus=(1, 2), TEST_FAIL=True)
    run_month(service, raw)
    with service.catalogue.read() as session:
        first = session.scalars(select(Job.started_at).where(Job.state == "failed")).all()
    run_month(service)
    with service.catalogue.read() as session:
        assert (
            session.scalars(select(Job.started_at).where(Job.state == "failed")).all()
            == first
        )
    run_month(service, retry=True)
    with service.catalogue.read() as session:
        again = session.scalars(select(Job.started_at).where(Job.state == "failed")).all()
    assert min(again) > max(first)


def test_blocks_of_other_months_are_left_alone(service, raw, blocks):
    raw_file(raw, "BIAS", NIGHT - 20, ifus=(1, 2))
    run_month(service, raw)
    assert all(row.month == MONTH for row in blocks().values())


def test_what_a_better_master_would_change_is_listed(service, raw, blocks):
    late = next(raw.glob("*FLAT.61284*")).rename(raw / "late")
    run_month(service, raw)
    assert list(stale_blocks(service, MONTH)) == []
    late.rename(raw / "MUSE.FLAT.late.fits")
    run_month(service, raw)
    stale = dict(stale_blocks(service, MONTH))
    assert blocks()["OBJECT 2026-09-01"].name in stale
    assert "MASTER_FLAT" in stale[blocks()["OBJECT 2026-09-01"].name]


def test_masters_that_cannot_come_make_nothing_stale(service, raw):
    next(raw.glob("*FLAT.61284*")).unlink()
    raw_file(raw, "FLAT", NIGHT + 0.01, ifus=(1, 2), TEST_FAIL=True)
    run_month(service, raw)
    assert list(stale_blocks(service, MONTH)) == []


def test_a_product_of_a_rejected_master_is_stale_without_a_next_best(service, raw, blocks):
    run_month(service, raw)
    for night in ("2026-09-01", "2026-09-02"):
        name = blocks()[f"FLAT {night}"].name
        decide_block(service, name, "rejected", "a person", "wrong lamp")
    stale = dict(stale_blocks(service, MONTH))
    assert "MASTER_FLAT" in stale[blocks()["OBJECT 2026-09-01"].name]
    assert "would not be used" in stale[blocks()["OBJECT 2026-09-01"].name]


def test_a_frame_that_came_later_or_changed_is_listed(service, raw, blocks):
    run_month(service, raw)
    raw_file(raw, "BIAS", NIGHT, ifus=(1, 2), level=1234)
    raw_file(raw, "FLAT", NIGHT + 0.011, ifus=(1, 2))
    run_month(service, raw)
    stale = dict(stale_blocks(service, MONTH))
    assert "has changed" in stale[blocks()["BIAS 2026-09-01"].name]
    assert "came later" in stale[blocks()["FLAT 2026-09-01"].name]


def test_a_block_that_is_done_stays_so_when_its_recipes_go(service, raw, blocks):
    run_month(service, raw)
    raw_file(raw, "SKY", NIGHT + 0.301, ifus=(1, 2))
    run_month(service, raw)
    assert blocks()["OBJECT 2026-09-01"].state == "done"


def test_a_failed_block_is_tried_again_when_a_frame_came(service, raw, blocks):
    flat = next(raw.glob("*FLAT.61284*"))
    template = f"T{int((NIGHT + 0.01) * 10)}"
    flat.unlink()
    raw_file(raw, "FLAT", NIGHT + 0.01, ifus=(1, 2), TEST_FAIL=True)
    run_month(service, raw)
    raw_file(raw, "FLAT", NIGHT + 0.012, ifus=(1, 2), TPL_START=template)
    with service.catalogue.read() as session:
        before = session.scalars(select(Job.identity).where(Job.state == "failed")).all()
    run_month(service, raw)
    with service.catalogue.read() as session:
        after = session.scalars(select(Job.identity).where(Job.state == "failed")).all()
    assert set(before) < set(after)
