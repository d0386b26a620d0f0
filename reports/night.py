"""The AB monitor of a night from the catalogue."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from phoenix.db.models import Block, Job, Product, Score
from reports.associations import associations
from reports.contexts import BlockRow, Count, Fact, Link, NightPage
from reports.states import TONES, chip


def night_file(night: str) -> str:
    """Return the file name of a night's page."""
    return f"night-{night}.html"


def blocks_of(session: Session, night: str) -> Sequence[Block]:
    """Return the blocks of a night in the order they were planned."""
    query = (
        select(Block)
        .where(Block.night == night)
        .options(
            selectinload(Block.members),
            selectinload(Block.associations),
            selectinload(Block.jobs)
            .selectinload(Job.products)
            .selectinload(Product.scores),
        )
        .order_by(Block.mjd_obs, Block.id)
    )
    return session.scalars(query).all()


def _products(block: Block) -> list[Product]:
    return [product for job in block.jobs for product in job.products]


def _product_link(product: Product) -> Link:
    """Return a link to the file, or its name alone where the file is gone."""
    if product.deleted_at:
        return Link(f"{product.name} (removed after use)", "")
    return Link(product.name, f"../{product.path}")


def _red(score: Score) -> str:
    """Return a red score in words."""
    ifu = f" of IFU {score.ifu}" if score.ifu else ""
    return f"{score.name}{ifu}: {score.reason}"


def _call(job: Job) -> Fact:
    """Return a recipe call of a block's processing log."""
    name = f"{job.step}, {job.recipe}" + (f" IFU {job.ifu}" if job.ifu else "")
    tone = TONES.get(job.state, "fact")
    return Fact(name, job.state, f"{job.wall_s:.1f} s", job.error, tone)


def _row(block: Block) -> BlockRow:
    products = _products(block)
    red = dict.fromkeys(_red(s) for p in products for s in p.scores if s.verdict == "red")
    duration = None
    if block.started_at and block.finished_at:
        duration = (block.finished_at - block.started_at).total_seconds()
    raw_types = Counter(member.tag for member in block.members)
    return BlockRow(
        name=block.name,
        index=f"AB{block.id:05d}",
        completeness=chip("complete" if block.complete else "incomplete"),
        recipe=block.recipe,
        raw_type=", ".join(raw_types) or block.raw_type,
        n_raw=len(block.members),
        setup=block.mode,
        state=chip(block.state),
        duration_s=duration,
        n_red=block.n_red,
        n_total=block.n_total,
        certification=chip(block.certification, block.comment),
        reason="; ".join([block.reason, *block.notes]).strip("; "),
        associations=associations(block),
        calls=tuple(_call(job) for job in block.jobs),
        products=tuple(_product_link(product) for product in products),
        red_qc=tuple(red),
    )


def night_page(
    session: Session, night: str, nights: Sequence[str], month_href: str, generated: str
) -> NightPage:
    """Return the context of a night's page; ``nights`` are those of the month."""
    blocks = blocks_of(session, night)
    states = Counter(block.state for block in blocks)
    waiting = states["incomplete"] + states["blocked"]
    place = list(nights).index(night)
    return NightPage(
        night=night,
        month_href=month_href,
        generated=generated,
        counts=(
            Count(str(len(blocks)), "blocks"),
            Count(str(states["done"]), "done", "good"),
            Count(str(states["failed"]), "failed", "bad" if states["failed"] else "fact"),
            Count(str(waiting), "incomplete or blocked", "warn" if waiting else "fact"),
        ),
        blocks=tuple(_row(block) for block in blocks),
        previous=night_file(nights[place - 1]) if place else "",
        following=night_file(nights[place + 1]) if place + 1 < len(nights) else "",
    )
