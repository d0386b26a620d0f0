"""Memory and time of the science recipes, where they grow and where they must not.

``python -m benchmarks.memory exposure`` simulates one full-size exposure of all 24 IFUs
with its calibrations, IFU by IFU, and takes it through muse_scibasic and muse_scipost.
Some 20 GB of disk; 13 GB with ``--batch 8``, IFUs in one call of muse_scibasic.

``python -m benchmarks.memory combine`` combines 2, 4, 8, 16 exposures. They are simulated,
each with its own noise and cosmic rays, and reduced one by one. What is in ``--folder`` is
not made again. Some 14 GB.

Response and sky of both, and the calibrations of the second, are those of the frames in
``--raw``; they go to ``--dithers`` unless they are there.

``python -m benchmarks.memory rotated`` combines its four exposures, one of them rotated, or
those of ``benchmarks.crossing``.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks.chain import Call, statics, take_products, write_sof
from benchmarks.masters import make_masters, own_masters
from benchmarks.measure import Cost, measure
from benchmarks.night import objects
from benchmarks.recipes import OURS, our_command
from benchmarks.reduction import CALIBRATION, CALLS, SKY, Reduction
from pipeline.instrument import SIZES, Size
from pipeline.simulator.exposure import Exposure, Pointing
from pipeline.simulator.frames import simulate_exposure

N_LAMPS = (3, 3, 1)
"""Biases, flats, and arcs of each lamp that make the calibrations."""
STEPS = (0.7, 0.5)
"""Dither from one exposure to the next, east and north [arcsec]."""
NUMBERS = (2, 4, 8, 16)

Frames = dict[str, list[Path]]


def cost_of(call: Call, frames: Frames, folder: Path) -> Cost:
    """Return what a call of our recipe costs; its products stay in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tags = (*call.raw, *call.calibrations)
    lines = [(path, tag) for tag in tags for path in frames.get(tag, [])]
    sof = write_sof(folder / "frames.sof", lines)
    return measure(our_command(call, sof, folder), folder, OURS)


def show(what: str, cost: Cost, n_pixels: int) -> None:
    """Print a line."""
    print(
        f"{what:34s} wall {cost.wall:7.1f} s  CPU {cost.cpu:7.1f} s  "
        f"peak memory {cost.rss:6.0f} MB  {n_pixels / 1e6:7.1f} million pixels  "
        f"{n_pixels / 1e6 / cost.cpu:5.2f} million pixels / CPU s",
        flush=True,
    )


def n_pixels(tables: Sequence[Path]) -> int:
    """Return the number of pixels of some pixel tables."""
    return sum(int(fits.getheader(path, "DATA")["NAXIS2"]) for path in tables)


def exposure(
    folder: Path, reduction: Reduction, size: Size, ifus: Sequence[int], batch: int
) -> None:
    """Measure one exposure of many IFUs, ``batch`` of them in one call of muse_scibasic.

    ``reduction`` has the response and the sky.
    """
    reduction.calibrate((*CALIBRATION, *SKY))
    post = CALLS["scipost"]
    basic = replace(CALLS["scibasic object"], options=("--saveimage=false",))
    for first in range(0, len(ifus), batch):
        some = ifus[first : first + batch]
        stage = folder / "stage"
        (stage / "raw").mkdir(parents=True)
        raw = simulate_exposure(next(objects(size)), size, stage / "raw", some)
        make_masters({stage: own_masters}, some, N_LAMPS, size)
        own: Frames = {**statics(size.name), "OBJECT": [raw]}
        take_products(own, stage)
        before = set((folder / "basic").glob("PIXTABLE*"))
        cost = cost_of(basic, own, folder / "basic")
        made = sorted(set((folder / "basic").glob("PIXTABLE*")) - before)
        show(f"muse_scibasic, {len(some)} IFUs", cost, n_pixels(made))
        shutil.rmtree(stage)
    frames: Frames = statics(size.name)
    for label in ("standard", "create_sky"):
        take_products(frames, reduction.folder / label)
    take_products(frames, folder / "basic")
    tables = frames["PIXTABLE_OBJECT"]
    alone = replace(post, options=(*post.options[:-1], "--save=cube"), n_raw={})
    cost = cost_of(alone, frames, folder / "post")
    show(f"muse_scipost, {len(ifus)} IFUs", cost, n_pixels(tables))


def dithered(size: Size) -> Iterator[Exposure]:
    """Yield exposures of the object, one after the other, each dithered."""
    first = next(objects(size))
    ra, dec = first.pointing.ra, first.pointing.dec
    for k in count():
        east, north = STEPS[0] * (k % 4 - 1.5), STEPS[1] * (k // 4 % 4 - 1.5)
        there = float(ra + east / 3600 / np.cos(np.radians(dec)))
        yield replace(
            first,
            start=first.start + timedelta(seconds=670 * k),
            seed=500 + k,
            pointing=Pointing(there, dec + north / 3600),
        )


def reduced_exposures(
    reduction: Reduction, folder: Path, n: int, ifus: Sequence[int]
) -> list[Path]:
    """Return pixel tables of ``n`` exposures; those that are not there are made."""
    size = SIZES["full"]
    paths = [folder / f"PIXTABLE_REDUCED_{k:04d}.fits" for k in range(1, n + 1)]
    if not all(path.exists() for path in paths):
        reduction.calibrate((*CALIBRATION, *SKY))
    for path, exposure in zip(paths, dithered(size), strict=False):
        if path.exists():
            continue
        print(f"making {path.name}", flush=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            where = Path(scratch)
            frame = simulate_exposure(exposure, size, where, ifus)
            given = {"OBJECT": [frame]}
            call = CALLS["scibasic object"]
            made = reduction.call(call, where / "basic", given, saveimage="false")
            given = {"PIXTABLE_OBJECT": made}
            (table,) = reduction.call("scipost", where / "post", given, save="individual")
            table.rename(path)
    return paths


def combine(
    folder: Path, reduction: Reduction, numbers: Sequence[int], ifus: Sequence[int]
) -> None:
    """Measure the combination of more and more exposures."""
    for n in numbers:
        tables = reduced_exposures(reduction, folder, n, ifus)
        frames: Frames = {**statics(), "PIXTABLE_REDUCED": tables}
        cost = cost_of(CALLS["exp_combine"], frames, folder / "made")
        show(f"muse_exp_combine, {n} exposures", cost, n_pixels(tables))
        shutil.rmtree(folder / "made")


def rotated(folder: Path, dithers: Path) -> None:
    """Measure the combination of four exposures, one rotated by 90 degrees."""
    tables = sorted(dithers.glob("own/dither_*/PIXTABLE_REDUCED_0001.fits"))
    offsets = sorted(dithers.glob("own/exp_align/OFFSET_LIST*.fits"))
    frames: Frames = {**statics(), "PIXTABLE_REDUCED": tables, "OFFSET_LIST": offsets}
    cost = cost_of(CALLS["exp_combine"], frames, folder / "made")
    (cube,) = (folder / "made").glob("DATACUBE_FINAL*.fits")
    shape = " x ".join(str(fits.getheader(cube, "DATA")[f"NAXIS{k}"]) for k in (1, 2, 3))
    show(f"muse_exp_combine, {shape}", cost, n_pixels(tables))


def main() -> None:
    """Print the costs of the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=("exposure", "combine", "rotated"))
    parser.add_argument("--dithers", type=Path, default=Path("build/dithers"))
    parser.add_argument("--raw", type=Path, default=Path("build/bench/raw"))
    parser.add_argument("--folder", type=Path, default=Path("build/memory"))
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--ifus", type=int, nargs="+", help="default: all")
    parser.add_argument("--batch", type=int, help="IFUs in one call; default: all")
    parser.add_argument("--numbers", type=int, nargs="+", default=NUMBERS)
    options = parser.parse_args()
    size = SIZES[options.size]
    dithers = options.dithers.resolve()
    ifus = options.ifus or list(range(1, size.n_ifus + 1))
    options.folder.mkdir(parents=True, exist_ok=True)
    raw, own = options.raw.resolve(), dithers / "own"
    if "combine" in options.parts:
        pair, full = options.ifus or (1, 2), Reduction(raw, own, "full")
        combine(options.folder.resolve(), full, options.numbers, pair)
    with tempfile.TemporaryDirectory(dir=options.folder.resolve()) as scratch:
        folder = Path(scratch)
        if "exposure" in options.parts:
            reduction = Reduction(raw, own, size.name)
            exposure(folder, reduction, size, ifus, options.batch or len(ifus))
        if "rotated" in options.parts:
            rotated(folder, dithers)


if __name__ == "__main__":
    main()
