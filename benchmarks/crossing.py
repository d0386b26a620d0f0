"""Four dithered exposures, the last of which crosses the others, against the truth.

``python -m benchmarks.crossing`` simulates what two IFUs need and reduces it from the raw
frames on with the recipes of both pipelines: calibrations IFU by IFU, a standard star, the
sky, each exposure alone, their offsets, their combination. With ``--ifus 10 11 12 13 14 15
--alone --sides own`` exposures are judged one by one on six IFUs, which would take the
genuine pipeline 40 min. What is there is not made again; pixel tables go when they have
been used. Every cube is measured as `benchmarks.science` does.
"""

import argparse
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.chain import Call, take_products
from benchmarks.crossing_night import crossing
from benchmarks.dithers import of_cube, offsets, show, velocities
from benchmarks.masters import genuine_masters, make_masters, own_masters
from benchmarks.night import illumination, sky, standard, twilights
from benchmarks.recipes import Bench
from benchmarks.reduction import CALLS, Reduction
from benchmarks.science import read_cube
from benchmarks.sky import left_in_slices, line_fluxes
from pipeline.instrument import FULL
from pipeline.simulator.frames import simulate_exposure

N_LAMPS = (3, 3, 3)
"""Biases, flats, and arcs of each lamp."""
NUMBERS = (1, 2, 3, 4)
"""Of the exposures."""
STAGES = (("twilight",), ("scibasic std", "standard"), ("scibasic sky", "create_sky"))
MASTERS = {"own": own_masters, "genuine": genuine_masters}

Frames = dict[str, list[Path]]


@dataclass(frozen=True)
class Side:
    """One pipeline: its frames by tag, and what runs a call into a folder."""

    name: str
    folder: Path
    frames: Frames
    run: Callable[[Call, Path], object]

    def step(self, call: Call, product: str) -> Path:
        """Run a call unless its product is there; return its folder."""
        where = self.folder / call.label.replace(" ", "_")
        if not any(where.glob(f"{product}*.fits")):
            shutil.rmtree(where, ignore_errors=True)
            where.mkdir(parents=True)
            print(f"running {self.name} {call.label}", flush=True)
            self.run(call, where)
        return where


def own(raw: Path, folder: Path, _: Sequence[int]) -> Side:
    """Return our pipeline."""
    reduction = Reduction(raw, folder, FULL.name)
    return Side("own", folder, reduction.frames, reduction.call)


def genuine(raw: Path, folder: Path, ifus: Sequence[int]) -> Side:
    """Return the genuine pipeline, its processes one after the other."""
    bench = Bench(folder, raw, ifus, at_once=1)
    return Side("genuine", folder, bench.frames, bench.genuine)


SIDES = {"own": own, "genuine": genuine}


def simulate(raw: Path, ifus: Sequence[int]) -> None:
    """Write the frames of the night that are not there."""
    raw.mkdir(parents=True, exist_ok=True)
    night = (illumination(), standard(), *twilights(), sky(), *crossing(FULL))
    for exposure in night:
        if not (raw / exposure.file_name).exists():
            print(f"simulating {exposure.kind:8s}{exposure.file_name}", flush=True)
            simulate_exposure(exposure, FULL, raw, ifus)


def lend_twilight(folder: Path) -> None:
    """Give our TWILIGHT_CUBE to the genuine pipeline: muse_twilight needs IFU 1 there."""
    there = folder / "genuine" / "twilight"
    there.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "own" / "twilight" / "TWILIGHT_CUBE.fits", there)


def prepare(side: Side) -> None:
    """Measure the response and the sky."""
    take_products(side.frames, side.folder / "masters")
    last = ("TWILIGHT_CUBE", "STD_RESPONSE", "SKY_LINES")
    for product, labels in zip(last, STAGES, strict=True):
        where = side.folder / labels[-1]
        if not any(where.glob(f"{product}*.fits")):
            for label in labels[:-1]:
                take_products(side.frames, side.step(CALLS[label], product))
            side.step(CALLS[labels[-1]], product)
        take_products(side.frames, where)
        for label in labels[:-1]:
            shutil.rmtree(side.folder / label.replace(" ", "_"), ignore_errors=True)


def reduce_alone(side: Side, *, keep: bool) -> None:
    """Make the cube of each exposure; ``keep`` the pixels, ready to be combined."""
    objects = list(side.frames["OBJECT"])
    saved = "--save=cube,individual" if keep else "--save=cube"
    post = replace(
        CALLS["scipost"],
        options=("--skymethod=subtract-model", "--filter=white", saved),
        n_raw={},
    )
    for k, path in zip(NUMBERS, objects, strict=True):
        if any((side.folder / f"dither_{k}").glob("DATACUBE_FINAL*.fits")):
            continue
        side.frames["OBJECT"] = [path]
        basic = replace(CALLS["scibasic object"], label=f"scibasic {k}")
        made = side.step(basic, "PIXTABLE_OBJECT")
        side.frames["PIXTABLE_OBJECT"] = sorted(made.glob("PIXTABLE_OBJECT*.fits"))
        side.step(replace(post, label=f"dither {k}"), "DATACUBE_FINAL")
        shutil.rmtree(made)
    side.frames["OBJECT"] = objects


def combine(side: Side, *, with_cube: bool) -> None:
    """Align the exposures and combine them."""
    for tag in ("IMAGE_FOV", "PIXTABLE_REDUCED"):
        side.frames[tag] = sorted(side.folder.glob(f"dither_[1-4]/{tag}*.fits"))
    where = side.step(CALLS["exp_align"], "OFFSET_LIST")
    side.frames["OFFSET_LIST"] = list(where.glob("OFFSET_LIST*.fits"))
    if with_cube:
        side.step(CALLS["exp_combine"], "DATACUBE_FINAL")


def report(side: str, folder: Path, ifus: Sequence[int]) -> None:
    """Print what is measured on the products of a side."""
    print(f"\n{side}")
    (lines,) = (folder / "create_sky").glob("SKY_LINES*.fits")
    show({"create_sky": dict(line_fluxes(lines))})
    cubes = [folder / f"dither_{k}" / "DATACUBE_FINAL.fits" for k in NUMBERS]
    columns = {p.parent.name: of_cube(read_cube(p)) for p in cubes if p.exists()}
    together = folder / "exp_combine" / "DATACUBE_FINAL.fits"
    if together.exists():
        others, height = list(crossing(FULL))[1:], len(ifus) * FULL.slices_per_stack
        columns["combined"] = of_cube(read_cube(together, others, float(height)))
    show(columns)
    for table in (folder / "exp_align").glob("OFFSET_LIST*.fits"):
        show({"exp_align": dict(offsets(table, cubes))})
    tables = sorted(folder.glob("dither_[1-4]/PIXTABLE_REDUCED*.fits"))
    if tables:
        show({table.parent.name: dict(left_in_slices(table)) for table in tables})
        show({"all": dict(velocities(tables))})


def main() -> None:
    """Reduce what is not there yet and print the tables of the sides."""
    warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN", RuntimeWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/crossing"))
    parser.add_argument("--ifus", type=int, nargs="+", default=[12, 13])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=tuple(SIDES))
    parser.add_argument("--alone", action="store_true", help="do not combine")
    parser.add_argument("--report", action="store_true", help="only measure")
    options = parser.parse_args()
    folder = options.folder.resolve() / "-".join(map(str, options.ifus))
    raw = folder / "raw"
    if not options.report:
        simulate(raw, options.ifus)
        masters = {folder / side / "masters": MASTERS[side] for side in options.sides}
        make_masters(masters, options.ifus, N_LAMPS)
    for name in options.sides:
        if not options.report:
            side = SIDES[name](raw, folder / name, options.ifus)
            if name == "genuine" and 1 not in options.ifus:
                lend_twilight(folder)
            prepare(side)
            reduce_alone(side, keep=not options.alone)
            combine(side, with_cube=not options.alone)
        report(name, folder / name, options.ifus)


if __name__ == "__main__":
    main()
