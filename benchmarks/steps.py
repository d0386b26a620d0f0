"""The steps of muse_scipost beside the genuine ones: ``python -m benchmarks.steps``.

Both reduce some 400 Angstrom of one exposure, step by step, from the pixel tables of the
genuine muse_scibasic that ``benchmarks.recipes`` left in its folder. Each of our steps
gets what the genuine step got, so that differences do not add up. Printed are the largest
and the rms difference and the median ratio of each column over the pixels that both call
good.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks.chain import statics, write_sof
from benchmarks.recipes import OURS
from pipeline.formats.pixtable import open_pixtable
from pipeline.spec import Pixels

RANGE = ("--lambdamin=5400", "--lambdamax=5800")
COLUMNS = ("xpos", "ypos", "wavelength", "data", "stat")


@dataclass(frozen=True)
class StepCall:
    """One step: whose product it takes, under which tag, and what else."""

    name: str
    after: str = ""
    tag: str = "PIXTABLE_OBJECT"
    calibrations: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


FLUX = {
    "EXTINCT_TABLE": "",
    "STD_RESPONSE": "standard/STD_RESPONSE_0001.fits",
    "STD_TELLURIC": "standard/STD_TELLURIC_0001.fits",
}
SKY = {
    "SKY_LINES": "create_sky/SKY_LINES.fits",
    "SKY_CONTINUUM": "create_sky/SKY_CONTINUUM.fits",
    "LSF_PROFILE": "",
}
SPECTRUM = {"SKY_SPECTRUM": "create_sky/SKY_SPECTRUM.fits"}

STEPS = (
    StepCall("combine_pixtables", options=RANGE),
    StepCall("correct_dar", "combine_pixtables", options=RANGE),
    StepCall("calibrate_flux", "correct_dar", calibrations=FLUX),
    StepCall("subtract_sky", "calibrate_flux", "PIXTABLE_REDUCED", SKY),
    StepCall("subtract_sky_simple", "calibrate_flux", "PIXTABLE_REDUCED", SPECTRUM),
    StepCall("correct_rv", "subtract_sky"),
    StepCall("apply_astrometry", "correct_rv", calibrations={"ASTROMETRY_WCS": ""}),
    StepCall("make_cube", "apply_astrometry", options=("--pixfrac=0.8,0.8",)),
)
"""The steps in their order; a calibration without a path is the shipped one."""


class Steps:
    """Runs of both sides; ``genuine`` holds products of the genuine recipes by call."""

    def __init__(self, genuine: Path, folder: Path) -> None:
        self.genuine, self.folder = genuine, folder

    def sof(self, call: StepCall) -> Path:
        """Write the set of frames of a step."""
        if call.after:
            paths = self.products("genuine", call.after)
        else:
            paths = sorted(self.genuine.glob("scibasic_object/PIXTABLE_OBJECT_0001-*"))
        lines = [(path, call.tag) for path in paths]
        for tag, name in call.calibrations.items():
            path = self.genuine / name if name else statics()[tag][0]
            lines.append((path, tag))
        return write_sof(self.folder / f"{call.name}.sof", lines)

    def run(self, side: str, call: StepCall) -> None:
        """Run a step of one side."""
        where = self.folder / side / call.name
        where.mkdir(parents=True, exist_ok=True)
        program = ["esorex", "--msg-level=warning"]
        if side == "ours":
            program = [sys.executable, "-m", "pipeline.esorex"]
        command = [*program, f"muse_scipost_{call.name}", *call.options]
        subprocess.run(
            [*command, str(self.sof(call))],
            cwd=where,
            env={**os.environ, **(OURS if side == "ours" else {})},
            check=True,
            capture_output=True,
            timeout=900,
        )

    def products(self, side: str, name: str) -> list[Path]:
        """Return the pixel tables, or the cube, of a step."""
        where = self.folder / side / name
        return sorted([*where.glob("PIXTABLE*.fits"), *where.glob("DATACUBE*.fits")])

    def compare(self, call: StepCall) -> Iterator[str]:
        """Yield the differences of a step, in words."""
        ours, theirs = (self.products(s, call.name)[0] for s in ("ours", "genuine"))
        if call.name == "make_cube":
            yield from _compare_cubes(ours, theirs)
        else:
            yield from _compare_tables(ours, theirs)


def _sorted(path: Path) -> Pixels:
    """Return all pixels of a table in the order of ``origin``."""
    table = open_pixtable(path, "PIXTABLE_OBJECT")
    pixels = table.read(slice(0, table.n_rows))
    order = np.argsort(pixels.origin, kind="stable")
    return Pixels._make(column[order] for column in pixels)


def _compare_tables(ours: Path, theirs: Path) -> Iterator[str]:
    """Yield the differences of two pixel tables."""
    one, other = _sorted(ours), _sorted(theirs)
    if not np.array_equal(one.origin, other.origin):
        yield f"other pixels: {len(one.origin)} and {len(other.origin)}"
        return
    good = (one.dq == 0) & (other.dq == 0)
    for name in COLUMNS:
        a, b = (getattr(p, name)[good].astype(np.float64) for p in (one, other))
        d = np.abs(a - b)
        yield (
            f"{name:11s} largest {d.max():10.3g}   rms {np.sqrt(np.mean(d**2)):10.3g}   "
            f"ratio {np.median(a / b):.6f}"
        )


def _compare_cubes(ours: Path, theirs: Path) -> Iterator[str]:
    """Yield the difference of two cubes, in units of the noise."""
    a, b = (fits.getdata(path, "DATA") for path in (ours, theirs))
    noise = np.sqrt(fits.getdata(theirs, "STAT"))
    with np.errstate(invalid="ignore"):
        d = np.abs(a - b) / noise
    yield (
        f"{'voxels':11s} median {np.nanmedian(d):10.3g}   99 % within "
        f"{np.nanpercentile(d, 99):.3g} sigma"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/steps"))
    parser.add_argument("--genuine", type=Path, default=Path("build/bench/genuine"))
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    steps = Steps(options.genuine.resolve(), folder)
    for call in STEPS:
        for side in ("genuine", "ours"):
            steps.run(side, call)
        print(f"muse_scipost_{call.name}")
        for text in steps.compare(call):
            print(f"  {text}", flush=True)


if __name__ == "__main__":
    main()
