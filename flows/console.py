"""Progress bars and tables of the command line; quiet when nobody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

STAGES = {
    "ingest": "Raw files",
    "BIAS": "Biases",
    "DARK": "Darks",
    "FLAT": "Flats and traces",
    "ARC": "Wavelengths",
    "ARC_LSF": "Line spread functions",
    "SKYFLAT": "Twilights",
    "STD": "Standard stars",
    "OBJECT": "Science",
    "release": "Data products",
}
"""What the stages of a flow are called."""


class Progress(Protocol):
    """Told how many parts of how many are done."""

    def __call__(self, done: int, total: int) -> None:
        """Report ``done`` of ``total`` parts."""


def _unseen(done: int, total: int) -> None:
    """Report to nobody."""


@contextmanager
def bar(what: str) -> Iterator[Progress]:
    """Show a progress bar on a terminal, nothing in a pipe or log.

    Yields
    ------
    callable
        Told how many parts of how many are done.
    """
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn()
    with RichProgress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as shown:
        task = shown.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)

        yield show


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each stage of a flow on a terminal, a line each elsewhere.

    Yields
    ------
    callable
        Told which stage is under way and how many parts of how many are done.
    """
    if not sys.stderr.isatty():
        yield _say_ends
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn()
    with RichProgress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as shown:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(STAGES.get(what, what), total=total)
            shown.update(tasks[what], completed=done, total=total)

        yield tell


def _say_ends(what: str, done: int, total: int) -> None:
    """Write a line when a stage is done."""
    if done == total and total:
        print(f"{STAGES.get(what, what)}: {total}", file=sys.stderr)  # noqa: T201
