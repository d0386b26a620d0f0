"""Every recipe beside the genuine one on the same full-size frames: ``make bench``.

Both read the same warm files and the same calibrations (those of the genuine pipeline,
so that neither profits from its own), one after the other. A recipe of scope IFU is one
genuine process per IFU and one call of ours for all; wall and CPU times of the genuine
processes are added, the memory is the largest. The genuine pipeline gets two threads.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chain import (
    CHAIN,
    Call,
    of_ifu,
    raw_frames,
    statics,
    take_products,
    write_sof,
)
from benchmarks.frames import simulate_frames
from benchmarks.measure import CommandFailed, Cost, measure

Frames = dict[str, list[Path]]
THREADS = {"OMP_NUM_THREADS": "2"}
BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""Without bytecode files every start compiles all libraries again: 1.3 s."""


class Bench:
    """Runs the calls of the chain in ``folder`` and keeps their products."""

    def __init__(self, folder: Path, raw: Path, ifus: Sequence[int]) -> None:
        self.folder = folder
        self.ifus = ifus
        self.frames: Frames = {**statics(), **raw_frames(raw)}

    def _sof(self, call: Call, where: Path, ifu: int | None) -> Path:
        lines = []
        for tag in (*call.raw, *call.calibrations):
            paths = self.frames.get(tag, [])
            if ifu is not None:
                paths = of_ifu(paths, ifu)
            limit = call.n_raw.get(tag)
            if limit is not None:
                paths = [p for p in paths if f"_{limit:04d}-" in p.name]
            lines += [(path, tag) for path in paths]
        return write_sof(where / f"{call.label.replace(' ', '_')}.sof", lines)

    def genuine(self, call: Call, where: Path) -> Cost:
        """Run the genuine recipe, once per IFU where it works on one."""
        cost: Cost | None = None
        for ifu in self.ifus if call.per_ifu else [None]:
            sof = self._sof(call, where, ifu)
            choice = (f"--nifu={ifu}",) if ifu is not None else ()
            command = ("esorex", "--msg-level=warning", call.recipe, *choice, *call.options)
            one = measure((*command, str(sof)), where, THREADS)
            cost = one if cost is None else cost.beside(one)
        assert cost is not None
        return cost

    def ours(self, call: Call, where: Path) -> Cost:
        """Run our recipe once for all IFUs."""
        sof = self._sof(call, where, None)
        choice = ("--nifu=-1",) if call.per_ifu else ()
        program = (sys.executable, "-m", "pipeline.esorex", f"--output-dir={where}")
        root = str(Path(__file__).parents[1])
        command = (*program, call.recipe, *choice, *call.options, str(sof))
        return measure(command, where, {"PYTHONPATH": root, **BYTECODE})

    def keep(self, where: Path) -> None:
        """Take the products of a genuine call as inputs of the next ones."""
        take_products(self.frames, where)

    def compare(self, call: Call) -> tuple[Cost, Cost]:
        """Run both on the same frames; ours first compiles outside the measurement."""
        costs = []
        for name, run in (("ours", self.ours), ("genuine", self.genuine)):
            where = self.folder / name / call.label.replace(" ", "_")
            shutil.rmtree(where, ignore_errors=True)
            where.mkdir(parents=True)
            if name == "ours":
                run(call, where)  # warms the files and the machine code
            costs.append(run(call, where))
        self.keep(where)
        return costs[0], costs[1]


def _line(call: Call, ours: Cost, genuine: Cost) -> str:
    cells = (
        f"{mine:8.{digits}f} {theirs:7.{digits}f} {theirs / mine:6.1f}"
        for mine, theirs, digits in (
            (ours.wall, genuine.wall, 2),
            (ours.cpu, genuine.cpu, 2),
            (ours.rss, genuine.rss, 0),
        )
    )
    return f"{call.label:16s}" + "".join(cells)


def main() -> None:
    """Print the table; with ``--only`` just these calls, on products that are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder with simulated full-size frames")
    parser.add_argument("--ifus", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", help="labels of the calls to run")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    raw = options.raw or simulate_frames(folder / "raw", options.ifus)
    bench = Bench(folder, raw.resolve(), options.ifus)
    print(f"{'':16s} {'wall [s]':>23s} {'CPU [s]':>24s} {'peak memory [MB]':>24s}")
    print(f"{'call':16s}" + "    ours genuine  ratio" * 3)
    for call in CHAIN:
        if options.only and call.label not in options.only:
            bench.keep(folder / "genuine" / call.label.replace(" ", "_"))
            continue
        try:
            print(_line(call, *bench.compare(call)), flush=True)
        except CommandFailed as error:
            print(f"{call.label:16s} {error}", flush=True)


if __name__ == "__main__":
    main()
