"""The tables of the catalogue.

A *raw file* is taken in; a *block* (AB) plans what is made of some raw files and with
which calibrations; its *jobs* are recipe calls; a job leaves *products* with their QC1
values, scores and flags; an *IDP* is a product as it goes to the archive. Nothing is
ever deleted from these tables: files may go, identities stay.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import DateTime, TypeDecorator


class Moment(TypeDecorator[datetime]):
    """A time in UTC; SQLite forgets time zones, so they are put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, _dialect: Dialect
    ) -> datetime | None:
        """Store UTC."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(
        self, value: datetime | None, _dialect: Dialect
    ) -> datetime | None:
        """Return UTC with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables; names of constraints are fixed so that migrations find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[int]: JSON,
        datetime: Moment,
    }


class RawFile(Base):
    """A raw exposure on disk, or one that could not be used and why.

    ``state``: accepted, duplicate (same content as an accepted one) or quarantined.
    ``chips`` maps IFU numbers (as text) to DET.CHIP.ID.
    """

    __tablename__ = "raw_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), index=True)
    path: Mapped[str] = mapped_column(String(4096), unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    checksum: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[str] = mapped_column(default="")
    tag: Mapped[str] = mapped_column(String(32), default="", index=True)
    night: Mapped[str] = mapped_column(String(10), default="", index=True)
    mjd_obs: Mapped[float] = mapped_column(default=0.0)
    exptime_s: Mapped[float] = mapped_column(default=0.0)
    mode: Mapped[str] = mapped_column(String(32), default="")
    readout: Mapped[str] = mapped_column(String(32), default="")
    opti1: Mapped[str] = mapped_column(String(64), default="")
    opti2: Mapped[str] = mapped_column(String(64), default="")
    chips: Mapped[dict[str, Any]] = mapped_column(default=dict)
    size_name: Mapped[str] = mapped_column(String(8), default="")
    temperature: Mapped[float | None]
    tpl_start: Mapped[str] = mapped_column(String(32), default="")
    tpl_id: Mapped[str] = mapped_column(String(64), default="")
    tpl_nexp: Mapped[int] = mapped_column(default=1)
    tpl_expno: Mapped[int] = mapped_column(default=1)
    obs_id: Mapped[int] = mapped_column(BigInteger, default=0, index=True)
    prog_id: Mapped[str] = mapped_column(String(32), default="")
    target: Mapped[str] = mapped_column(String(128), default="")
    ra: Mapped[float] = mapped_column(default=0.0)
    dec: Mapped[float] = mapped_column(default=0.0)
    posang: Mapped[float] = mapped_column(default=0.0)
    lamps: Mapped[list[str]] = mapped_column(default=list)
    ingested_at: Mapped[datetime] = mapped_column(default=now)


class Block(Base):
    """An association block: what is planned for one dataset, and how it went.

    ``state``: created, ready, running, done, failed, incomplete or blocked, with the
    reason of the last three; ``certification``: none (not judged yet), auto, review
    (waits for a person), ok or rejected; ``finals``: by step, code and kind of the
    product that goes to the archive (``SCBS OBJ``).
    """

    __tablename__ = "block"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(128), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    raw_type: Mapped[str] = mapped_column(String(32), index=True)
    recipe: Mapped[str] = mapped_column(String(32))
    month: Mapped[str] = mapped_column(String(7), index=True)
    night: Mapped[str] = mapped_column(String(10), index=True)
    tpl_start: Mapped[str] = mapped_column(String(32), default="")
    mode: Mapped[str] = mapped_column(String(32), default="")
    size_name: Mapped[str] = mapped_column(String(8), default="")
    obs_id: Mapped[int] = mapped_column(BigInteger, default=0)
    prog_id: Mapped[str] = mapped_column(String(32), default="")
    target: Mapped[str] = mapped_column(String(128), default="")
    mjd_obs: Mapped[float] = mapped_column(default=0.0)
    mjd_mid: Mapped[float] = mapped_column(default=0.0)
    temperature: Mapped[float | None]
    complete: Mapped[bool] = mapped_column(default=True)
    state: Mapped[str] = mapped_column(String(16), default="created", index=True)
    reason: Mapped[str] = mapped_column(default="")
    notes: Mapped[list[str]] = mapped_column(default=list)
    finals: Mapped[dict[str, Any]] = mapped_column(default=dict)
    n_red: Mapped[int] = mapped_column(default=0)
    n_total: Mapped[int] = mapped_column(default=0)
    certification: Mapped[str] = mapped_column(String(16), default="none")
    comment: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    members: Mapped[list["Member"]] = relationship(
        back_populates="block", order_by="Member.position"
    )
    associations: Mapped[list["Association"]] = relationship(
        back_populates="block",
        order_by="Association.id",
        foreign_keys="Association.block_id",
    )
    jobs: Mapped[list["Job"]] = relationship(back_populates="block", order_by="Job.id")

    @property
    def latest_jobs(self) -> list["Job"]:
        """The newest recipe call of each step and IFU; older ones had other inputs."""
        return list({(job.step, job.ifu): job for job in self.jobs}.values())


class Member(Base):
    """A raw file of a block."""

    __tablename__ = "member"

    block_id: Mapped[int] = mapped_column(ForeignKey("block.id"), primary_key=True)
    raw_id: Mapped[int] = mapped_column(ForeignKey("raw_file.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(32))
    position: Mapped[int]

    block: Mapped[Block] = relationship(back_populates="members")
    raw: Mapped[RawFile] = relationship()


class Association(Base):
    """A calibration weighed for a block: chosen or not, and why.

    ``source``: product, promised (a block will make it), raw (an ILLUM) or static;
    ``step`` is the recipe call of the block that it is for; ``ifu`` is 0 for those that
    serve all IFUs; ``dt_d`` [d] and ``dtemp_k`` [K] are calibration minus block.
    """

    __tablename__ = "association"
    __table_args__ = (Index("ix_association_block_tag", "block_id", "tag"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    block_id: Mapped[int] = mapped_column(ForeignKey("block.id"))
    step: Mapped[str] = mapped_column(String(64), default="")
    tag: Mapped[str] = mapped_column(String(32))
    ifu: Mapped[int] = mapped_column(default=0)
    chosen: Mapped[bool]
    source: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(255))
    path: Mapped[str] = mapped_column(String(4096), default="")
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("block.id"))
    level: Mapped[int | None]
    dt_d: Mapped[float | None]
    dtemp_k: Mapped[float | None]
    closeness: Mapped[float | None]
    reason: Mapped[str]

    block: Mapped[Block] = relationship(
        back_populates="associations", foreign_keys=[block_id]
    )


class Job(Base):
    """One recipe call; ``identity`` is the digest of recipe, version, parameters, inputs.

    ``state``: running, done or failed. ``ifu`` is 0 for recipes that take all IFUs.
    """

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(String(64), unique=True)
    block_id: Mapped[int] = mapped_column(ForeignKey("block.id"), index=True)
    recipe: Mapped[str] = mapped_column(String(32), index=True)
    version: Mapped[str] = mapped_column(String(32))
    step: Mapped[str] = mapped_column(String(64))
    ifu: Mapped[int] = mapped_column(default=0)
    params: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), index=True)
    error: Mapped[str] = mapped_column(default="")
    wall_s: Mapped[float] = mapped_column(default=0.0)
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]

    block: Mapped[Block] = relationship(back_populates="jobs")
    inputs: Mapped[list["JobInput"]] = relationship(
        back_populates="job", order_by="JobInput.position"
    )
    products: Mapped[list["Product"]] = relationship(
        back_populates="job", order_by="Product.id"
    )


class JobInput(Base):
    """One frame that a job was given: the lineage of its products."""

    __tablename__ = "job_input"

    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    tag: Mapped[str] = mapped_column(String(32))
    path: Mapped[str] = mapped_column(String(4096))
    checksum: Mapped[str] = mapped_column(String(128))
    raw_id: Mapped[int | None] = mapped_column(ForeignKey("raw_file.id"), index=True)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"), index=True)

    job: Mapped[Job] = relationship(back_populates="inputs")


class Product(Base):
    """A file that a job made. ``path`` is relative to the store.

    ``datasum`` joins the DATASUMs of its HDUs; ``certification``: new, certified or
    rejected; ``deleted_at`` is set when the file of an intermediate product was removed.
    """

    __tablename__ = "product"
    __table_args__ = (UniqueConstraint("job_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), index=True)
    tag: Mapped[str] = mapped_column(String(32), index=True)
    ifu: Mapped[int] = mapped_column(default=0)
    number: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(String(255))
    path: Mapped[str] = mapped_column(String(1024))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    datasum: Mapped[str] = mapped_column(String(255))
    certification: Mapped[str] = mapped_column(String(16), default="new", index=True)
    certified_by: Mapped[str] = mapped_column(String(64), default="")
    comment: Mapped[str] = mapped_column(default="")
    n_red: Mapped[int] = mapped_column(default=0)
    n_total: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    deleted_at: Mapped[datetime | None]

    job: Mapped[Job] = relationship(back_populates="products")
    qc1: Mapped[list["QC1"]] = relationship(order_by="QC1.id")
    scores: Mapped[list["Score"]] = relationship(order_by="Score.id")


class QC1(Base):
    """A quality-control value as the product's header carries it (without ``ESO``)."""

    __tablename__ = "qc1"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    number: Mapped[float | None]
    text: Mapped[str | None] = mapped_column(String(128))


class Score(Base):
    """A value held against its limits, or a process check (``kind``: limit or flag)."""

    __tablename__ = "score"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(64), index=True)
    ifu: Mapped[int] = mapped_column(default=0)
    value: Mapped[float | None]
    lower: Mapped[float | None]
    upper: Mapped[float | None]
    verdict: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(String(255), default="")


class Idp(Base):
    """A product as it goes to the archive, or was refused by the validator.

    ``state``: released, refused or superseded; ``flag`` is the MUSE score flag string.
    Paths are relative to the store. ``report`` lists what the validator found.
    """

    __tablename__ = "idp"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), unique=True)
    block_id: Mapped[int] = mapped_column(ForeignKey("block.id"), index=True)
    name: Mapped[str] = mapped_column(String(128), index=True)
    version: Mapped[int]
    month: Mapped[str] = mapped_column(String(7), index=True)
    code: Mapped[str] = mapped_column(String(4))
    kind: Mapped[str] = mapped_column(String(4))
    state: Mapped[str] = mapped_column(String(16))
    flag: Mapped[str] = mapped_column(String(16))
    n_red: Mapped[int]
    n_total: Mapped[int]
    association_score: Mapped[float | None]
    association_by: Mapped[str] = mapped_column(String(255), default="")
    path: Mapped[str] = mapped_column(String(1024), default="")
    image_path: Mapped[str] = mapped_column(String(1024), default="")
    log_path: Mapped[str] = mapped_column(String(1024), default="")
    preview_path: Mapped[str] = mapped_column(String(1024), default="")
    map_path: Mapped[str] = mapped_column(String(1024), default="", server_default="")
    report: Mapped[list[str]] = mapped_column(default=list)
    certification: Mapped[str] = mapped_column(String(16), default="none")
    comment: Mapped[str] = mapped_column(default="")
    public_from: Mapped[datetime | None]
    released_at: Mapped[datetime] = mapped_column(default=now)

    product: Mapped[Product] = relationship()
    block: Mapped[Block] = relationship()


class Verdict(Base):
    """Who certified or rejected what, when and why; rows are only ever added."""

    __tablename__ = "verdict"

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), index=True)
    verdict: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(String(64))
    comment: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now)


class DeepGroup(Base):
    """Science blocks on one target that may be combined to a deep cube."""

    __tablename__ = "deep_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(128), unique=True)
    target: Mapped[str] = mapped_column(String(128), default="")
    ra: Mapped[float]
    dec: Mapped[float]
    blocks: Mapped[list[str]]
    prog_ids: Mapped[list[str]]
    noted_at: Mapped[datetime] = mapped_column(default=now)
