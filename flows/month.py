"""The Prefect flow of a month.

Prefect runs the tasks and shows them; a task is a block. What is to be done, and what
became of it, is in our catalogue only, so a killed flow is started again without asking
Prefect anything.
"""

from collections.abc import Callable
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed

from phoenix.archive import release_month
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


@task(cache_policy=NO_CACHE)
def release(service: Service, month: str, retry: bool, tell: Progress) -> int:
    """Release what is certified and meets the standard, with a preview of each."""
    from reports.previews import write_preview

    n_products = len(release_month(service, month, write_preview, retry=retry))
    if n_products:
        tell("release", n_products, n_products)
    return n_products


@task(cache_policy=NO_CACHE)
def write_pages(service: Service, month: str) -> Path:
    """Write the pages of the month."""
    from reports import pages

    with service.catalogue.read() as session:
        return pages.write_pages(session, service.store, month)


def reduce_kind(month: Month, kind: str, tell: Progress) -> None:
    """Run all blocks of one kind of raw frames, then score and certify what they made."""
    jobs = month.plan(kind)
    if jobs:
        tell(kind, 0, len(jobs))
    futures = [run_block.submit(month, job) for job in jobs]
    for n_done, future in enumerate(as_completed(futures), 1):
        future.result()
        tell(kind, n_done, len(jobs))
    month.finish(kind)


@flow(name="month", validate_parameters=False)
def reduce_month(
    service: Service, name: str, raw: Path | None, retry: bool, tell: Progress
) -> Path:
    """Do all that is to be done for a month; return its score page."""
    reset(service)
    if raw is not None:
        take_in(service, raw, tell)
    month = Month(service, name, retry=retry)
    month.plan()
    for kind in KINDS:
        reduce_kind(month, kind, tell)
    release(service, name, retry, tell)
    return write_pages(service, name)
