"""Running a flow under a server of our own.

The server is started before Prefect is imported, which reads its address then, and while
it comes up everything else is imported.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.server import own_server
from phoenix.service import Service


def run_month(
    service: Service,
    name: str,
    raw: Path | None = None,
    *,
    retry: bool = False,
    tell: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Path:
    """Run the flow of a month, the only writer of its store.

    Parameters
    ----------
    service : Service
        The store.
    name : str
        ``YYYY-MM``.
    raw : Path, optional
        Folder whose raw files are taken in first.
    retry : bool
        Run again what failed before.
    tell : callable
        Told what is under way, and how many parts of how many are done.

    Returns
    -------
    Path
        The score page.
    """
    with service.writing(), own_server() as server:
        from prefect.task_runners import ThreadPoolTaskRunner

        from flows.month import reduce_month

        workers: Any = ThreadPoolTaskRunner(max_workers=2 * service.settings.n_workers)
        server.wait(service.settings.server_timeout_s)
        named = reduce_month.with_options(name=f"month {name}", task_runner=workers)
        return named(service, name, raw, retry, tell)
