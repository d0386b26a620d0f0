"""What a command costs: wall time, CPU time and peak memory of the whole process."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Wall and CPU time [s] and peak resident memory [MB] of one or more processes."""

    wall: float
    cpu: float
    rss: float

    def beside(self, other: "Cost") -> "Cost":
        """Return the cost of two processes one after the other."""
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.rss, other.rss))


class CommandFailed(RuntimeError):
    """A measured command ended with an error; the message has the end of its log."""


def measure(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Cost:
    """Run ``command`` in ``folder`` and return its cost.

    Raises
    ------
    CommandFailed
        If it ends with another status than 0.
    """
    log = folder / "command.log"
    with log.open("ab") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = log.read_text(errors="replace")[-2000:]
        raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
