"""Calibrations of the first stage, made IFU by IFU: raw frames do not stay on the disk."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.chain import MASTERS, take_products
from benchmarks.night import calibrations
from benchmarks.recipes import Bench
from benchmarks.reduction import CALLS, Reduction
from pipeline.instrument import FULL, Size
from pipeline.simulator.frames import simulate_exposure

STAGE = ("bias", "flat", "wavecal")

Reduce = Callable[[Path, Path, int, Size], dict[str, list[Path]]]
"""Reduces raw frames of an IFU into a folder and returns frames by tag."""


def own_masters(raw: Path, folder: Path, _: int, size: Size) -> dict[str, list[Path]]:
    """Reduce with our recipes."""
    reduction = Reduction(raw, folder, size.name)
    reduction.calibrate(STAGE)
    return reduction.frames


def genuine_masters(raw: Path, folder: Path, ifu: int, _: Size) -> dict[str, list[Path]]:
    """Reduce with the genuine recipes, which know the full size alone."""
    bench = Bench(folder, raw, [ifu])
    for label in STAGE:
        where = folder / label
        where.mkdir(parents=True)
        bench.genuine(CALLS[label], where)
        take_products(bench.frames, where)
    return bench.frames


def make_masters(
    folders: Mapping[Path, Reduce],
    ifus: Sequence[int],
    n_lamps: tuple[int, int, int],
    size: Size = FULL,
) -> None:
    """Make the calibrations of the first stage of each folder, IFU by IFU.

    Parameters
    ----------
    folders
        Where they go, and who makes them; all of the same raw frames.
    ifus
        Those that are not there yet are made.
    n_lamps
        Biases, flats, and arcs of each lamp.
    size
        Of the instrument.
    """
    for ifu in ifus:
        missing = {
            folder: reduce
            for folder, reduce in folders.items()
            if not (folder / f"WAVECAL_TABLE-{ifu:02d}.fits").exists()
        }
        for folder in missing:
            folder.mkdir(parents=True, exist_ok=True)
        scratch = next(iter(folders)) / f"scratch-{ifu:02d}"
        shutil.rmtree(scratch, ignore_errors=True)
        if missing:
            print(f"calibrations of IFU {ifu}", flush=True)
            raw = scratch / "raw"
            raw.mkdir(parents=True)
            for exposure in calibrations(*n_lamps):
                simulate_exposure(exposure, size, raw, [ifu])
        for number, (folder, reduce) in enumerate(missing.items()):
            made = reduce(raw, scratch / f"made{number}", ifu, size)
            for tag in MASTERS:
                for path in made[tag]:
                    path.rename(folder / path.name)
        shutil.rmtree(scratch, ignore_errors=True)
