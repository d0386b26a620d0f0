"""Raw frames to a cube with and without pixel-table files: ``python -m benchmarks.fused``.

Runs muse_scibasic and muse_scipost one after the other and in one go on the frames and
calibrations that ``benchmarks.recipes`` uses, on warm files, and prints time, CPU, memory
and what the processes wrote. The cubes must be equal to the last bit.
"""

import argparse
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.chain import (
    CHAIN,
    SCIBASIC,
    SCIPOST,
    raw_frames,
    statics,
    take_products,
    write_sof,
)
from benchmarks.frames import simulate_frames
from benchmarks.measure import Cost, measure
from benchmarks.recipes import OURS
from pipeline.formats.scan import scan

Frames = dict[str, list[Path]]

FIRST = ("OBJECT", "ILLUM", *SCIBASIC)
OPTIONS = ("--skymethod=subtract-model", "--filter=white", "--save=cube")
CUBE = "DATACUBE_FINAL.fits"


def set_of_frames(path: Path, frames: Frames, tags: Iterable[str]) -> str:
    """Write a set of frames; return its name."""
    lines = [(frame, tag) for tag in tags for frame in frames.get(tag, ())]
    return str(write_sof(path, lines))


def call(recipe: str, where: Path, *arguments: str) -> Cost:
    """Measure one call of ours whose products go to ``where``."""
    command = (sys.executable, "-m", "pipeline.esorex", f"--output-dir={where}", recipe)
    return measure((*command, *arguments), where, OURS)


def apart(folder: Path, frames: Frames) -> list[Cost]:
    """Run the recipes one after the other."""
    first = set_of_frames(folder / "scibasic.sof", frames, FIRST)
    costs = [call("muse_scibasic", folder, "--saveimage=false", first)]
    tables = {**frames, "PIXTABLE_OBJECT": sorted(folder.glob("PIXTABLE_OBJECT*.fits"))}
    second = set_of_frames(folder / "scipost.sof", tables, ("PIXTABLE_OBJECT", *SCIPOST))
    return [*costs, call("muse_scipost", folder, *OPTIONS, second)]


def fused(folder: Path, frames: Frames) -> list[Cost]:
    """Run both in one go."""
    sof = set_of_frames(folder / "both.sof", frames, (*FIRST, *SCIPOST))
    both = "muse_scibasic+muse_scipost"
    return [call(both, folder, "--saveimage=false", *OPTIONS, sof)]


def same_data(one: Path, other: Path) -> bool:
    """Tell whether all data units of two files are equal, by their checksums."""
    sums = [[unit.header["DATASUM"] for unit in scan(path)] for path in (one, other)]
    return sums[0] == sums[1]


def line(name: str, costs: Sequence[Cost]) -> str:
    """Return a line of the table."""
    wall, cpu, out = (sum(getattr(c, k) for c in costs) for k in ("wall", "cpu", "written"))
    return f"{name:12s}{wall:9.2f}{cpu:9.2f}{max(c.rss for c in costs):10.0f}{out:13.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder with simulated full-size frames")
    parser.add_argument("--exposures", type=int, default=1)
    options = parser.parse_args()
    folder = options.folder.resolve()
    raw = options.raw or simulate_frames(folder / "raw", [1, 2])
    frames = {**statics(), **raw_frames(raw.resolve())}
    for step in CHAIN:
        if step.label == "scibasic object":
            break
        take_products(frames, folder / "genuine" / step.label.replace(" ", "_"))
    for label in ("standard", "create_sky"):
        take_products(frames, folder / "genuine" / label)
    frames["OBJECT"] = frames["OBJECT"][: options.exposures]
    print(f"{'':12s} wall [s]  CPU [s] peak [MB] written [MB]")
    where = {"apart": folder / "fused" / "apart", "fused": folder / "fused" / "fused"}
    for name, run in (("apart", apart), ("fused", fused)):
        for _ in range(2):  # the first one compiles and warms the files
            shutil.rmtree(where[name], ignore_errors=True)
            where[name].mkdir(parents=True)
            costs = run(where[name], frames)
        print(line(name, costs), flush=True)
    equal = same_data(where["apart"] / CUBE, where["fused"] / CUBE)
    print("cubes are", "equal to the last bit" if equal else "DIFFERENT")


if __name__ == "__main__":
    main()
