"""From rows of the catalogue to the records that association reasons about."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from association.masters import promised_name
from association.records import CalibRecord, RawRecord, Setup, State
from association.rules import RULES
from phoenix.db.models import Block, Job, Member, Product, RawFile

MASTER_TAGS = frozenset(rule.tag for rule in RULES)
"""Products that other blocks may be given."""

_STATES: dict[str, State] = {"certified": "certified", "rejected": "rejected", "new": "new"}


def raw_record_of(row: RawFile) -> RawRecord:
    """Return the record of an accepted raw file."""
    return RawRecord(
        name=row.name,
        path=row.path,
        tag=row.tag,
        mjd_obs=row.mjd_obs,
        exptime_s=row.exptime_s,
        setup=setup_of_row(row),
        chips={int(ifu): str(chip) for ifu, chip in row.chips.items()},
        temperature=row.temperature,
        tpl_start=row.tpl_start,
        tpl_id=row.tpl_id,
        tpl_nexp=row.tpl_nexp,
        tpl_expno=row.tpl_expno,
        obs_id=row.obs_id,
        prog_id=row.prog_id,
        target=row.target,
        ra=row.ra,
        dec=row.dec,
        posang=row.posang,
        lamps=tuple(row.lamps),
    )


def setup_of_row(row: RawFile) -> Setup:
    """Return the instrument setup of a raw file."""
    return Setup(row.mode, row.readout, row.opti1, row.opti2)


def accepted(session: Session, size_name: str, tags: Collection[str] = ()) -> list[RawFile]:
    """Return the usable raw files of a size, oldest first."""
    query = select(RawFile).where(
        RawFile.state == "accepted", RawFile.size_name == size_name
    )
    if tags:
        query = query.where(RawFile.tag.in_(tags))
    return list(session.scalars(query.order_by(RawFile.mjd_obs, RawFile.name)))


def masters(session: Session, size_name: str) -> dict[str, tuple[CalibRecord, Product]]:
    """Return the newest product of every calibration block, tag and IFU, by name."""
    query = (
        select(Product)
        .join(Product.job)
        .join(Job.block)
        .where(Block.role == "calibration", Block.size_name == size_name)
        .where(Product.tag.in_(MASTER_TAGS), Product.deleted_at.is_(None))
        .options(
            selectinload(Product.job)
            .selectinload(Job.block)
            .selectinload(Block.members)
            .selectinload(Member.raw),
            selectinload(Product.job)
            .selectinload(Job.block)
            .selectinload(Block.associations),
        )
        .order_by(Product.id)
    )
    found = {}
    for product in session.scalars(query):
        block = product.job.block
        ifu = product.ifu or None
        name = promised_name(block.name, product.tag, ifu)
        found[name] = _master(name, block, product, ifu), product
    return found


def _master(name: str, block: Block, product: Product, ifu: int | None) -> CalibRecord:
    """Return the record of one master."""
    raw = block.members[0].raw
    return CalibRecord(
        name=name,
        path=product.path,
        tag=product.tag,
        mjd_mid=block.mjd_mid,
        setup=setup_of_row(raw),
        ifu=ifu,
        chip="" if ifu is None else str(raw.chips.get(str(ifu), "")),
        temperature=block.temperature,
        state=_STATES[product.certification],
        block=block.name,
        geometry=_geometry(block) if product.tag == "ASTROMETRY_WCS" else "",
    )


def _geometry(block: Block) -> str:
    """Return the name of the geometry table with which a block was made."""
    tables = (a for a in block.associations if a.tag == "GEOMETRY_TABLE" and a.chosen)
    return next((table.name for table in tables), "")
