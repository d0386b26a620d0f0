"""Data products have a map of exposure times."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("map_path", sa.String(1024), nullable=False, server_default="")
    with op.batch_alter_table("idp", schema=None) as batch_op:
        batch_op.add_column(column)


def downgrade() -> None:
    with op.batch_alter_table("idp", schema=None) as batch_op:
        batch_op.drop_column("map_path")
