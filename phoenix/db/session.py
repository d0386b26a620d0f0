"""Opening the catalogue: engine, migrations, sessions.

SQLite runs in write-ahead mode with foreign keys on, and every transaction that may
write starts as such (``BEGIN IMMEDIATE``): a transaction that turns from reading to
writing cannot wait for others and would fail.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.orm import Session, sessionmaker

MIGRATIONS = Path(__file__).parents[2] / "migrations"
BUSY_S = 60
"""How long a writer waits for another one [s]."""


def create_catalogue_engine(url: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL with our conventions."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Set up one SQLite connection; transactions are begun by us."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    """Begin a transaction that may write at once, unless it is declared read-only."""
    read_only = connection.get_execution_options().get("phoenix_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest revision; nothing happens when they are there."""
    if _revision(engine) == _newest_revision():
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    """Return the revision of the tables; None when there are none."""
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _newest_revision() -> str:
    """Return the newest revision: file names start with their running number."""
    return max(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).split(
        "_"
    )[0]


class Catalogue:
    """Sessions on one database; short ones, each a single transaction."""

    def __init__(self, url: str) -> None:
        self.engine = create_catalogue_engine(url)
        migrate(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._readers = sessionmaker(
            self.engine.execution_options(phoenix_read_only=True), expire_on_commit=False
        )

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that is committed at the end, or undone by an exception."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session for reading; it waits for no writer."""
        with self._readers() as session:
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
