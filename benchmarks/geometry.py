"""The geometrical calibration against the truth, and beside the genuine pipeline.

``python -m benchmarks.geometry`` simulates a sequence of the pinhole mask at full size,
reduces it with all its calibrations and prints how far the slices are from the truth, after
one global shift and rotation. With ``--genuine`` the genuine recipe does the same: IFU by
IFU up to its SPOTS_TABLE, since it holds all exposures of an IFU in memory, and then, with
``MUSE_GEOMETRY_SKIP=2``, from these tables on. It insists on 50 exposures.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.chain import of_ifu, raw_frames, statics, take_products, write_sof
from benchmarks.measure import Cost, measure
from benchmarks.night import calibrations
from pipeline.algorithms.geometry import slice_map
from pipeline.algorithms.geometry_products import geometry_table
from pipeline.algorithms.mask_ifu import mask_ifus
from pipeline.algorithms.mask_sequence import MaskSequence
from pipeline.algorithms.passages import find_passages, row_distance
from pipeline.algorithms.slice_places import MaskScale, Places, ifu_places, stack_rows
from pipeline.algorithms.spots import Spots
from pipeline.formats.tables import open_tables
from pipeline.inputs import frames_of, open_inputs
from pipeline.instrument import (
    FOCAL_SCALE,
    FULL,
    PINHOLES_PER_SLICE,
    SAMPLING,
    SIZES,
    Size,
)
from pipeline.runner import find_recipe
from pipeline.simulator import calibration_plan
from pipeline.simulator.calibration_plan import Night, Seeds
from pipeline.simulator.exposure import Conditions, Exposure
from pipeline.simulator.frames import simulate_exposure
from pipeline.simulator.optics import Drift, optics
from pipeline.spec import Columns, Planes

LAYOUT = 1
MASTERS = (
    ("muse_bias", "BIAS", ()),
    ("muse_flat", "FLAT", ("MASTER_BIAS",)),
    ("muse_wavecal", "ARC", ("MASTER_BIAS", "TRACE_TABLE", "LINE_CATALOG")),
)
CALIBRATIONS = ("MASTER_BIAS", "TRACE_TABLE", "WAVECAL_TABLE", "LINE_CATALOG")
Frames = dict[str, list[Path]]


def mask_exposures(steps: int) -> Iterator[Exposure]:
    """Yield a sequence of the pinhole mask and two exposures of the trace mask."""
    night = Night(date(2026, 9, 2), Conditions(), 12.3, Drift())
    yield from calibration_plan.geometry(night, 13.0, Seeds(7000), steps, LAYOUT)


def simulate(folder: Path, size: Size, ifus: Sequence[int], steps: int) -> None:
    """Write lamp exposures and the sequence of the mask, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for exposure in (*calibrations(n_arc=1), *mask_exposures(steps)):
        if not any(folder.glob(f"{exposure.file_name}*")):  # it may be packed
            print(f"simulating {exposure.kind:10s} {exposure.file_name}", flush=True)
            simulate_exposure(exposure, size, folder, ifus)


def run_ours(
    recipe: str, frames: Frames, tags: Sequence[str], where: Path, *options: str
) -> Cost:
    """Run one of our recipes for all IFUs."""
    where.mkdir(parents=True, exist_ok=True)
    lines = [(path, tag) for tag in tags for path in frames.get(tag, [])]
    sof = write_sof(where / f"{recipe}.sof", lines)
    program = (sys.executable, "-m", "pipeline.esorex", f"--output-dir={where}")
    root = str(Path(__file__).parents[1])
    return measure((*program, recipe, *options, str(sof)), where, {"PYTHONPATH": root})


def run_genuine(frames: Frames, ifus: Sequence[int], where: Path) -> Cost:
    """Run the genuine recipe, IFU by IFU and then from the tables of spots on."""
    where.mkdir(parents=True, exist_ok=True)
    total: Cost | None = None
    for ifu in ifus:
        tags = ("MASK", *CALIBRATIONS)
        lines = [(path, tag) for tag in tags for path in of_ifu(frames[tag], ifu)]
        sof = write_sof(where / f"spots-{ifu:02d}.sof", lines)
        cost = _genuine(where, sof, (ifu, ifu))
        total = cost if total is None else total.then(cost)
        keep_first(where, ifu)
    lines = [(p, tag) for tag in ("MASK", "MASK_CHECK", *CALIBRATIONS) for p in frames[tag]]
    sof = write_sof(where / "geometry.sof", lines)
    last = _genuine(where, sof, (ifus[0], ifus[-1]), {"MUSE_GEOMETRY_SKIP": "2"})
    return last if total is None else total.then(last)


def _genuine(
    where: Path, sof: Path, ifus: tuple[int, int], environment: dict[str, str] | None = None
) -> Cost:
    """Run the genuine recipe for some IFUs; for a single one it complains at its end."""
    command = f"esorex --msg-level=warning muse_geometry --ifu1={ifus[0]} --ifu2={ifus[1]}"
    threads = {"OMP_NUM_THREADS": "1", **(environment or {})}
    return measure(("sh", "-c", f"{command} {sof}; test -e SPOTS_TABLE-{ifus[1]:02d}.fits"),
                   where, threads)  # fmt: skip


def deviations(
    columns: Columns, size: Size, layout: int = LAYOUT
) -> dict[str, NDArray[np.float64]]:
    """Return how far the slices are from the truth after one global shift and rotation.

    x, y and width [pix] and angle [deg], of all slices that have a place.
    """
    good = np.isfinite(columns["x"]) & np.isfinite(columns["y"]) & (columns["width"] > 0)
    places = zip(columns["SubField"][good], columns["SliceCCD"][good] - 1, strict=True)
    true = np.array([
        (o.sky_x[s], o.sky_y[s], o.sky_angle[s], o.sky_width[s])
        for ifu, s in places
        for o in [optics(size, int(ifu)).rearranged(layout)]
    ]).T  # fmt: skip
    x, y, angle, width = (columns[name][good] for name in ("x", "y", "angle", "width"))
    here, there = x + 1j * y, true[0] + 1j * true[1]
    here, there = here - here.mean(), there - there.mean()
    turn = float(np.angle(np.vdot(here, there)))
    rest = here * np.exp(1j * turn) - there
    return {
        "x": rest.real,
        "y": rest.imag,
        "angle": angle + np.degrees(turn) - true[2],
        "width": width - true[3],
    }


def from_spots(paths: Sequence[Path], frames: Frames, size: Size) -> Columns:
    """Return the slices that we find from tables of spots of the genuine pipeline."""
    tables = [next(iter(open_tables(path, "SPOTS_TABLE").items())) for path in paths]
    found = {
        int(ifu): find_passages(*_series(frame.read().columns, size))
        for ifu, frame in tables
        if ifu is not None
    }
    row, _ = row_distance(list(found.values()), paths[0].name)
    scale = MaskScale(FOCAL_SCALE / SAMPLING, row)
    parts = []
    for ifu, passages in found.items():
        trace, wave = (
            open_tables(of_ifu(frames[tag], ifu)[0], tag)[ifu]
            for tag in ("TRACE_TABLE", "WAVECAL_TABLE")
        )
        slices = slice_map(ifu, size.shape, trace, wave)
        parts.append(ifu_places(passages, slices, size, scale))
    return geometry_table(stack_rows(Places.join(parts), size, scale)).columns


def _series(table: Columns, size: Size) -> tuple[Spots, MaskSequence]:
    """Return the spots of one IFU by exposure, line, slice and place in the slice.

    The table tells no errors: those of the photons are taken, and 30 electrons.
    """
    lines, line = np.unique(table["lambda"], return_inverse=True)
    image = table["image"] - 1
    shape = (int(image.max()) + 1, len(lines), size.n_slices, PINHOLES_PER_SLICE)

    def sorted_in(name: str) -> NDArray[np.float64]:
        values = np.full(shape, np.nan)
        values[image, line, table["SliceCCD"] - 1, table["SpotNo"] - 1] = table[name]
        return values

    flux, level, x, y, x_fwhm, y_fwhm = map(
        sorted_in, ("flux", "bg", "xc", "yc", "xfwhm", "yfwhm")
    )
    height = np.empty(shape[0])
    height[image] = table["VPOS"]
    error = np.sqrt(np.maximum(flux, 0) + 900)
    none = np.zeros((shape[0], 3))
    return (
        Spots(lines, flux, error, level, x, y, x_fwhm, y_fwhm, np.zeros(shape, bool)),
        MaskSequence(height, none.astype(np.int32), none, FOCAL_SCALE),
    )


def keep_first(where: Path, ifu: int) -> None:
    """Delete all MASK_REDUCED of an IFU but that of the first exposure: 200 MB each."""
    for path in where.glob(f"MASK_REDUCED_*-{ifu:02d}.fits"):
        if "_0001-" not in path.name:
            path.unlink()


def genuine_reduced(frames: Frames, ifu: int, where: Path) -> Path:
    """Reduce the first exposure of an IFU with the genuine pipeline; return the image.

    muse_scibasic does it, whose OBJECT_RED comes from the same steps as MASK_REDUCED: the
    genuine muse_geometry holds 10 GB for it.
    """
    where.mkdir(parents=True, exist_ok=True)
    tags = ("MASTER_BIAS", "MASTER_FLAT", "TRACE_TABLE", "WAVECAL_TABLE", "GEOMETRY_TABLE")
    lines = [(path, tag) for tag in tags for path in of_ifu(frames[tag], ifu)]
    sof = write_sof(where / "scibasic.sof", [(frames["MASK"][0], "OBJECT"), *lines])
    command = ("esorex", "--msg-level=warning", "muse_scibasic", f"--nifu={ifu}")
    measure((*command, "--skylines=none", str(sof)), where)
    return where / f"OBJECT_RED_0001-{ifu:02d}.fits"


def first_reduced(frames: Frames, ifu: int) -> Planes:
    """Return the first MASK_REDUCED of an IFU as our recipe writes it, with master flat."""
    recipe = find_recipe("muse_geometry")
    tags = ("MASK", "MASTER_FLAT", *CALIBRATIONS)
    sof = [(path, tag) for tag in tags for path in frames[tag]]
    opened = frames_of(recipe, open_inputs(recipe, sof), None)
    (found,) = mask_ifus(opened, ifu, ifu)
    image = found.reduced(found.raws[0])
    return image.read(slice(0, image.shape[0]))


def compare_reduced(ours: Planes, genuine: Path) -> Iterator[str]:
    """Yield how far two MASK_REDUCED are apart, in words.

    DATA in all pixels and in those that both call good; how many flags differ; STAT.
    """
    data, dq, stat = (fits.getdata(genuine, name) for name in ("DATA", "DQ", "STAT"))
    flags = ours.dq ^ dq.astype(np.uint32)
    good = (ours.dq == 0) & (dq == 0)
    for label, chosen in (("all", np.ones_like(good)), ("good", good)):
        d = np.abs(ours.data[chosen].astype(np.float64) - data[chosen])
        of_value = d / np.maximum(np.abs(data[chosen]), 1.0)
        yield (
            f"{label} pixels: {chosen.sum()}, rms {np.sqrt(np.mean(d**2)):.4g} count, "
            f"largest difference {of_value.max():.2g} of the value or count"
        )
    found = zip(*np.unique(flags, return_counts=True), strict=True)
    told = ", ".join(f"{bits}: {n}" for bits, n in found if bits)
    yield f"flags that differ, by bit: {told or 'none'}"
    apart = ours.stat[good].astype(np.float64) - stat[good]
    yield f"STAT: ours minus genuine {np.median(apart):.4g} count**2 in the median"


def report(label: str, columns: Columns, size: Size) -> None:
    """Print the deviations of a table."""
    away = deviations(columns, size)
    cells = "".join(
        f"  {name} {np.sqrt(np.mean(v**2)):.4f} ({np.abs(v).max():.4f})"
        for name, v in away.items()
    )
    print(f"{label:28s}{len(away['x']):4d} of {len(columns['x'])} slices{cells}")


def main() -> None:
    """Print root mean square and largest deviations, and the cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/geometry"))
    parser.add_argument("--size", choices=SIZES, default=FULL.name)
    parser.add_argument("--ifus", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--genuine", action="store_true")
    parser.add_argument("--reduced", action="store_true", help="compare MASK_REDUCED only")
    options = parser.parse_args()
    folder, size = options.folder.resolve(), SIZES[options.size]
    simulate(folder / "raw", size, options.ifus, options.steps)
    frames: Frames = {**statics(options.size), **raw_frames(folder / "raw")}
    for recipe, tag, masters in MASTERS:
        where = folder / recipe
        if not where.exists():
            run_ours(recipe, frames, (tag, *masters), where, "--nifu=-1")
        take_products(frames, where)
    if options.reduced:
        ifu = options.ifus[0]
        theirs = genuine_reduced(frames, ifu, folder / "genuine" / "reduced")
        for words in compare_reduced(first_reduced(frames, ifu), theirs):
            print(f"MASK_REDUCED, {words}")
        return
    tags = ("MASK", "MASK_CHECK", *CALIBRATIONS)
    ours, genuine = (folder / side / "geometry" for side in ("ours", "genuine"))
    cost = run_ours("muse_geometry", frames, tags, ours, "--savereduced=false")
    found = [("ours", ours, cost)]
    if options.genuine:
        cost = run_genuine(frames, options.ifus, genuine)
        found.append(("genuine", genuine, cost))
    print("root mean square (largest) deviation; pix, pix, deg, pix")
    for name, where, cost in found:
        for table in ("GEOMETRY_UNSMOOTHED", "GEOMETRY_TABLE"):
            frame = next(iter(open_tables(where / f"{table}.fits", table).values()))
            report(f"{name} {table}", frame.read().columns, size)
        print(f"{name}: wall {cost.wall:.0f} s, CPU {cost.cpu:.0f} s, {cost.rss:.0f} MB")
    if options.genuine:
        spots = sorted(genuine.glob("SPOTS_TABLE-*.fits"))
        report("ours, spots of the genuine", from_spots(spots, frames, size), size)


if __name__ == "__main__":
    main()
