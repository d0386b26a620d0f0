"""Centres of emission lines that photon noise does not hide.

The lines of the galaxies in the usual field are faint: photon noise moves each by 0.02 to
0.08 Angstrom in one exposure. The first exposure is simulated once more with lines 40
times brighter, through IFU 1 and 2, and reduced with the calibrations that
``benchmarks.dithers`` left. What is left of the errors is the wavelength calibration, the
shift by sky lines, the resampling, and what a Gaussian makes of a skewed line
(``pipeline.simulator.lsf``: -0.01 Angstrom at most).
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.night import objects
from benchmarks.reduction import CALIBRATION, CALLS, SKY, Reduction
from benchmarks.science import line_centres, read_cube
from pipeline.instrument import FULL
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.frames import simulate_exposure

IFUS = (1, 2)
BRIGHTER = 40.0


def exposure() -> Exposure:
    """Return the first exposure of the object, its emission lines brighter."""
    first = next(iter(objects(FULL)))
    sources = tuple(
        replace(
            source,
            lines=tuple(replace(line, flux=BRIGHTER * line.flux) for line in source.lines),
        )
        for source in first.scene.sources
    )
    return replace(first, scene=replace(first.scene, sources=sources))


def main() -> None:
    """Simulate, reduce and print the errors of the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dithers", type=Path, default=Path("build/dithers"))
    parser.add_argument("--raw", type=Path, default=Path("build/bench/raw"))
    parser.add_argument("--folder", type=Path, default=Path("build/bright_lines"))
    options = parser.parse_args()
    folder = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reduction = Reduction(options.raw.resolve(), options.dithers.resolve() / "own", "full")
    reduction.calibrate((*CALIBRATION, *SKY))
    raw = simulate_exposure(exposure(), FULL, folder, IFUS)
    made = reduction.call("scibasic object", folder, {"OBJECT": [raw]})
    tables = [path for path in made if path.name.startswith("PIXTABLE")]
    reduction.call(CALLS["scipost"], folder, {"PIXTABLE_OBJECT": tables}, save="cube")
    for path in tables:
        path.unlink()
    for name, value in line_centres(read_cube(folder / "DATACUBE_FINAL.fits")):
        print(f"{name:40s}{value:10.4f}")


if __name__ == "__main__":
    main()
