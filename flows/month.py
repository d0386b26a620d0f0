"""The Prefect flow of a month.

Prefect runs the tasks and shows them; a task is a block. What is to be done, and what
became of it, is in our catalogue only, so a killed flow is started again without asking
Prefect anything.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.server import own_server
from phoenix.campaigns import KINDS, Month, Task, reset
from phoenix.ingest import Intake, ingest
from phoenix.service import Service

Progress = Callable[[str, int, int], None]
"""Told what is under way, and how many parts of how many are done."""


@task(name="ingest", cache_policy=NO_CACHE)
def take_in(service: Service, raw: Path, tell: Progress) -> Intake:
    """Take in the raw files of a folder."""
    return ingest(
        service.catalogue,
        raw,
        workers=service.settings.n_workers,
        progress=lambda done, total: tell("ingest", done, total),
    )


@task(name="block", task_run_name="{job.name}", cache_policy=NO_CACHE)
def run_block(month: Month, job: Task) -> str:
    """Run one association block."""
    return month.run(job)


def reduce_kind(month: Month, kind: str, tell: Progress) -> None:
    """Run all blocks of one kind of raw frames, then score and certify what they made."""
    jobs = month.plan(kind)
    futures = [run_block.submit(month, job) for job in jobs]
    for n_done, future in enumerate(as_completed(futures), 1):
        future.result()
        tell(kind, n_done, len(jobs))
    month.finish(kind)


def reduce_month(
    service: Service, name: str, raw: Path | None, *, retry: bool, tell: Progress
) -> None:
    """Do all that is to be done for a month."""
    reset(service)
    if raw is not None:
        take_in(service, raw, tell)
    month = Month(service, name, retry=retry)
    month.plan()
    for kind in KINDS:
        reduce_kind(month, kind, tell)


def run_month(
    service: Service, name: str, raw: Path | None, *, retry: bool, tell: Progress
) -> None:
    """Run the flow of a month under a server of our own."""
    runner: Any = ThreadPoolTaskRunner(max_workers=2 * service.settings.n_workers)
    with service.writing(), own_server() as server:
        run = flow(
            reduce_month,
            name=f"month {name}",
            task_runner=runner,
            validate_parameters=False,
        )
        server.wait(service.settings.server_timeout_s)
        run(service, name, raw, retry=retry, tell=tell)
