"""Memory and time of the science recipes, where they grow and where they must not.

``python -m benchmarks.memory exposure`` simulates one full-size exposure of all 24 IFUs
with its calibrations, IFU by IFU, and takes it through muse_scibasic and muse_scipost.
Response and sky come from the chain that ``benchmarks.dithers`` left. Some 21 GB of disk;
14 GB with ``--batch 8``, IFUs that go through muse_scibasic in one call.

``python -m benchmarks.memory combine`` combines 2, 4, 8 and 16 exposures: the reduced pixel
tables of ``benchmarks.dithers``, copied under other dates and dithers. Some 10 GB.

``python -m benchmarks.memory rotated`` combines its four exposures, one of them rotated.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from astropy.io import fits

from benchmarks.chain import Call, statics, take_products, write_sof
from benchmarks.measure import Cost, measure
from benchmarks.night import calibrations, objects
from benchmarks.recipes import OURS, our_command
from benchmarks.reduction import CALLS, Reduction
from pipeline.formats.cards import Keywords
from pipeline.formats.revise import copy_revised
from pipeline.instrument import SIZES, Size
from pipeline.simulator.frames import simulate_exposure

N_LAMPS = (3, 3, 1)
"""Biases, flats, and arcs of each lamp that make the calibrations."""
MASTERS = ("MASTER_BIAS", "MASTER_FLAT", "TRACE_TABLE", "WAVECAL_TABLE")
STEPS = (1.3, 0.9)
"""Dither from one copy of an exposure to the next, east and north [arcsec]."""
NUMBERS = (2, 4, 8, 16)

Frames = dict[str, list[Path]]


def make_masters(folder: Path, size: Size, ifus: Sequence[int]) -> None:
    """Make the calibrations of the first stage in a folder, IFU by IFU."""
    for ifu in ifus:
        print(f"calibrations of IFU {ifu}", flush=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            raw = Path(scratch) / "raw"
            raw.mkdir()
            for exposure in calibrations(*N_LAMPS):
                simulate_exposure(exposure, size, raw, [ifu])
            reduction = Reduction(raw, Path(scratch) / "made", size.name)
            reduction.calibrate(("bias", "flat", "wavecal"))
            for tag in MASTERS:
                for path in reduction.frames[tag]:
                    path.rename(folder / path.name)


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
    folder: Path, dithers: Path, size: Size, ifus: Sequence[int], batch: int
) -> None:
    """Measure one exposure of many IFUs, ``batch`` of them in one call of muse_scibasic."""
    basic, post = CALLS["scibasic object"], CALLS["scipost"]
    for first in range(0, len(ifus), batch):
        some = ifus[first : first + batch]
        stage = folder / "stage"
        (stage / "raw").mkdir(parents=True)
        raw = simulate_exposure(next(objects(size)), size, stage / "raw", some)
        make_masters(stage, size, some)
        own: Frames = {**statics(size.name), "OBJECT": [raw]}
        take_products(own, stage)
        before = set((folder / "basic").glob("PIXTABLE*"))
        cost = cost_of(basic, own, folder / "basic")
        made = sorted(set((folder / "basic").glob("PIXTABLE*")) - before)
        show(f"muse_scibasic, {len(some)} IFUs", cost, n_pixels(made))
        shutil.rmtree(stage)
    frames: Frames = statics(size.name)
    for label in ("standard", "create_sky"):
        take_products(frames, dithers / "own" / label)
    take_products(frames, folder / "basic")
    tables = frames["PIXTABLE_OBJECT"]
    alone = replace(post, options=(*post.options[:-1], "--save=cube"), n_raw={})
    cost = cost_of(alone, frames, folder / "post")
    show(f"muse_scipost, {len(ifus)} IFUs", cost, n_pixels(tables))


def copies(dithers: Path, folder: Path, n: int) -> list[Path]:
    """Return ``n`` exposures: the unrotated ones, and copies elsewhere and later."""
    sources = [
        dithers / "own" / f"dither_{k}" / "PIXTABLE_REDUCED_0001.fits" for k in (1, 2, 3)
    ]
    paths = sources[:n]
    for k in range(len(paths), n):
        paths.append(folder / f"PIXTABLE_REDUCED_{k + 1:04d}.fits")
        if paths[-1].exists():
            continue

        def revise(unit: str, words: Keywords, k: int = k) -> Keywords | None:
            if unit:
                return None
            date = datetime.fromisoformat(str(words["DATE-OBS"])) + timedelta(hours=k)
            words["DATE-OBS"] = date.isoformat(timespec="milliseconds")
            words["MJD-OBS"] = float(words["MJD-OBS"]) + k / 24
            words["RA"] = float(words["RA"]) + STEPS[0] * (k // 3 % 3) / 3600
            words["DEC"] = float(words["DEC"]) + STEPS[1] * (k // 9 % 3) / 3600
            return words

        copy_revised(sources[k % 3], paths[-1], revise)
    return paths


def combine(folder: Path, dithers: Path, numbers: Sequence[int]) -> None:
    """Measure the combination of more and more exposures."""
    for n in numbers:
        frames: Frames = {**statics(), "PIXTABLE_REDUCED": copies(dithers, folder, n)}
        cost = cost_of(CALLS["exp_combine"], frames, folder / "made")
        tables = frames["PIXTABLE_REDUCED"]
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
    parser.add_argument("--folder", type=Path, default=Path("build"))
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--ifus", type=int, nargs="+", help="default: all")
    parser.add_argument("--batch", type=int, help="IFUs in one call; default: all")
    parser.add_argument("--numbers", type=int, nargs="+", default=NUMBERS)
    options = parser.parse_args()
    size = SIZES[options.size]
    dithers = options.dithers.resolve()
    ifus = options.ifus or list(range(1, size.n_ifus + 1))
    options.folder.mkdir(parents=True, exist_ok=True)
    for part in options.parts:
        with tempfile.TemporaryDirectory(dir=options.folder.resolve()) as scratch:
            folder = Path(scratch)
            if part == "exposure":
                exposure(folder, dithers, size, ifus, options.batch or len(ifus))
            elif part == "combine":
                combine(folder, dithers, options.numbers)
            else:
                rotated(folder, dithers)


if __name__ == "__main__":
    main()
