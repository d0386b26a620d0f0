"""The frames of the benchmarks on disk: raw files of one night with their truth.

Run alone it writes them: ``python -m benchmarks.frames --folder build/bench/raw``. Full
size and two IFUs take some 3 minutes and 2 GB; what is there is not made again.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.night import night
from pipeline.instrument import FULL, SIZES, Size
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.truth import exposure_truth, write_truth

TRUTH = "truth.json"


def simulate_frames(folder: Path, ifus: Sequence[int], size: Size = FULL) -> Path:
    """Write the frames of some IFUs into a folder, unless they are there.

    The truth of all exposures is written last, as ``truth.json``; a folder without it,
    or with that of other IFUs, is written anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    exposures = night(size)
    if _complete(folder, [e.file_name for e in exposures], list(ifus), size):
        return folder
    for exposure in exposures:
        print(f"simulating {exposure.kind:8s}{exposure.file_name}", flush=True)
        simulate_exposure(exposure, size, folder, ifus)
    write_truth([exposure_truth(e, size, ifus) for e in exposures], folder / TRUTH)
    return folder


def _complete(folder: Path, names: Sequence[str], ifus: list[int], size: Size) -> bool:
    """Say whether the frames of these IFUs are all there."""
    path = folder / TRUTH
    if not path.exists() or not all((folder / name).exists() for name in names):
        return False
    truths = {truth["file"]: truth for truth in json.loads(path.read_text())}
    return all(
        name in truths
        and truths[name]["ifus"] == ifus
        and truths[name]["size"] == size.name
        for name in names
    )


def main() -> None:
    """Write the frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench/raw"))
    parser.add_argument("--ifus", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", choices=SIZES, default="full")
    options = parser.parse_args()
    print(simulate_frames(options.folder, options.ifus, SIZES[options.size]))


if __name__ == "__main__":
    main()
