"""Autocalibration of both pipelines: slices with known errors, and what is left of them.

The slices of one exposure of the benchmark are multiplied by factors of 2 per cent rms that
change with wavelength; muse_scipost with ``autocalib=deepfield`` has to find them, beside
those that the exposure has anyway: each pipeline runs with and without. Takes the genuine
pixel tables and calibrations that ``benchmarks.recipes`` left in its folder.
"""

import argparse
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.chain import CHAIN, raw_frames, statics, take_products, write_sof
from pipeline.instrument import FULL
from pipeline.runner import run

Floats = NDArray[np.float64]

RMS, SLOPE = 0.02, 0.01
"""Errors of slices, and their change from the middle to the ends of the spectrum."""
MIDDLE, HALF = 7000.0, 2300.0
OPTIONS = {"autocalib": "deepfield", "skymethod": "none", "save": "autocal"}


def errors(ifu: int) -> Floats:
    """Return level and slope of the factor of each slice, float64[n_slices, 2]."""
    rng = np.random.default_rng([ifu, 28])
    return np.asarray([1.0, 0.0] + [RMS, SLOPE] * rng.standard_normal((FULL.n_slices, 2)))


def spoil(source: Path, target: Path, ifu: int) -> None:
    """Copy a pixel table with its slices multiplied by their errors."""
    with fits.open(source, memmap=False) as units:
        number = (units["origin"].data.astype(np.uint32) & 0x3F).astype(np.int64)
        level, slope = errors(ifu)[number - 1].transpose(2, 0, 1)
        x = (units["lambda"].data - MIDDLE) / HALF
        factor = (level * (1 + slope * x)).astype(np.float32)
        units["data"].data = units["data"].data * factor
        units["stat"].data = units["stat"].data * factor**2
        units.writeto(target, overwrite=True)


def table(folder: Path) -> tuple[fits.Header, fits.FITS_rec]:
    """Return the factors in a folder, and their header."""
    with fits.open(next(folder.glob("AUTOCAL_FACTORS*.fits"))) as units:
        return units[0].header, units[1].data


def left(folder: Path) -> Mapping[str, float]:
    """Return what is left of the errors after the factors of a side are applied."""
    header, spoilt = table(folder / "spoilt")
    _, clean = table(folder / "clean")
    found, truth = [], []
    for k in range(int(spoilt["quad"].max())):
        edges = [header[f"ESO DRS MUSE LAMBDA{k + 1} {end}"] for end in ("MIN", "MAX")]
        middle = np.mean(np.clip(edges, 4750.0, 9350.0))
        chosen = (spoilt["quad"] == k + 1) & (spoilt["npts"] > 0)
        places = zip(spoilt["ifu"][chosen], spoilt["sli"][chosen], strict=True)
        true = np.array([errors(ifu)[number - 1] for ifu, number in places])
        factor = true[:, 0] * (1 + true[:, 1] * (middle - MIDDLE) / HALF)
        product = factor * spoilt["corr"][chosen] / clean["corr"][chosen]
        found.append(product / product.mean())
        truth.append(factor / factor.mean())
    rest, before = np.concatenate(found) - 1, np.concatenate(truth) - 1
    return {
        "rms of errors before": float(np.std(before)),
        "rms of errors after": float(np.std(rest)),
        "median of their size": float(np.median(np.abs(rest))),
        "95 per cent below": float(np.quantile(np.abs(rest), 0.95)),
        "largest": float(np.abs(rest).max()),
    }


def run_both(sof: Sequence[tuple[Path, str]], out: Path, state: str) -> None:
    """Run both pipelines on a set of frames, into ``out/SIDE/STATE``."""
    run("muse_scipost", sof, OPTIONS, out / "ours" / state)
    where = out / "genuine" / state
    where.mkdir(parents=True, exist_ok=True)
    listed = write_sof(where / "scipost.sof", sof)
    words = [f"--{name}={value}" for name, value in OPTIONS.items()]
    command = ["esorex", f"--output-dir={where}", "muse_scipost", *words, str(listed)]
    subprocess.run(command, check=True, cwd=where, stdout=subprocess.DEVNULL)


def main() -> None:
    """Spoil an exposure, run both pipelines, print what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder with simulated full-size frames")
    parser.add_argument("--out", type=Path, default=Path("build/autocalib"))
    options = parser.parse_args()
    out = options.out.resolve()
    chain = options.folder.resolve() / "genuine"
    frames = {**statics(), **raw_frames(options.raw or options.folder / "raw")}
    for call in CHAIN:
        if call.label == "create_sky":
            break
        take_products(frames, chain / call.label.replace(" ", "_"))
    tables = [p for p in frames["PIXTABLE_OBJECT"] if "_0001-" in p.name]
    out.mkdir(parents=True, exist_ok=True)
    for path in tables:
        if not (out / path.name).exists():
            spoil(path, out / path.name, int(path.stem[-2:]))
    tags = ("EXTINCT_TABLE", "STD_RESPONSE", "ASTROMETRY_WCS")
    others = [(path, tag) for tag in tags for path in frames[tag]]
    for state, folder in (("spoilt", out), ("clean", tables[0].parent)):
        sof = [(folder / path.name, "PIXTABLE_OBJECT") for path in tables]
        run_both([*sof, *others], out, state)
    columns = {side: left(out / side) for side in ("ours", "genuine")}
    print(f"{'quantity':24s}" + "".join(f"{side:>10s}" for side in columns))
    for name in columns["ours"]:
        print(f"{name:24s}" + "".join(f"{c[name]:10.4f}" for c in columns.values()))


if __name__ == "__main__":
    main()
