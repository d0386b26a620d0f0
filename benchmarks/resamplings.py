"""All resampling methods and cosmic-ray statistics beside the genuine muse_scipost.

``python -m benchmarks.resamplings`` makes cubes of one exposure, some 100 Angstrom of it,
with both pipelines from the pixel tables of the genuine muse_scibasic, and prints the
ratio of the voxels, the differences of the world coordinates and the counts of rejected
pixels; then of cubes on the grids of some OUTPUT_WCS.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from benchmarks.chain import statics, write_sof
from benchmarks.recipes import OURS

METHODS = ("nearest", "linear", "quadratic", "renka", "drizzle", "lanczos")
STATISTICS = ("iraf", "mean", "median")
REJECTIONS = {
    f"{name} {near}": {"crtype": name, "crnear": near}
    for near in ("slices", "rows")
    for name in STATISTICS
}
"""The own rejection of cosmic rays and that of the genuine pipeline."""
COMMON = {
    "skymethod": "none",
    "save": "cube",
    "filter": "white",
    "rvcorr": "none",
    "pixfrac": "0.8,0.8",
}

GRIDS: dict[str, dict[str, Any]] = {
    "AWAV-LOG": {"CTYPE3": "AWAV-LOG"},
    "WAVE": {"CTYPE3": "WAVE", "CD3_3": 1.25},
    "WAVE-LOG": {"CTYPE3": "WAVE-LOG"},
    "coarse": {"CTYPE3": "AWAV", "CD3_3": 2.5, "CRVAL3": 6510.0, "NAXIS3": 30},
    "spaxels": {"CD1_1": -0.3 / 3600, "CD2_2": 0.25 / 3600, "NAXIS1": 150, "NAXIS2": 20},
}
"""What OUTPUT_WCS changes of the natural grid."""

Frames = list[tuple[Path, str]]


def options(params: Mapping[str, object]) -> list[str]:
    """Return parameters as options of a command line."""
    return [f"--{name}={value}" for name, value in params.items()]


def run_both(where: Path, frames: Frames, params: Mapping[str, object]) -> str:
    """Make the cube with both pipelines; return the log of the genuine one."""
    known = {name: value for name, value in params.items() if name != "crnear"}
    sof = write_sof(where / "scipost.sof", frames)
    for name in ("ours", "genuine"):
        shutil.rmtree(where / name, ignore_errors=True)
        (where / name).mkdir()
    ours = (sys.executable, "-m", "pipeline.esorex", f"--output-dir={where / 'ours'}")
    theirs = ("esorex", f"--output-dir={where / 'genuine'}", "--msg-level=debug")
    log = ""
    for program, given in ((ours, params), (theirs, known)):
        done = subprocess.run(
            (*program, "muse_scipost", *options(given), str(sof)),
            cwd=where / "genuine",
            env={**os.environ, **OURS, "OMP_NUM_THREADS": "2"},
            capture_output=True,
            text=True,
            check=True,
        )
        log = done.stdout
    return log


def cubes(where: Path) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], WCS]]:
    """Yield DATA, STAT and coordinates of ours and of the genuine cube."""
    for name in ("ours", "genuine"):
        with fits.open(where / name / "DATACUBE_FINAL.fits") as hdus:
            yield hdus["DATA"].data, hdus["STAT"].data, WCS(hdus["DATA"].header)


def coordinates(a: WCS, b: WCS, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the greatest differences of two coordinate systems [arcsec, Angstrom]."""
    corners = np.array([[0, 0, 0], np.array(shape[::-1]) - 1.0])
    first, second = (w.wcs_pix2world(corners, 0) for w in (a, b))
    apart = (first - second) * [3600 * np.cos(np.radians(first[0, 1])), 3600, 1e10]
    return float(abs(apart[:, :2]).max()), float(abs(apart[:, 2]).max())


def compare(where: Path) -> str:
    """Return one line about the two cubes of a folder."""
    (data, stat, wcs), (other, other_stat, other_wcs) = cubes(where)
    if data.shape != other.shape:
        return f"shapes {data.shape} and {other.shape} differ"
    both = np.isfinite(data) & np.isfinite(other)
    bright = both & (abs(other) > 5 * np.sqrt(np.nan_to_num(other_stat, nan=np.inf)))
    ratio = data[bright] / other[bright]
    variance = stat[both] / other_stat[both]
    low, high = np.nanpercentile(ratio, [2, 98])
    alone = (np.isfinite(data) ^ np.isfinite(other)).mean()
    sky, wave = coordinates(wcs, other_wcs, data.shape)
    return (
        f"ratio {np.median(ratio):.5f} (2 to 98 %: {low:.4f} to {high:.4f}), STAT "
        f"{np.nanmedian(variance):.5f}, voxels of one only {100 * alone:.3f} %, "
        f"WCS {sky:.1e} arcsec {wave:.1e} A"
    )


def rejected(where: Path, log: str) -> str:
    """Return how many pixels each pipeline rejected."""
    ours = fits.getheader(where / "ours" / "DATACUBE_FINAL.fits")
    count = ours["ESO QC SCIPOST EXP1 NCOSMIC"]
    found = [int(n) for n in re.findall(r"(\d+) output CR pixels", log)]
    return f"rejected {count}, genuine {found[-1] if found else '?'}"


def grid_file(where: Path, natural: fits.Header, words: Mapping[str, Any]) -> Path:
    """Write an OUTPUT_WCS: the coordinates of a cube with some of them changed."""
    kept = [f"{k}{i}" for k in ("CTYPE", "CUNIT", "CRVAL", "CRPIX") for i in (1, 2, 3)]
    kept += ["CD1_1", "CD1_2", "CD2_1", "CD2_2", "CD3_3"]
    size = [words.get(f"NAXIS{i}", natural[f"NAXIS{i}"]) for i in (3, 2, 1)]
    hdu = fits.ImageHDU(np.zeros(size, np.float32), name="DATA")
    hdu.header.update({key: natural[key] for key in kept} | dict(words))
    path = where / "output_wcs.fits"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def main() -> None:
    """Print one line per method and per statistic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--scratch", type=Path, default=Path("build/bench/resamplings"))
    parser.add_argument("--range", type=float, nargs=2, default=(6500.0, 6600.0))
    parser.add_argument("--only", nargs="+", default=[*METHODS, *REJECTIONS, *GRIDS])
    chosen = parser.parse_args()
    tables = sorted(
        (chosen.folder.resolve() / "genuine" / "scibasic_object").glob(
            "PIXTABLE_OBJECT_0001-*.fits"
        )
    )
    frames: Frames = [(path, "PIXTABLE_OBJECT") for path in tables]
    for tag in ("ASTROMETRY_WCS", "FILTER_LIST"):
        frames += [(path, tag) for path in statics()[tag]]
    low, high = chosen.range
    common = {**COMMON, "lambdamin": low, "lambdamax": high}
    where = chosen.scratch.resolve()
    where.mkdir(parents=True, exist_ok=True)
    natural = None
    for name in chosen.only:
        if name in GRIDS:
            if natural is None:
                run_both(where, frames, {**common, "crsigma": 0})
                made = where / "genuine" / "DATACUBE_FINAL.fits"
                natural = fits.getheader(made, "DATA")
            grid = (grid_file(where, natural, GRIDS[name]), "OUTPUT_WCS")
            run_both(where, [*frames, grid], {**common, "crsigma": 0})
            print(f"{name:10s} {compare(where)}", flush=True)
        elif name in METHODS:
            log = run_both(where, frames, {**common, "resample": name, "crsigma": 0})
            print(f"{name:10s} {compare(where)}", flush=True)
        else:
            log = run_both(where, frames, {**common, **REJECTIONS[name]})
            print(f"{name:13s} {rejected(where, log)}; {compare(where)}", flush=True)


if __name__ == "__main__":
    main()
