"""Runs a command and writes what it cost: ``python launch.py REPORT COMMAND ...``.

The system counts the memory of a process that starts another one as that of the other,
too. So whoever measures starts this small program, which starts the command. It imports
nothing that is large and is run by its path.
"""

import json
import os
import sys
import time


def main(report: str, command: list[str]) -> None:
    """Run the command and write status, times [s], peak memory and output [MB] as JSON."""
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    cost = {
        "status": os.waitstatus_to_exitcode(status),
        "wall": time.perf_counter() - start,
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss": usage.ru_maxrss / 1024,
        "written": usage.ru_oublock * 512e-6,
    }
    with open(report, "w") as file:  # noqa: PTH123 (pathlib is large)
        json.dump(cost, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
