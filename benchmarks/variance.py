"""Is the variance honest? Exposures with many noises against STAT.

The mini instrument observes one field again and again with the same light but different
shot noise, read noise and cosmic rays. Each realisation has its own master bias of five
frames, whose noise STAT must contain; the other calibrations are made once, of many
frames, so that their noise is small. In every voxel of the flux-calibrated cubes, which
share one grid, the variance is compared with the mean STAT: for each method of sky
subtraction, of one exposure and of two dithered ones that muse_exp_combine puts together.

Issues 2 and 4 ask for a slope of 1.00 +- 0.03 in blank, sky-line and bright-source voxels.
Sums over boxes of blank voxels are compared with the noise factors of the header.
``python -m benchmarks.variance --folder build/variance``: some 3 minutes.
"""

import argparse
import shutil
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from benchmarks.covariance import noise_factors
from benchmarks.night import calibrations, illumination, objects, sky, standard, twilights
from benchmarks.reduction import CALIBRATION, SKY, Reduction
from pipeline.formats.raw_writer import write_raw
from pipeline.instrument import MINI
from pipeline.simulator.detector import detector
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.headers import channel_header, primary_header
from pipeline.simulator.light import light

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

IFUS = (2, 3)
N_CALIBRATION = 25
"""Biases and flats of the calibrations that all realisations share."""
METHODS = ("none", "subtract-model", "model")
N_COMBINED = 2
"""How many exposures are combined."""
COMBINED = f" x {N_COMBINED}"
"""Goes after the name of the method, for the cube of all."""
COSMIC = 5.0
"""Values so far from the median of their voxel are cosmic rays [sigma]."""


class Groups(NamedTuple):
    """Which voxels, bool[nz, ny, nx], are blank, in a sky line, in a bright source."""

    blank: Mask
    line: Mask
    source: Mask


class Realised(NamedTuple):
    """Cubes of all realisations, float32[n, nz, ny, nx] each, and the last one's header."""

    data: Floats
    stat: Floats
    header: fits.Header


def realise(
    exposures: Sequence[Exposure], folder: Path, n: int
) -> Iterator[dict[str, list[Path]]]:
    """Write raw files, objects and their biases, with the same light and other noise."""
    biases = [e for e in calibrations() if e.kind == "BIAS"]
    levels = [{ifu: light(e, MINI, ifu, IFUS) for ifu in IFUS} for e in exposures]
    for k in range(n):
        paths = []
        for number, exposure in enumerate(exposures):
            channels = {}
            for ifu, level in levels[number].items():
                ccd = detector(MINI, ifu)
                seed = np.array([k, ifu, 2026 + number], np.uint64)
                counts = ccd.expose(level, exposure.exptime, seed)
                channels[ifu] = (counts, channel_header(ccd))
            paths.append(folder / exposure.file_name)
            write_raw(paths[-1], primary_header(exposure), channels)
        noisy = [replace(e, seed=1000 * k + e.seed + 500) for e in biases]
        yield {
            "OBJECT": paths,
            "BIAS": [simulate_exposure(e, MINI, folder, IFUS) for e in noisy],
        }


def simulate(folder: Path) -> None:
    """Write the calibrations, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = [
        *calibrations(N_CALIBRATION, N_CALIBRATION),
        *twilights(),
        standard(),
        illumination(),
        sky(),
    ]
    for exposure in frames:
        if not (folder / exposure.file_name).exists():
            simulate_exposure(exposure, MINI, folder, IFUS)


def cubes(
    reduction: Reduction, folder: Path, n: int, methods: Sequence[str], fraction: float
) -> dict[str, Realised]:
    """Return, for each sky method, the cubes of the first exposure and of all combined.

    ``n``: number of realisations; ``fraction``: of the field that is taken as sky.
    """
    exposures = list(objects(MINI))[:N_COMBINED]
    planes: dict[str, list[tuple[Floats, Floats, fits.Header]]] = {}
    scratch = folder / "realisation"
    for k, raw in enumerate(realise(exposures, _emptied(scratch), n), 1):
        print(f"\rrealisation {k} of {n}", end="", flush=True)
        master = {"MASTER_BIAS": reduction.call("bias", scratch, raw)}
        tables = []
        for number, path in enumerate(raw["OBJECT"]):
            where = _emptied(scratch / str(number))
            given = {**raw, **master, "OBJECT": [path]}
            tables.append(_tables(reduction.call("scibasic object", where, given)))
        for method in methods:
            options = {
                "skymethod": method,
                "save": "cube,individual",
                "skymodel_fraction": fraction,
            }
            reduced = []
            for number, found in enumerate(tables):
                where = _emptied(scratch / f"{method} {number}")
                given = {"PIXTABLE_OBJECT": found}
                reduced += _tables(reduction.call("scipost", where, given, **options))
            planes.setdefault(method, []).append(_read(scratch / f"{method} 0"))
            where = _emptied(scratch / method)
            reduction.call("exp_combine", where, {"PIXTABLE_REDUCED": reduced})
            planes.setdefault(method + COMBINED, []).append(_read(where))
    print()
    shutil.rmtree(scratch)
    return {
        name: Realised(
            np.stack([found[0] for found in parts]),
            np.stack([found[1] for found in parts]),
            parts[-1][2],
        )
        for name, parts in planes.items()
    }


def _tables(products: Sequence[Path]) -> list[Path]:
    """Return the pixel tables among products."""
    return [path for path in products if path.name.startswith("PIXTABLE")]


def _emptied(folder: Path) -> Path:
    """Return a folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _read(folder: Path) -> tuple[Floats, Floats, fits.Header]:
    """Return DATA, STAT and the primary header of a cube."""
    with fits.open(folder / "DATACUBE_FINAL.fits", memmap=False) as units:
        return _native(units["DATA"].data), _native(units["STAT"].data), units[0].header


def _native(values: NDArray[np.floating]) -> Floats:
    return np.ascontiguousarray(values, np.float32)


def groups(mean: Floats) -> Groups:
    """Sort the voxels of a mean cube without sky subtraction."""
    spectrum = np.nanmedian(mean, axis=(1, 2))
    continuum = median_filter(spectrum, 151)
    image = np.nanmedian(mean / continuum[:, None, None], axis=0) - 1
    lines = spectrum > 2 * continuum
    near = np.convolve(spectrum > 1.1 * continuum, np.ones(5), "same") > 0
    blank, bright = np.abs(image) < 0.08, image > 2
    return Groups(
        (~near)[:, None, None] & blank,
        lines[:, None, None] & blank,
        (~near)[:, None, None] & bright,
    )


def honesty(data: Floats, stat: Floats) -> tuple[Floats, Floats]:
    """Return variance over mean STAT and mean STAT of each voxel, both [nz, ny, nx].

    Realisations hit by a cosmic ray that was not recognised are left out; voxels with
    fewer than half of the realisations are NaN.
    """
    with np.errstate(invalid="ignore"):
        centre = np.nanmedian(data, axis=0)
        level = np.nanmedian(stat, axis=0)
        hit = ~(np.abs(data - centre) < COSMIC * np.sqrt(level))
    kept = (~hit).sum(axis=0)
    kept[kept < data.shape[0] / 2] = 0
    safe = np.where(hit, 0, data - centre)
    n = np.maximum(kept, 2)
    variance = (np.sum(safe**2, axis=0) - np.sum(safe, axis=0) ** 2 / n) / (n - 1)
    mean = np.sum(np.where(hit, 0, stat), axis=0) / n
    good = (kept > 0) & (mean > 0)
    ratio = np.where(good, variance / np.where(good, mean, 1), np.nan)
    return ratio.astype(np.float32), np.where(good, mean, np.nan).astype(np.float32)


def main() -> None:
    """Print the slopes."""
    warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN", RuntimeWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/variance"))
    parser.add_argument("--realisations", type=int, default=20)
    parser.add_argument("--methods", nargs="+", default=METHODS, help="of sky subtraction")
    parser.add_argument("--fraction", type=float, default=0.1, help="of the field: sky")
    options = parser.parse_args()
    folder = options.folder.resolve()
    simulate(folder / "raw")
    reduction = Reduction(folder / "raw", folder / "products", "mini")
    modelled = "subtract-model" in options.methods
    reduction.calibrate((*CALIBRATION, *(SKY if modelled else ())))
    methods = ["none", *(m for m in options.methods if m != "none")]
    n, fraction = options.realisations, options.fraction
    results = cubes(reduction, folder, n, methods, fraction)
    print(f"{'cube':20s}{'voxels':10s}{'number':>9s}{'slope':>8s}{'median':>8s}")
    for name, (data, stat, _) in results.items():
        unsubtracted = results["none" + (COMBINED if name.endswith(COMBINED) else "")]
        kinds = groups(np.nanmean(unsubtracted.data, axis=0))
        ratio, _ = honesty(data, stat)
        typical = _median_of_chi_squared(n - 1)
        for kind, mask in zip(Groups._fields, kinds, strict=True):
            values = ratio[mask & np.isfinite(ratio)]
            slope, median = float(np.mean(values)), float(np.median(values)) / typical
            print(f"{name:20s}{kind:10s}{len(values):9d}{slope:8.3f}{median:8.3f}")
    print(f"\n{'cube':20s}{'sum over':22s}{'number':>9s}{'found':>8s}{'header':>8s}")
    for name in ("none", "none" + COMBINED):
        data, stat, header = results[name]
        blank = groups(np.nanmean(data, axis=0)).blank
        for label, number, found, told in noise_factors(data, stat, header, blank):
            print(f"{name:20s}{label:22s}{number:9d}{found:8.3f}{told:8.3f}")


def _median_of_chi_squared(n: int) -> float:
    """Return the median of a sample variance over the true one (Wilson and Hilferty)."""
    return float((1 - 2 / (9 * n)) ** 3)


if __name__ == "__main__":
    main()
