"""Every recipe beside the genuine one on the same full-size frames: ``make bench``.

Both read the same files, which are in memory unless ``--cold`` drops them from it, and the
same calibrations (those of the genuine pipeline, so that neither profits from its own), one
after the other. A recipe of scope IFU is one genuine process per IFU, as many at once as
there are cores, against one call of ours for all: wall time from the first start to the
last end, CPU time of all, memory of the largest process and of those that run at once.
``--at-once 1`` runs the genuine processes one after the other.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.chain import (
    BESIDE,
    CHAIN,
    Call,
    of_ifu,
    raw_frames,
    statics,
    take_products,
    write_sof,
)
from benchmarks.frames import simulate_frames
from benchmarks.measure import CommandFailed, Cost, drop_cached, measure, measure_all
from benchmarks.night import PLANS

Frames = dict[str, list[Path]]
Command = tuple[str, ...]

ROOT = str(Path(__file__).parents[1])
N_CORES = len(os.sched_getaffinity(0))
BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
"""Without bytecode files every start compiles all libraries again: 1.3 s."""
OURS = {"PYTHONPATH": ROOT, **BYTECODE}


def our_command(call: Call, sof: Path, where: Path) -> Command:
    """Return our command for all IFUs."""
    program = (sys.executable, "-m", "pipeline.esorex", f"--output-dir={where}")
    choice = ("--nifu=-1",) if call.per_ifu else ()
    return (*program, call.recipe, *choice, *call.options, str(sof))


class Floor(NamedTuple):
    """What no call can do without, see `benchmarks.floor`."""

    least: Cost
    start: Cost
    md5: Cost


class Bench:
    """Runs the calls of the chain in ``folder`` and keeps their products.

    ``at_once``: genuine processes of one IFU that run at the same time; ``cold``: whether
    `compare` has all inputs come from the disk.
    """

    def __init__(
        self,
        folder: Path,
        raw: Path,
        ifus: Sequence[int],
        at_once: int = N_CORES,
        *,
        cold: bool = False,
    ) -> None:
        self.folder = folder
        self.ifus = ifus
        self.cold = cold
        self.at_once = min(at_once, len(ifus))
        self.frames: Frames = {**statics(), **raw_frames(raw)}

    def inputs(self, call: Call, ifu: int | None) -> list[tuple[Path, str]]:
        """Return the frames of a call with their tags, of one IFU or of all."""
        lines = []
        for tag in (*call.raw, *call.calibrations):
            paths = self.frames.get(tag, [])
            if ifu is not None:
                paths = of_ifu(paths, ifu)
            limit = call.n_raw.get(tag)
            if limit is not None:
                paths = [p for p in paths if f"_{limit:04d}-" in p.name]
            lines += [(path, tag) for path in paths]
        return lines

    def sof(self, call: Call, where: Path, ifu: int | None) -> Path:
        """Write the set of frames of a call, of one IFU or of all."""
        name = call.label.replace(" ", "_")
        name = f"{name}.sof" if ifu is None else f"{name}-{ifu:02d}.sof"
        return write_sof(where / name, self.inputs(call, ifu))

    def genuine_commands(self, call: Call, where: Path) -> list[Command]:
        """Return the genuine commands, one per IFU where the recipe works on one."""
        commands = []
        for ifu in self.ifus if call.per_ifu else [None]:
            choice = (f"--nifu={ifu}",) if ifu is not None else ()
            command = ("esorex", "--msg-level=warning", call.recipe, *choice, *call.options)
            commands.append((*command, str(self.sof(call, where, ifu))))
        return commands

    def genuine(self, call: Call, where: Path) -> Cost:
        """Run the genuine recipe; its processes share the cores."""
        commands = self.genuine_commands(call, where)
        at_once = min(self.at_once, len(commands))
        threads = {"OMP_NUM_THREADS": str(max(N_CORES // at_once, 1))}
        return measure_all(commands, where, threads, at_once)

    def ours(self, call: Call, where: Path) -> Cost:
        """Run our recipe once for all IFUs."""
        return measure(our_command(call, self.sof(call, where, None), where), where, OURS)

    def floor(self, call: Call, where: Path) -> Floor:
        """Return what a call costs at least, see `benchmarks.floor`."""
        module = (sys.executable, "-m", "benchmarks.floor")
        sof = str(self.sof(call, where, None))
        arguments = (call.recipe, sof, str(where), *(["--cold"] if self.cold else []))
        environment = {**os.environ, **OURS}
        done = subprocess.run(
            (*module, *arguments), env=environment, check=True, capture_output=True
        )
        found = json.loads(done.stdout)
        return Floor(
            *(Cost(found[k]["wall"], found[k]["cpu"], 0.0, 0.0) for k in Floor._fields)
        )

    def keep(self, where: Path) -> None:
        """Take the products of a genuine call as inputs of the next ones."""
        take_products(self.frames, where)

    def chill(self, call: Call) -> None:
        """Have the inputs of a call come from the disk, if they shall."""
        if self.cold:
            drop_cached(path for path, _ in self.inputs(call, None))

    def compare(self, call: Call) -> tuple[Cost, Cost, Floor]:
        """Run both on the same frames; ours first compiles outside the measurement.

        Both write into an empty folder: to replace files of some GB costs time, too.

        Returns
        -------
        ours, genuine, floor : Cost, Cost, Floor
        """
        mine, theirs = (
            self.folder / name / call.label.replace(" ", "_")
            for name in ("ours", "genuine")
        )
        for where in (mine, theirs):
            shutil.rmtree(where, ignore_errors=True)
            where.mkdir(parents=True)
        self.ours(call, mine)  # warms the files and the machine code
        for product in mine.glob("*.fits"):
            product.unlink()
        self.chill(call)
        ours = self.ours(call, mine)
        floor = self.floor(call, mine)
        self.chill(call)
        genuine = self.genuine(call, theirs)
        self.keep(theirs)
        return ours, genuine, floor


HEADER = (
    f"{'':16s} {'wall [s]':>31s} {'CPU [s]':>32s} {'peak memory [MB]':>40s}\n"
    f"{'call':16s}"
    + "    ours   floor genuine  ratio" * 2
    + "    ours genuine together  ratio"
)


def line(call: Call, ours: Cost, genuine: Cost, floor: Floor) -> str:
    """Return a line of the table; the ratio of memory is that of the largest processes."""
    text = f"{call.label:16s}"
    for what in ("wall", "cpu"):
        mine, theirs = getattr(ours, what), getattr(genuine, what)
        least = getattr(floor.least, what)
        text += f"{mine:8.2f}{least:8.2f} {theirs:7.2f} {theirs / mine:6.1f}"
    text += f"{ours.rss:8.0f} {genuine.rss:7.0f} {genuine.together:8.0f}"
    return f"{text} {genuine.rss / ours.rss:6.1f}"


def bounds(call: Call, ours: Cost, floor: Floor) -> str:
    """Return two lines: what bounds a call, and how many times its floor it takes.

    The second counts the call as it is, then without the start of the interpreter, then
    without the MD5 of the products, too.
    """
    parts_text, times_text = [], []
    for what in ("wall", "cpu"):
        whole = getattr(ours, what)
        parts = {name: getattr(cost, what) for name, cost in floor._asdict().items()}
        known = ", ".join(f"{name} {seconds:.2f}" for name, seconds in parts.items())
        rest = whole - sum(parts.values())
        parts_text.append(f"{what} {known}, rest {rest:.2f} s")
        left = whole, whole - parts["start"], whole - parts["start"] - parts["md5"]
        times = [seconds / parts["least"] for seconds in left]
        times_text.append(
            f"{what} {times[0]:.1f}, without start {times[1]:.1f}, without MD5 too "
            f"{times[2]:.1f}"
        )
    return (
        f"  {call.label} is bound by: {'; '.join(parts_text)}\n"
        f"  {call.label} in times of the least: {'; '.join(times_text)}"
    )


def frames(folder: Path, ifus: Sequence[int], night: str, *, packed: bool) -> Path:
    """Return the folder of the raw frames, which are made where they are missing."""
    name = "raw" + ("" if night == "small" else f"-{night}") + ("-packed" if packed else "")
    return simulate_frames(folder / name, ifus, plan=PLANS[night], packed=packed)


def main() -> None:
    """Print the table; with ``--only`` just these calls, on products that are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder with simulated full-size frames")
    parser.add_argument("--ifus", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", help="labels of the calls to run")
    parser.add_argument(
        "--night", choices=PLANS, default="small", help="how many calibrations there are"
    )
    parser.add_argument("--packed", action="store_true", help="tile-compressed frames")
    parser.add_argument(
        "--at-once",
        type=int,
        default=N_CORES,
        help="genuine processes at once; 1 runs the IFUs one after the other",
    )
    parser.add_argument(
        "--cold", action="store_true", help="have all inputs come from the disk"
    )
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    raw = options.raw or frames(folder, options.ifus, options.night, packed=options.packed)
    bench = Bench(folder, raw.resolve(), options.ifus, options.at_once, cold=options.cold)
    print(HEADER)
    for call in (*CHAIN, *BESIDE):
        if options.only and call.label not in options.only:
            bench.keep(folder / "genuine" / call.label.replace(" ", "_"))
            continue
        try:
            ours, genuine, floor = bench.compare(call)
            print(line(call, ours, genuine, floor), flush=True)
            print(bounds(call, ours, floor), flush=True)
        except CommandFailed as error:
            print(f"{call.label:16s} {error}", flush=True)


if __name__ == "__main__":
    main()
