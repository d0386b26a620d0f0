"""Is the variance honest? One exposure with many noises against its STAT.

The mini instrument observes one field again and again with the same light but different
shot noise, read noise and cosmic rays. Each realisation has its own master bias of five
frames, whose noise STAT must contain; the other calibrations are made once, of many
frames, so that their noise is small. In every voxel of the flux-calibrated cubes, which
share one grid, the variance is compared with the mean STAT.

Issue 2 asks for a slope of 1.00 +- 0.03 in blank, sky-line and bright-source voxels.
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
METHODS = ("none", "subtract-model")
COSMIC = 5.0
"""Values so far from the median of their voxel are cosmic rays [sigma]."""


class Groups(NamedTuple):
    """Which voxels, bool[nz, ny, nx], are blank, in a sky line, in a bright source."""

    blank: Mask
    line: Mask
    source: Mask


def realise(exposure: Exposure, folder: Path, n: int) -> Iterator[dict[str, list[Path]]]:
    """Write raw files, an object and its biases, with the same light and other noise."""
    biases = [e for e in calibrations() if e.kind == "BIAS"]
    levels = {ifu: light(exposure, MINI, ifu, IFUS) for ifu in IFUS}
    for k in range(n):
        channels = {}
        for ifu, level in levels.items():
            ccd = detector(MINI, ifu)
            seed = np.array([k, ifu, 2026], np.uint64)
            counts = ccd.expose(level, exposure.exptime, seed)
            channels[ifu] = (counts, channel_header(ccd))
        path = folder / exposure.file_name
        write_raw(path, primary_header(exposure), channels)
        noisy = [replace(e, seed=1000 * k + e.seed + 500) for e in biases]
        yield {
            "OBJECT": [path],
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
    reduction: Reduction, folder: Path, n: int, methods: Sequence[str]
) -> dict[str, tuple[Floats, Floats]]:
    """Return DATA and STAT, float32[n, nz, ny, nx] each, for each sky method."""
    exposure = next(objects(MINI))
    planes: dict[str, list[tuple[Floats, Floats]]] = {}
    scratch = folder / "realisation"
    scratch.mkdir(parents=True, exist_ok=True)
    for k, raw in enumerate(realise(exposure, scratch, n), 1):
        print(f"\rrealisation {k} of {n}", end="", flush=True)
        master = {"MASTER_BIAS": reduction.call("bias", scratch, raw)}
        products = reduction.call("scibasic object", scratch, {**raw, **master})
        tables = [p for p in products if p.name.startswith("PIXTABLE")]
        for method in methods:
            options = {"skymethod": method, "save": "cube", "filter": "white"}
            reduction.call("scipost", scratch, {"PIXTABLE_OBJECT": tables}, **options)
            with fits.open(scratch / "DATACUBE_FINAL.fits", memmap=False) as units:
                pair = (_native(units["DATA"].data), _native(units["STAT"].data))
            planes.setdefault(method, []).append(pair)
    print()
    shutil.rmtree(scratch)
    return {
        method: (np.stack([d for d, _ in pairs]), np.stack([s for _, s in pairs]))
        for method, pairs in planes.items()
    }


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
    options = parser.parse_args()
    folder = options.folder.resolve()
    simulate(folder / "raw")
    reduction = Reduction(folder / "raw", folder / "products", "mini")
    modelled = "subtract-model" in options.methods
    reduction.calibrate((*CALIBRATION, *(SKY if modelled else ())))
    methods = ["none", *(m for m in options.methods if m != "none")]
    results = cubes(reduction, folder, options.realisations, methods)
    kinds = groups(np.nanmean(results["none"][0], axis=0))
    print(f"{'sky method':16s}{'voxels':10s}{'number':>9s}{'slope':>8s}{'median':>8s}")
    for method, (data, stat) in results.items():
        ratio, _ = honesty(data, stat)
        typical = _median_of_chi_squared(options.realisations - 1)
        for name, mask in zip(Groups._fields, kinds, strict=True):
            values = ratio[mask & np.isfinite(ratio)]
            slope, median = float(np.mean(values)), float(np.median(values)) / typical
            print(f"{method:16s}{name:10s}{len(values):9d}{slope:8.3f}{median:8.3f}")


def _median_of_chi_squared(n: int) -> float:
    """Return the median of a sample variance over the true one (Wilson and Hilferty)."""
    return float((1 - 2 / (9 * n)) ** 3)


if __name__ == "__main__":
    main()
