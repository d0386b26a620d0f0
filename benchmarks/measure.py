"""What commands cost: wall time, CPU time and peak memory of whole processes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Cost:
    """Cost of one or more processes.

    ``wall``: from the first start to the last end [s]; ``cpu``: of all [s]; ``rss``: peak
    resident memory of the largest [MB]; ``together``: of all that may run at once [MB];
    ``written``: into files, temporary ones too [MB].
    """

    wall: float
    cpu: float
    rss: float
    together: float
    written: float = 0.0

    def then(self, other: "Cost") -> "Cost":
        """Return the cost of this process and another one after it."""
        return Cost(
            self.wall + other.wall,
            self.cpu + other.cpu,
            max(self.rss, other.rss),
            max(self.together, other.together),
            self.written + other.written,
        )


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
    with log.open("ab") as stream, tempfile.NamedTemporaryFile("r") as report:
        subprocess.run(
            (sys.executable, "-I", "-S", str(_LAUNCH), report.name, *command),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=True,
        )
        found = json.load(report)
    if found["status"]:
        tail = log.read_text(errors="replace")[-2000:]
        raise CommandFailed(f"{' '.join(command)} ended with {found['status']}:\n{tail}")
    peak = found["rss"]
    return Cost(found["wall"], found["cpu"], peak, peak, found["written"])


def measure_all(
    commands: Sequence[Sequence[str]],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    at_once: int = 1,
) -> Cost:
    """Run commands in ``folder``, so many at once, and return what they cost together.

    ``together`` adds the ``at_once`` largest peaks: no more can be alive at a time.

    Raises
    ------
    CommandFailed
        If one of them ends with another status than 0.
    """
    start = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        costs = list(
            pool.map(lambda command: measure(command, folder, environment), commands)
        )
    wall = time.perf_counter() - start
    peaks = sorted((cost.rss for cost in costs), reverse=True)
    return Cost(wall, sum(cost.cpu for cost in costs), peaks[0], sum(peaks[:at_once]))


def drop_cached(paths: Iterable[Path]) -> None:
    """Make the system forget what it holds of files, so that they come from the disk."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)  # pages that are not written yet would stay
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
