"""Alembic's entry point: runs the revisions on the connection it is given.

The catalogue opens the connection (`phoenix.db.session.migrate`); without one, as for
``alembic -x url=... revision --autogenerate``, the URL is taken from the command line.
"""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from phoenix.db.models import Base, Moment
from phoenix.db.session import create_catalogue_engine


def plain_type(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own column types into revisions as the types they are made of."""
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    """Run the revisions in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=plain_type,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = context.get_x_argument(as_dictionary=True)["url"]
    with create_catalogue_engine(url).begin() as opened:
        run(opened)
