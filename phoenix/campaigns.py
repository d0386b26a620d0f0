"""Campaigns: what is processed together. First: a month, the set of its nights.

Kinds of raw frames are processed one after the other, in the order in which they need
each other; between them the masters are certified and what is left is planned again, so
that everybody gets the next best of what did not come.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from association.blocks import Block
from association.masters import CHAINS
from phoenix.blocks import run_block
from phoenix.db.models import Block as Row
from phoenix.db.queries import block_states, blocks_in_state
from phoenix.execute import recover
from phoenix.planning import SCIENCE, MonthPlan, keep_plan, kind_of, plan_month, sizes_of
from phoenix.quality import certify_calibrations
from phoenix.science import certify_science
from phoenix.service import Service
from pipeline.runner import load_recipes

KINDS = (*(tag for tag, _ in CHAINS), SCIENCE)
"""Kinds of raw frames in the order of their needs."""


@dataclass
class Month:
    """One month in one store: plans, and says which blocks are to be run next.

    ``retry`` runs again what failed.
    """

    service: Service
    name: str
    retry: bool = False

    def __post_init__(self) -> None:
        self.recipes = load_recipes()
        with self.service.catalogue.read() as session:
            self.sizes = sizes_of(session)

    def plan(self, kind: str = "") -> list["Task"]:
        """Plan what is not done yet and keep the plan; return what can run now.

        Parameters
        ----------
        kind : str
            Only blocks of this kind of raw frames; all, when empty.
        """
        return [task for size in self.sizes for task in self._plan_size(size, kind)]

    def _plan_size(self, size: str, kind: str) -> list["Task"]:
        """Plan the blocks of one instrument size."""
        with self.service.catalogue.write() as session:
            ended = blocks_in_state(session, "calibration", "failed", "done")
            plan = plan_month(session, self.name, size, self.recipes, ended)
            keep_plan(session, plan, size, kind)
            if any(block.missing for block in plan.blocks.values()):
                hoped = plan_month(session, self.name, size, self.recipes)
                _mark_blocked(session, plan, hoped)
            states = block_states(session, list(plan.blocks))
        return [
            Task(plan, block)
            for block in plan.blocks.values()
            if (not kind or kind_of(block) == kind)
            and not block.missing
            and states.get(block.name)
            in (("created", "failed") if self.retry else ("created",))
        ]

    def run(self, task: "Task") -> str:
        """Run one block; return its state."""
        return run_block(
            self.service, task.plan, task.block, self.recipes, retry=self.retry
        )

    def finish(self, kind: str) -> None:
        """Score and certify what was made of one kind of raw frames."""
        if kind == SCIENCE:
            certify_science(self.service, self.name)
        else:
            certify_calibrations(self.service, kind)


@dataclass(frozen=True)
class Task:
    """A block that can run, and the plan it is of."""

    plan: MonthPlan
    block: Block

    @property
    def name(self) -> str:
        """Name of the block."""
        return self.block.name


def _mark_blocked(session: Session, plan: MonthPlan, hoped: MonthPlan) -> None:
    """Tell blocks that lack what a failed block would have made from incomplete ones."""
    for name, block in plan.blocks.items():
        wish = hoped.blocks.get(name)
        if not block.missing or wish is None or wish.missing:
            continue
        row = session.scalar(select(Row).where(Row.name == name))
        if row is not None and row.state == "incomplete":
            causes = ", ".join(wish.needs)
            row.state = "blocked"
            row.reason = f"by {causes}: {'; '.join(block.missing)}"


def reset(service: Service) -> None:
    """Take up what a crash interrupted: finished jobs are known, open blocks open."""
    recover(service)
    with service.catalogue.write() as session:
        for row in session.scalars(select(Row).where(Row.state == "running")):
            row.state = "created"
