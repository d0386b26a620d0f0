"""First tables of the catalogue."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "block",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("raw_type", sa.String(length=32), nullable=False),
        sa.Column("recipe", sa.String(length=32), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("night", sa.String(length=10), nullable=False),
        sa.Column("tpl_start", sa.String(length=32), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("size_name", sa.String(length=8), nullable=False),
        sa.Column("obs_id", sa.BigInteger(), nullable=False),
        sa.Column("prog_id", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=128), nullable=False),
        sa.Column("mjd_obs", sa.Double(), nullable=False),
        sa.Column("mjd_mid", sa.Double(), nullable=False),
        sa.Column("temperature", sa.Double(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("finals", sa.JSON(), nullable=False),
        sa.Column("n_red", sa.Integer(), nullable=False),
        sa.Column("n_total", sa.Integer(), nullable=False),
        sa.Column("certification", sa.String(length=16), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block")),
        sa.UniqueConstraint("name", name=op.f("uq_block_name")),
    )
    with op.batch_alter_table("block", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_block_month"), ["month"], unique=False)
        batch_op.create_index(batch_op.f("ix_block_night"), ["night"], unique=False)
        batch_op.create_index(batch_op.f("ix_block_raw_type"), ["raw_type"], unique=False)
        batch_op.create_index(batch_op.f("ix_block_state"), ["state"], unique=False)

    op.create_table(
        "deep_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("target", sa.String(length=128), nullable=False),
        sa.Column("ra", sa.Double(), nullable=False),
        sa.Column("dec", sa.Double(), nullable=False),
        sa.Column("blocks", sa.JSON(), nullable=False),
        sa.Column("prog_ids", sa.JSON(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deep_group")),
        sa.UniqueConstraint("name", name=op.f("uq_deep_group_name")),
    )
    op.create_table(
        "raw_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=4096), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("night", sa.String(length=10), nullable=False),
        sa.Column("mjd_obs", sa.Double(), nullable=False),
        sa.Column("exptime_s", sa.Double(), nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("readout", sa.String(length=32), nullable=False),
        sa.Column("opti1", sa.String(length=64), nullable=False),
        sa.Column("opti2", sa.String(length=64), nullable=False),
        sa.Column("chips", sa.JSON(), nullable=False),
        sa.Column("size_name", sa.String(length=8), nullable=False),
        sa.Column("temperature", sa.Double(), nullable=True),
        sa.Column("tpl_start", sa.String(length=32), nullable=False),
        sa.Column("tpl_id", sa.String(length=64), nullable=False),
        sa.Column("tpl_nexp", sa.Integer(), nullable=False),
        sa.Column("tpl_expno", sa.Integer(), nullable=False),
        sa.Column("obs_id", sa.BigInteger(), nullable=False),
        sa.Column("prog_id", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=128), nullable=False),
        sa.Column("ra", sa.Double(), nullable=False),
        sa.Column("dec", sa.Double(), nullable=False),
        sa.Column("posang", sa.Double(), nullable=False),
        sa.Column("lamps", sa.JSON(), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raw_file")),
        sa.UniqueConstraint("path", name=op.f("uq_raw_file_path")),
    )
    with op.batch_alter_table("raw_file", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_raw_file_checksum"), ["checksum"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_raw_file_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_raw_file_night"), ["night"], unique=False)
        batch_op.create_index(batch_op.f("ix_raw_file_obs_id"), ["obs_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_raw_file_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_raw_file_tag"), ["tag"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("ifu", sa.Integer(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("wall_s", sa.Double(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["block_id"], ["block.id"], name=op.f("fk_job_block_id_block")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("identity", name=op.f("uq_job_identity")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_block_id"), ["block_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_job_recipe"), ["recipe"], unique=False)
        batch_op.create_index(batch_op.f("ix_job_state"), ["state"], unique=False)

    op.create_table(
        "member",
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("raw_id", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["block_id"], ["block.id"], name=op.f("fk_member_block_id_block")
        ),
        sa.ForeignKeyConstraint(
            ["raw_id"], ["raw_file.id"], name=op.f("fk_member_raw_id_raw_file")
        ),
        sa.PrimaryKeyConstraint("block_id", "raw_id", name=op.f("pk_member")),
    )
    op.create_table(
        "product",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("ifu", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("datasum", sa.String(length=255), nullable=False),
        sa.Column("certification", sa.String(length=16), nullable=False),
        sa.Column("certified_by", sa.String(length=64), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("n_red", sa.Integer(), nullable=False),
        sa.Column("n_total", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_product_job_id_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("job_id", "name", name=op.f("uq_product_job_id")),
    )
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_product_certification"), ["certification"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_product_job_id"), ["job_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_product_tag"), ["tag"], unique=False)

    op.create_table(
        "association",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("ifu", sa.Integer(), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=4096), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=True),
        sa.Column("provider_id", sa.Integer(), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("dt_d", sa.Double(), nullable=True),
        sa.Column("dtemp_k", sa.Double(), nullable=True),
        sa.Column("closeness", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["block_id"], ["block.id"], name=op.f("fk_association_block_id_block")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_association_product_id_product")
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["block.id"], name=op.f("fk_association_provider_id_block")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_association")),
    )
    with op.batch_alter_table("association", schema=None) as batch_op:
        batch_op.create_index("ix_association_block_tag", ["block_id", "tag"], unique=False)

    op.create_table(
        "idp",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("block_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("code", sa.String(length=4), nullable=False),
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("flag", sa.String(length=16), nullable=False),
        sa.Column("n_red", sa.Integer(), nullable=False),
        sa.Column("n_total", sa.Integer(), nullable=False),
        sa.Column("association_score", sa.Double(), nullable=True),
        sa.Column("association_by", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("image_path", sa.String(length=1024), nullable=False),
        sa.Column("log_path", sa.String(length=1024), nullable=False),
        sa.Column("preview_path", sa.String(length=1024), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("certification", sa.String(length=16), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("public_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["block_id"], ["block.id"], name=op.f("fk_idp_block_id_block")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_idp_product_id_product")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idp")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_idp_name")),
        sa.UniqueConstraint("product_id", name=op.f("uq_idp_product_id")),
    )
    with op.batch_alter_table("idp", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idp_block_id"), ["block_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_idp_month"), ["month"], unique=False)
        batch_op.create_index(batch_op.f("ix_idp_name"), ["name"], unique=False)

    op.create_table(
        "job_input",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=4096), nullable=False),
        sa.Column("checksum", sa.String(length=128), nullable=False),
        sa.Column("raw_id", sa.Integer(), nullable=True),
        sa.Column("product_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_job_input_job_id_job")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_job_input_product_id_product")
        ),
        sa.ForeignKeyConstraint(
            ["raw_id"], ["raw_file.id"], name=op.f("fk_job_input_raw_id_raw_file")
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_input")),
    )
    with op.batch_alter_table("job_input", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_job_input_product_id"), ["product_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_job_input_raw_id"), ["raw_id"], unique=False)

    op.create_table(
        "qc1",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Double(), nullable=True),
        sa.Column("text", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_qc1_product_id_product")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qc1")),
    )
    with op.batch_alter_table("qc1", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_qc1_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_qc1_product_id"), ["product_id"], unique=False)

    op.create_table(
        "score",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("ifu", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("lower", sa.Double(), nullable=True),
        sa.Column("upper", sa.Double(), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_score_product_id_product")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score")),
    )
    with op.batch_alter_table("score", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_score_name"), ["name"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_score_product_id"), ["product_id"], unique=False
        )

    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_verdict_product_id_product")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
    )
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_verdict_product_id"), ["product_id"], unique=False
        )


def downgrade() -> None:

    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_verdict_product_id"))

    op.drop_table("verdict")
    with op.batch_alter_table("score", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_score_product_id"))
        batch_op.drop_index(batch_op.f("ix_score_name"))

    op.drop_table("score")
    with op.batch_alter_table("qc1", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_qc1_product_id"))
        batch_op.drop_index(batch_op.f("ix_qc1_name"))

    op.drop_table("qc1")
    with op.batch_alter_table("job_input", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_input_raw_id"))
        batch_op.drop_index(batch_op.f("ix_job_input_product_id"))

    op.drop_table("job_input")
    with op.batch_alter_table("idp", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idp_name"))
        batch_op.drop_index(batch_op.f("ix_idp_month"))
        batch_op.drop_index(batch_op.f("ix_idp_block_id"))

    op.drop_table("idp")
    with op.batch_alter_table("association", schema=None) as batch_op:
        batch_op.drop_index("ix_association_block_tag")

    op.drop_table("association")
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_product_tag"))
        batch_op.drop_index(batch_op.f("ix_product_job_id"))
        batch_op.drop_index(batch_op.f("ix_product_certification"))

    op.drop_table("product")
    op.drop_table("member")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_state"))
        batch_op.drop_index(batch_op.f("ix_job_recipe"))
        batch_op.drop_index(batch_op.f("ix_job_block_id"))

    op.drop_table("job")
    with op.batch_alter_table("raw_file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_raw_file_tag"))
        batch_op.drop_index(batch_op.f("ix_raw_file_state"))
        batch_op.drop_index(batch_op.f("ix_raw_file_obs_id"))
        batch_op.drop_index(batch_op.f("ix_raw_file_night"))
        batch_op.drop_index(batch_op.f("ix_raw_file_name"))
        batch_op.drop_index(batch_op.f("ix_raw_file_checksum"))

    op.drop_table("raw_file")
    op.drop_table("deep_group")
    with op.batch_alter_table("block", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_block_state"))
        batch_op.drop_index(batch_op.f("ix_block_raw_type"))
        batch_op.drop_index(batch_op.f("ix_block_night"))
        batch_op.drop_index(batch_op.f("ix_block_month"))

    op.drop_table("block")
