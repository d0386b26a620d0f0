"""Write the frames of one night for developers: ``python -m pipeline.simulator --help``."""

import argparse
import sys
from pathlib import Path

from pipeline.instrument import SIZES
from pipeline.simulator.reference import simulate_set


def main() -> None:
    """Read the command line and write the frames and a README that lists them."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.simulator", description=__doc__
    )
    parser.add_argument(
        "--size", choices=[size.name for size in SIZES.values()], default="mini"
    )
    parser.add_argument("--ifus", type=int, nargs="*", help="IFUs in the files [all]")
    parser.add_argument("--objects", type=int, default=4, help="number of OBJECT exposures")
    parser.add_argument("--cube", type=Path, help="observe this cube of 0.2 arcsec spaxels")
    parser.add_argument("out", type=Path, help="folder for the frames")
    options = parser.parse_args()
    size = next(known for known in SIZES.values() if known.name == options.size)
    frames = simulate_set(
        size, options.out, ifus=options.ifus, n_objects=options.objects, cube=options.cube
    )
    lines = [f"{path} {tag}" for tag, paths in frames.items() for path in paths]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
