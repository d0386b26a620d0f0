"""A master bias of all 24 IFUs in one call: time and peak memory.

``python -m benchmarks.all_ifus`` simulates five full-size biases, tile-compressed (1.1 GB),
runs ``muse_bias`` once on all IFUs, and removes what it wrote (5 GB of products).
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.chain import CHAIN, write_sof
from benchmarks.measure import Cost, measure
from benchmarks.night import calibrations
from benchmarks.recipes import OURS, our_command
from pipeline.instrument import SIZES, Size
from pipeline.simulator.frames import simulate_exposure

N_BIASES = 5


def measure_biases(folder: Path, size: Size, n_ifus: int) -> Cost:
    """Return the cost of a call for some IFUs; the frames are simulated in the folder."""
    frames = folder / "raw"
    frames.mkdir()
    for exposure in calibrations(n_bias=N_BIASES, n_flat=0, n_arc=0):
        simulate_exposure(exposure, size, frames, range(1, n_ifus + 1), compress=True)
    sof = write_sof(folder / "bias.sof", [(f, "BIAS") for f in sorted(frames.iterdir())])
    bias = next(call for call in CHAIN if call.label == "bias")
    return measure(our_command(bias, sof, folder), folder, OURS)


def main() -> None:
    """Print the cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build"))
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--n-ifus", type=int, help="default: all")
    options = parser.parse_args()
    size = SIZES[options.size]
    n_ifus = options.n_ifus or size.n_ifus
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder.resolve()) as folder:
        cost = measure_biases(Path(folder), size, n_ifus)
    print(
        f"muse_bias, {N_BIASES} frames, {n_ifus} IFUs: wall {cost.wall:.1f} s, "
        f"CPU {cost.cpu:.1f} s, peak memory {cost.rss:.0f} MB"
    )


if __name__ == "__main__":
    main()
