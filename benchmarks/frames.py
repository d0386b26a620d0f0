"""The frames of the benchmarks on disk: raw files of one night with their truth.

Run alone it writes them: ``python -m benchmarks.frames --folder build/bench/raw``. Full
size and two IFUs take some 3 minutes and 2 GB; what is there is not made again. With
``--night real`` there are as many calibrations as in a real night, with ``--packed``
they are tile-compressed.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.night import PLANS, Plan, night
from pipeline.instrument import FULL, SIZES, Size
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.truth import exposure_truth, write_truth

TRUTH = "truth.json"


def simulate_frames(
    folder: Path,
    ifus: Sequence[int],
    size: Size = FULL,
    plan: Plan = PLANS["small"],
    packed: bool = False,
) -> Path:
    """Write the frames of some IFUs into a folder, unless they are there.

    The truth of all exposures is written last, as ``truth.json``; a frame that it does
    not know, or knows with other IFUs, is written anew.

    Parameters
    ----------
    folder
        Where the frames go.
    ifus
        IFUs in each.
    size
        Full or mini instrument.
    plan
        Numbers of the calibrations.
    packed
        Tile-compress them (``.fits.fz``).
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = _known(folder, list(ifus), size)
    exposures = night(size, plan)
    wanted = {e.file_name for e in exposures}
    for exposure in exposures:
        name = exposure.file_name + (".fz" if packed else "")
        if exposure.file_name not in known or not (folder / name).exists():
            print(f"simulating {exposure.kind:8s}{name}", flush=True)
            simulate_exposure(exposure, size, folder, ifus, packed)
    if not wanted <= known:
        write_truth([exposure_truth(e, size, ifus) for e in exposures], folder / TRUTH)
    return folder


def _known(folder: Path, ifus: list[int], size: Size) -> set[str]:
    """Return the names of the frames of which the folder holds the truth."""
    path = folder / TRUTH
    if not path.exists():
        return set()
    return {
        truth["file"]
        for truth in json.loads(path.read_text())
        if truth["ifus"] == ifus and truth["size"] == size.name
    }


def main() -> None:
    """Write the frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench/raw"))
    parser.add_argument("--ifus", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--night", choices=PLANS, default="small")
    parser.add_argument("--packed", action="store_true", help="write .fits.fz")
    options = parser.parse_args()
    print(
        simulate_frames(
            options.folder,
            options.ifus,
            SIZES[options.size],
            PLANS[options.night],
            options.packed,
        )
    )


if __name__ == "__main__":
    main()
