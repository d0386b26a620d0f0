"""Running an association block: its recipe calls in the order of their needs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

import association.blocks as planned
from association.planner import ifu_ranges
from association.records import CalibRecord
from phoenix.db.models import Block, Product, now
from phoenix.errors import BlockFailed, PhoenixError
from phoenix.execute import Call, Given, given, remove_files, run_job
from phoenix.planning import MonthPlan
from phoenix.science import measure_finals
from phoenix.service import Service
from phoenix.statics import file_checksum
from pipeline.spec import BadInput, Recipe

INTERMEDIATE = "PIXTABLE_"
"""Products whose files may go when the block is done: they are most of the volume."""


@dataclass
class BlockRun:
    """One block under way.

    ``made``: products by step; ``lost``: for each step the IFUs by what went wrong.
    """

    service: Service
    month_plan: MonthPlan
    block: planned.Block
    block_id: int
    recipes: Mapping[str, Recipe]
    retry: bool
    made: dict[str, list[Product]] = field(default_factory=dict)
    lost: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def run(self) -> None:
        """Run all steps, those that do not need each other at the same time.

        Raises
        ------
        BlockFailed
            If a step made nothing.
        """
        for wave in waves(self.block.steps):
            calls = [call for step in wave for call in self._calls(step)]
            futures = [
                self.service.jobs.submit(run_job, self.service, call, retry=self.retry)
                for call in calls
            ]
            for call, future in zip(calls, futures, strict=True):
                try:
                    self.made.setdefault(call.step, []).extend(future.result())
                except Exception as error:
                    lost = self.lost.setdefault(call.step, {})
                    lost.setdefault(_what(error), []).append(call.ifu)
            for step in wave:
                if not self.made.get(step.name):
                    reasons = self._reasons(step.name) or [f"{step.name} made nothing"]
                    raise BlockFailed("; ".join(reasons), remedy="see the night's page")

    @property
    def notes(self) -> list[str]:
        """What the plan noted, and what went wrong in some IFUs only."""
        return [*self.block.notes, *(t for step in self.lost for t in self._reasons(step))]

    def _reasons(self, step: str) -> list[str]:
        """Say what went wrong in a step, and in which IFUs."""
        return [
            f"{step}{f' IFU {ifu_ranges(ifus)}' if any(ifus) else ''}: {text}"
            for text, ifus in self.lost.get(step, {}).items()
        ]

    def _calls(self, step: planned.Step) -> Iterator[Call]:
        """Return the recipe calls of a step: one for each IFU, or one for all."""
        recipe = self.recipes[step.recipe]
        finals = {final.step for final in self.block.finals}
        for ifu in step.ifus if recipe.scope == "ifu" else (0,):
            frames = (
                *self._raw(step),
                *self._fed(step, ifu),
                *self._calibrations(step, ifu),
            )
            yield Call(
                self.block_id,
                step.name,
                recipe,
                ifu,
                step.params,
                frames,
                self.service.settings.sky_residuals if step.name in finals else "none",
            )

    def _raw(self, step: planned.Step) -> Iterator[Given]:
        """Return the raw frames of a step."""
        for frame in step.raw:
            yield self._raw_frame(frame.name, frame.tag)

    def _raw_frame(self, name: str, tag: str) -> Given:
        row = self.month_plan.raws[name]
        return Given(Path(row.path), tag, row.checksum, raw_id=row.id)

    def _fed(self, step: planned.Step, ifu: int) -> Iterator[Given]:
        """Return the products of earlier steps that a step takes."""
        for feed in step.feeds:
            for product in self.made[feed.step]:
                if product.tag == feed.tag and (not ifu or product.ifu == ifu):
                    yield given(product, feed.as_tag, self.service.store)

    def _calibrations(self, step: planned.Step, ifu: int) -> Iterator[Given]:
        """Return the calibrations of a step, for one IFU or all."""
        for record in step.calibrations:
            if not ifu or record.ifu in (None, ifu):
                yield self._calibration(record)

    def _calibration(self, record: CalibRecord) -> Given:
        """Find a calibration's file: a master, a raw ILLUM or a static."""
        if record.name in self.month_plan.products:
            product = self.month_plan.products[record.name]
            return given(product, record.tag, self.service.store)
        if record.name in self.month_plan.raws:
            return self._raw_frame(record.name, record.tag)
        path = Path(record.path)
        return Given(path, record.tag, file_checksum(path))


def _what(error: Exception) -> str:
    """Say what went wrong."""
    if isinstance(error, PhoenixError):
        return error.problem
    return str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"


def waves(steps: tuple[planned.Step, ...]) -> Iterator[list[planned.Step]]:
    """Cut steps into groups, each needing only groups before it."""
    ended: set[str] = set()
    left = list(steps)
    while left:
        wave = [step for step in left if set(step.after) <= ended]
        if not wave:
            names = ", ".join(step.name for step in left)
            raise ValueError(f"the steps {names} need each other")
        yield wave
        ended |= {step.name for step in wave}
        left = [step for step in left if step.name not in ended]


def run_block(
    service: Service,
    month_plan: MonthPlan,
    block: planned.Block,
    recipes: Mapping[str, Recipe],
    *,
    retry: bool = False,
) -> str:
    """Run a block that is complete and note how it went; return its state.

    It is done only when its final products are measured: what a crash interrupts is
    taken up, what is done is not looked at again.
    """
    with service.catalogue.write() as session:
        row = session.scalars(select(Block).where(Block.name == block.name)).one()
        row.state, row.reason, row.started_at = "running", "", now()
        block_id = row.id
    running = BlockRun(service, month_plan, block, block_id, recipes, retry)
    try:
        running.run()
        measure_finals(service, block.name)
        state, reason = "done", ""
    except Exception as error:
        state, reason = "failed", _what(error)
    if state == "done" and not service.settings.keep_pixel_tables:
        remove_files(service, intermediates(running))
    with service.catalogue.write() as session:
        row = session.get_one(Block, block_id)
        row.state, row.reason, row.finished_at = state, reason, now()
        row.notes = running.notes
    return state


def intermediates(running: BlockRun) -> list[Product]:
    """Return the products that were needed only on the way."""
    fed = {feed.step for step in running.block.steps for feed in step.feeds}
    return [
        product
        for name, products in running.made.items()
        for product in products
        if name in fed and product.tag.startswith(INTERMEDIATE)
    ]
