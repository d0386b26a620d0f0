"""Products that would be made otherwise today: by calibrations, recipes or raw files."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

import association.blocks as planned
from phoenix.db.models import Block
from phoenix.db.queries import blocks_in_state, with_products
from phoenix.planning import MonthPlan, plan_month, sizes_of
from phoenix.service import Service
from pipeline.runner import load_recipes

Used = dict[tuple[str, str, int], tuple[str, int | None]]
"""By step, tag and IFU: name of the calibration and its product."""


def stale_blocks(service: Service, month: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each stale block of a month that is done, and the reason."""
    recipes = load_recipes()
    with service.catalogue.read() as session:
        ended = blocks_in_state(session, "calibration", "failed", "done")
        for size in sizes_of(session):
            month_plan = plan_month(session, month, size, recipes, ended)
            for row in _done(session, month, size):
                block = month_plan.blocks.get(row.name)
                if block is not None:
                    versions = {name: recipe.version for name, recipe in recipes.items()}
                    reasons = [
                        *_newer_recipes(row, versions),
                        *_other_frames(row, block, month_plan),
                        *_other_calibrations(row, block, month_plan),
                    ]
                    if reasons:
                        yield row.name, "; ".join(dict.fromkeys(reasons))


def _done(session: Session, month: str, size: str) -> list[Block]:
    """Return the finished blocks of a month."""
    query = select(Block).where(
        Block.month == month, Block.size_name == size, Block.state == "done"
    )
    return list(session.scalars(with_products(query).order_by(Block.id)))


def _newer_recipes(row: Block, versions: dict[str, str]) -> Iterator[str]:
    """Say which recipes have another version now."""
    for job in row.latest_jobs:
        here = versions.get(job.recipe)
        if job.state == "done" and here is not None and here != job.version:
            yield f"{job.recipe} was {job.version}, is {here}"


def _other_frames(row: Block, block: planned.Block, month_plan: MonthPlan) -> Iterator[str]:
    """Say which raw frames came, went or changed since."""
    had = {member.raw_id for member in row.members}
    used = {i.raw_id: i.checksum for job in row.latest_jobs for i in job.inputs}
    for frame in block.frames:
        raw = month_plan.raws[frame.name]
        if raw.id not in had:
            yield f"{raw.name} came later"
        elif used.get(raw.id, raw.checksum) != raw.checksum:
            yield f"{raw.name} has changed"
    here = {month_plan.raws[frame.name].id for frame in block.frames}
    for member in row.members:
        if member.raw_id not in here:
            yield f"{member.raw.name} is no longer accepted"


def _other_calibrations(
    row: Block, block: planned.Block, month_plan: MonthPlan
) -> Iterator[str]:
    """Say which calibrations would be chosen instead of those that were used, or none."""
    used: Used = {
        (a.step, a.tag, a.ifu): (a.name, a.product_id) for a in row.associations if a.chosen
    }
    for step in block.steps:
        for match in step.matches:
            for choice in match.chosen:
                key = (step.name, match.tag, choice.ifu or 0)
                product = month_plan.products.get(choice.record.name)
                wanted = (choice.record.name, None if product is None else product.id)
                if key not in used or used[key][0] != wanted[0]:
                    old = used[key][0] if key in used else "none"
                    yield f"{match.tag}: {wanted[0]} is better than {old} ({choice.reason})"
                elif used[key][1] != wanted[1]:
                    yield f"{match.tag}: {wanted[0]} was made again"
                used.pop(key, None)
    for (_, tag, _), (name, _) in used.items():
        yield f"{tag}: {name} would not be used"
