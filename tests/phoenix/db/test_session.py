"""The catalogue opens from nothing, its migrations make exactly the declared tables."""

from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError

from phoenix.db.models import Base, Block, Idp, Member
from phoenix.db.session import MIGRATIONS, Catalogue, migrate


@pytest.fixture
def catalogue(tmp_path):
    opened = Catalogue(f"sqlite:///{tmp_path / 'catalogue.db'}")
    yield opened
    opened.close()


def block(**values):
    return Block(
        name="AB", role="calibration", raw_type="BIAS", recipe="muse_bias",
        month="2026-09", night="2026-09-01", **values,
    )  # fmt: skip


def test_migrations_make_the_declared_tables(catalogue):
    with catalogue.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_keeps_the_rows(catalogue):
    with catalogue.write() as session:
        session.add(block())
    migrate(catalogue.engine)
    with catalogue.read() as session:
        assert session.scalars(select(Block.name)).all() == ["AB"]


ROW = {
    "id": 1, "product_id": 1, "block_id": 1, "name": "MU", "version": 1,
    "month": "2026-09", "code": "SCBS", "kind": "OBJ", "state": "released", "flag": "0",
    "n_red": 0, "n_total": 7, "association_by": "", "path": "cube.fits",
    "image_path": "", "log_path": "", "preview_path": "", "report": "[]",
    "certification": "none", "comment": "", "released_at": "2026-09-01 00:00:00",
}  # fmt: skip
"""A data product of the first tables."""


def test_products_of_the_first_tables_have_no_exposure_map(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with create_engine(url).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        places = ", ".join(f":{name}" for name in ROW)
        insert = f"INSERT INTO idp ({', '.join(ROW)}) VALUES ({places})"
        connection.execute(text(insert), ROW)
    opened = Catalogue(url)
    with opened.read() as session:
        assert session.scalars(select(Idp.map_path)).all() == [""]
    opened.close()


def test_times_come_back_in_utc(catalogue):
    moment = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
    with catalogue.write() as session:
        session.add(block(started_at=moment))
    with catalogue.read() as session:
        assert session.scalars(select(Block.started_at)).one() == moment


def test_foreign_keys_hold(catalogue):
    with pytest.raises(IntegrityError), catalogue.write() as session:
        session.add(Member(block_id=7, raw_id=7, tag="BIAS", position=0))


def test_an_exception_undoes_the_transaction(catalogue):
    def broken():
        with catalogue.write() as session:
            session.add(block())
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    with catalogue.read() as session:
        assert session.scalars(select(Block)).all() == []


def test_readers_do_not_wait_for_a_writer(catalogue):
    with catalogue.write() as writer:
        writer.add(block())
        writer.flush()
        with catalogue.read() as reader:
            assert reader.scalars(select(Block)).all() == []


def test_sqlite_runs_in_write_ahead_mode(catalogue):
    with catalogue.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
