"""Where the CPU time of one of our recipes goes: ``python -m benchmarks.hot_spots flat``.

Runs a call of the chain with one thread, twice, and profiles the second run: the first
one compiles. It reads the frames and calibrations that ``benchmarks.recipes`` uses.
"""

import argparse
import cProfile
import os
import pstats
import resource
import time
from pathlib import Path

from benchmarks.chain import CHAIN, raw_frames, statics, take_products
from benchmarks.frames import simulate_frames
from pipeline.runner import run


def main() -> None:
    """Print the functions that take most time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("label", choices=[call.label for call in CHAIN])
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder with simulated full-size frames")
    parser.add_argument("--lines", type=int, default=25)
    options = parser.parse_args()
    os.environ["PHOENIX_THREADS"] = "1"
    raw = options.raw or simulate_frames(options.folder / "raw", [1, 2])
    frames = {**statics(), **raw_frames(raw)}
    for call in CHAIN:
        if call.label == options.label:
            break
        take_products(frames, options.folder / "genuine" / call.label.replace(" ", "_"))
    sof = [(p, tag) for tag in (*call.raw, *call.calibrations) for p in frames.get(tag, [])]
    limit = call.n_raw.get(call.raw[0])
    sof = [
        (p, tag)
        for p, tag in sof
        if limit is None or tag != call.raw[0] or f"_{limit:04d}-" in p.name
    ]
    params = dict(option.removeprefix("--").split("=") for option in call.options)
    where = options.folder / "hot_spots"
    run(call.recipe, sof, params, where)
    profile = cProfile.Profile(time.process_time)
    start, cpu = time.perf_counter(), time.process_time()
    profile.enable()
    run(call.recipe, sof, params, where)
    profile.disable()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    pstats.Stats(profile).sort_stats("tottime").print_stats(options.lines)
    print(f"{call.label}: wall {wall:.2f} s, CPU {cpu:.2f} s, peak {peak:.0f} MB")


if __name__ == "__main__":
    main()
