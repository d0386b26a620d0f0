"""Options of muse_scibasic, one by one, beside the genuine ones.

``python -m benchmarks.options`` reduces one exposure of one IFU with both pipelines and the
calibrations of the genuine one that ``benchmarks.recipes`` left in its folder: with the
defaults, and with each option of the sky lines and of the crop changed. Printed are the
pixels and wavelengths of the pixel table, and the shift that the sky lines gave.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from benchmarks.chain import SCIBASIC, of_ifu, raw_frames, statics, take_products, write_sof
from benchmarks.recipes import OURS

CASES = (
    "",
    "--crop=false",
    "--skylines=none",
    "--skylines=5577.339",
    "--skylines=6300.304,8344.602",
    "--skyhalfwidth=3",
    "--skybinsize=0.2",
    "--skyreject=3.,3.,5",
)
"""What is asked for; the first are the defaults."""

CALLS = ("bias", "flat", "wavecal", "twilight")


class Made(NamedTuple):
    """A pixel table: pixels, ends [Angstrom], shift by sky lines [Angstrom] if any."""

    n_pixels: int
    low: float
    high: float
    shift: float | None

    @classmethod
    def of(cls, path: Path) -> "Made":
        """Read what a table tells."""
        wavelength = fits.getdata(path, "lambda")
        shift = fits.getheader(path).get("ESO QC SCIBASIC LAMBDA SHIFT")
        ends = float(np.min(wavelength)), float(np.max(wavelength))
        return cls(len(wavelength), *ends, shift)

    def __str__(self) -> str:
        shift = "none" if self.shift is None else f"{self.shift:+.4f}"
        return f"{self.n_pixels:9d} {self.low:9.2f} {self.high:9.2f} {shift:>8s}"


def run(side: str, sof: Path, ifu: int, case: str, where: Path) -> Made:
    """Run one of the pipelines with an option."""
    where.mkdir(parents=True, exist_ok=True)
    program = ["esorex", "--msg-level=warning"]
    if side == "ours":
        program = [sys.executable, "-m", "pipeline.esorex"]
    options = ["--saveimage=false", f"--nifu={ifu}", *([case] if case else [])]
    subprocess.run(
        [*program, "muse_scibasic", *options, str(sof)],
        cwd=where,
        env={**os.environ, **(OURS if side == "ours" else {})},
        check=True,
        capture_output=True,
        timeout=900,
    )
    (path,) = where.glob("PIXTABLE_OBJECT_*.fits")
    made = Made.of(path)
    path.unlink()
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each side of each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, default=Path("build/bench"))
    parser.add_argument("--folder", type=Path, default=Path("build/options"))
    parser.add_argument("--ifu", type=int, default=1)
    options = parser.parse_args(arguments)
    folder, bench = options.folder.resolve(), options.bench.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    frames = {**statics(), **raw_frames(bench / "raw")}
    for call in CALLS:
        take_products(frames, bench / "genuine" / call)
    lines = [(frames["OBJECT"][0], "OBJECT")]
    lines += [(p, tag) for tag in SCIBASIC for p in of_ifu(frames[tag], options.ifu)]
    sof = write_sof(folder / "scibasic.sof", lines)
    print(f"{'option':32s}{'':9s}   pixels    lowest   highest    shift")
    for case in CASES:
        for side in ("ours", "genuine"):
            made = run(side, sof, options.ifu, case, folder / side)
            print(f"{case or 'defaults':32s}{side:9s}{made}", flush=True)


if __name__ == "__main__":
    main()
