"""Association blocks: planned by `association`, kept in the catalogue.

A plan is made from the raw files, the shipped statics and the masters there are; those
that blocks will make are promised. It is made anew when a promise is broken. Blocks that
are done keep the plan they were made with.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import association.blocks as planned
from association.cascade import plan
from association.datasets import SCIENCE_TAGS
from association.decisions import Choice, Match, Rejection
from association.records import CalibRecord, RawRecord
from phoenix.db.models import Association, Block, DeepGroup, Member, Product, RawFile
from phoenix.db.records import accepted, masters, raw_record_of
from phoenix.statics import static_calibrations
from pipeline.spec import Recipe

REACH_D = 30
"""Calibrations of so many days before and after a month may serve it (`association.rules`:
the windows of masters end at 30 d, but for twilights and darks, which are reused)."""

SCIENCE = "OBJECT"
"""Kind of all blocks with object and sky exposures."""

OPEN = ("created", "ready", "incomplete", "blocked", "failed")
"""States in which a block still follows the plan."""


@dataclass
class MonthPlan:
    """The plan of a month and where its frames are in the catalogue.

    ``raws`` by file name, ``products`` by the name of the master; ``wanted`` are the
    blocks of the month and those of other months that they need.
    """

    month: str
    plan: planned.Plan
    raws: Mapping[str, RawFile]
    products: Mapping[str, Product]
    wanted: frozenset[str]

    @property
    def blocks(self) -> dict[str, planned.Block]:
        """Blocks of the month, and those of other months that they need, in order."""
        return {b.name: b for b in self.plan.blocks if b.name in self.wanted}


def sizes_of(session: Session) -> list[str]:
    """Return the instrument sizes in the catalogue."""
    query = select(RawFile.size_name).where(RawFile.state == "accepted").distinct()
    return sorted(session.scalars(query))


def plan_month(
    session: Session,
    month: str,
    size_name: str,
    recipes: Mapping[str, Recipe],
    refused: Collection[str] = (),
) -> MonthPlan:
    """Plan the blocks of a month.

    Parameters
    ----------
    session : Session
        Of the catalogue.
    month : str
        ``YYYY-MM``: the science of its nights.
    size_name : str
        Instrument size; frames of one size never calibrate the other.
    recipes : mapping
        Declarations by name.
    refused : collection of str
        Blocks that failed, and promised masters that will not come.
    """
    rows = [row for row in accepted(session, size_name) if _serves(row, month)]
    raws = [raw_record_of(row) for row in rows]
    real = masters(session, size_name)
    calibs = [record for record, _ in real.values()]
    calibs += static_calibrations(size_name, [raw.setup for raw in raws])
    made = plan(raws, calibs, recipes, refused=refused)
    return MonthPlan(
        month=month,
        plan=made,
        raws={row.name: row for row in rows},
        products={name: product for name, (_, product) in real.items()},
        wanted=_wanted(made, month),
    )


def _serves(row: RawFile, month: str) -> bool:
    """Tell whether a frame belongs to the month or may calibrate it."""
    if row.tag in SCIENCE_TAGS:
        return row.night.startswith(month)
    first = date.fromisoformat(f"{month}-01")
    after = (first + timedelta(days=32)).replace(day=1)
    reach = timedelta(days=REACH_D)
    return first - reach <= date.fromisoformat(row.night) < after + reach


def _wanted(made: planned.Plan, month: str) -> frozenset[str]:
    """Return the blocks of the month and all that they need, in depth."""
    by_name = {block.name: block for block in made.blocks}
    wanted: set[str] = set()
    pending = [block.name for block in made.blocks if block.night.startswith(month)]
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending += by_name[name].needs if name in by_name else ()
    return frozenset(wanted)


def keep_plan(
    session: Session, month_plan: MonthPlan, size_name: str, kind: str = ""
) -> None:
    """Write the blocks of a plan into the catalogue; those under way or done stay.

    With a ``kind`` only blocks of these raw frames that are open are brought up to date.
    """
    known = {
        row.name: row
        for row in session.scalars(
            select(Block).where(Block.name.in_(list(month_plan.blocks)))
        )
    }
    for block in month_plan.blocks.values():
        if block.kind == "deep":
            _keep_group(session, block)
            continue
        row = known.get(block.name)
        if row is None:
            row = _new_row(block.name, block.frames, block.tag, size_name)
            session.add(row)
            session.flush()
            _keep_members(session, row, block, month_plan)
            _follow(session, row, block, month_plan)
        elif row.state in OPEN and kind in ("", kind_of(block)):
            _follow(session, row, block, month_plan)
    for left in month_plan.plan.unplanned:
        if left.frames[0].night.startswith(month_plan.month):
            _keep_unplanned(session, left, size_name, month_plan)


def _new_row(name: str, frames: tuple[RawRecord, ...], tag: str, size_name: str) -> Block:
    """Return a row with what its frames say."""
    first = frames[0]
    warm = [f.temperature for f in frames if f.temperature is not None]
    return Block(
        name=name,
        role="calibration",
        raw_type=tag,
        recipe="",
        month=first.night[:7],
        night=first.night,
        tpl_start=first.tpl_start,
        mode=first.setup.mode,
        size_name=size_name,
        obs_id=first.obs_id,
        prog_id=first.prog_id,
        target=first.target,
        mjd_obs=first.mjd_obs,
        mjd_mid=first.mjd_mid,
        temperature=sum(warm) / len(warm) if warm else None,
    )


def kind_of(block: planned.Block) -> str:
    """Return the kind of raw frames by which a block is processed."""
    return {"science": SCIENCE, "deep": "DEEP"}.get(block.kind, block.tag)


def _keep_members(
    session: Session, row: Block, block: planned.Block, month_plan: MonthPlan
) -> None:
    """Note the raw files of a block."""
    for position, frame in enumerate(block.frames):
        session.add(
            Member(
                block_id=row.id,
                raw_id=month_plan.raws[frame.name].id,
                tag=frame.tag,
                position=position,
            )
        )


def _follow(
    session: Session, row: Block, block: planned.Block, month_plan: MonthPlan
) -> None:
    """Bring state, members and associations of an open block to the newest plan."""
    row.role, row.raw_type, row.mjd_mid = block.kind, block.tag, block.mjd_mid
    row.recipe = block.steps[-1].recipe if block.steps else ""
    row.finals = {final.step: f"{final.code} {final.object}" for final in block.finals}
    members = {m.raw_id for m in row.members}
    other_frames = members != {month_plan.raws[f.name].id for f in block.frames}
    if other_frames:
        session.execute(delete(Member).where(Member.block_id == row.id))
        session.expire(row, ["members"])
        _keep_members(session, row, block, month_plan)
    row.complete = not block.missing
    row.notes = list(block.notes)
    rows = _associations(row, block, month_plan)
    if block.missing:
        row.state, row.reason = "incomplete", "; ".join(block.missing)
    elif row.state != "failed" or other_frames or _used(rows) != _used(row.associations):
        row.state, row.reason = "created", ""
    session.execute(delete(Association).where(Association.block_id == row.id))
    session.bulk_save_objects(rows)


def _used(rows: Iterable[Association]) -> set[tuple[str, str, int, str, int | None]]:
    """Return what tells one choice of calibrations from another."""
    return {(a.step, a.tag, a.ifu, a.name, a.product_id) for a in rows if a.chosen}


def _associations(
    row: Block, block: planned.Block, month_plan: MonthPlan
) -> list[Association]:
    """Return the rows of all calibrations that were weighed for a block."""
    rows = []
    for step in block.steps:
        for match in step.matches:
            rows += [
                _chosen(row.id, step.name, match, choice, month_plan)
                for choice in match.chosen
            ]
            rows += [
                _rejected(row.id, step.name, match, rejection)
                for rejection in match.rejected
            ]
    return rows


def _chosen(
    block_id: int, step: str, match: Match, choice: Choice, month_plan: MonthPlan
) -> Association:
    """Return the row of a calibration that won."""
    record = choice.record
    product = month_plan.products.get(record.name)
    return Association(
        block_id=block_id,
        step=step,
        tag=match.tag,
        ifu=choice.ifu or 0,
        chosen=True,
        source=source_of(record, month_plan),
        name=record.name,
        path=record.path,
        product_id=None if product is None else product.id,
        level=choice.level,
        dt_d=choice.dt_d if match.scored else None,
        dtemp_k=choice.dtemp_k if match.scored else None,
        closeness=choice.closeness if match.scored else None,
        reason=choice.reason,
    )


def _rejected(block_id: int, step: str, match: Match, rejection: Rejection) -> Association:
    """Return the row of a calibration that lost, for one IFU or several alike."""
    return Association(
        block_id=block_id,
        step=step,
        tag=match.tag,
        ifu=rejection.ifus[0] if len(rejection.ifus) == 1 else 0,
        chosen=False,
        source="product",
        name=rejection.name,
        level=rejection.level,
        dt_d=rejection.dt_d,
        dtemp_k=rejection.dtemp_k,
        closeness=rejection.closeness,
        reason=rejection.reason,
    )


def source_of(record: CalibRecord, month_plan: MonthPlan) -> str:
    """Return where a calibration comes from: product, promised, raw or static."""
    if record.state == "promised":
        return "promised"
    if record.name in month_plan.products:
        return "product"
    return "raw" if record.name in month_plan.raws else "static"


def _keep_unplanned(
    session: Session, left: planned.Unplanned, size_name: str, month_plan: MonthPlan
) -> None:
    """Note frames that no block could be planned for, as an incomplete one."""
    row = session.scalar(select(Block).where(Block.name == left.name))
    if row is None:
        row = _new_row(left.name, left.frames, left.frames[0].tag, size_name)
        session.add(row)
        session.flush()
        for position, frame in enumerate(left.frames):
            raw_id = month_plan.raws[frame.name].id
            session.add(
                Member(block_id=row.id, raw_id=raw_id, tag=frame.tag, position=position)
            )
    if row.state in OPEN:
        row.state, row.reason, row.complete = "incomplete", left.reason, False


def _keep_group(session: Session, block: planned.Block) -> None:
    """Note a deep group: its blocks may become one deep cube in the campaign DEEP."""
    group = session.scalar(select(DeepGroup).where(DeepGroup.name == block.name))
    if group is None:
        first = block.frames[0]
        group = DeepGroup(name=block.name, target=first.target, ra=first.ra, dec=first.dec)
        session.add(group)
    group.blocks = sorted({f"{f.obs_id} {f.tpl_start}" for f in block.frames})
    group.prog_ids = sorted({f.prog_id for f in block.frames})
