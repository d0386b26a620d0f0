"""Questions to the catalogue that several parts of the service ask."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from phoenix.db.models import Block, Job, Member, Product
from phoenix.errors import NotInCatalogue


def with_products(query: Select[Block]) -> Select[Block]:
    """Load the jobs of blocks, their products and QC1 values at once."""
    jobs = selectinload(Block.jobs)
    return query.options(
        jobs.selectinload(Job.inputs),
        jobs.selectinload(Job.products).selectinload(Product.qc1),
        jobs.selectinload(Job.products).selectinload(Product.scores),
        selectinload(Block.members).selectinload(Member.raw),
        selectinload(Block.associations),
    )


def block_states(session: Session, names: list[str]) -> dict[str, str]:
    """Return the state of each of these blocks."""
    query = select(Block.name, Block.state).where(Block.name.in_(names))
    return dict(iter(session.execute(query)))


def blocks_in_state(session: Session, role: str, *states: str) -> set[str]:
    """Return the names of the blocks of a role that are in one of these states."""
    query = select(Block.name).where(Block.role == role, Block.state.in_(states))
    return set(session.scalars(query))


def demand_blocks(session: Session, month: str) -> None:
    """Refuse a month of which there is nothing.

    Raises
    ------
    NotInCatalogue
        If no block is of this month.
    """
    if session.scalar(select(Block.id).where(Block.month == month).limit(1)) is None:
        raise NotInCatalogue(
            f"the catalogue holds no usable raw frame of {month}",
            remedy="take them in with --raw FOLDER, or name another month",
        )
