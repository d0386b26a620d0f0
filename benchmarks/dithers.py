"""Four dithered exposures, one of them rotated, by both pipelines against the truth.

``python -m benchmarks.dithers --bench FOLDER`` takes the raw frames and the genuine
calibrations and pixel tables that ``benchmarks.recipes`` left there. Our chain begins with
the raw frames. Each side reduces every exposure alone (muse_scipost), aligns
(muse_exp_align) and combines them (muse_exp_combine); everything is then measured alike:
each cube as `benchmarks.science` does, the offsets, the velocities, molecular bands.
Sky-line fluxes are those of ``benchmarks.sky``, the variance is that of
``benchmarks.variance``, cosmic rays are those of ``benchmarks.cosmic_rays``.
"""

import argparse
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from benchmarks.chain import CHAIN, Call
from benchmarks.night import DITHERS
from benchmarks.recipes import Bench
from benchmarks.reduction import CALIBRATION, CALLS, SKY, Reduction
from benchmarks.scene import ExpectedScene, exposure_of
from benchmarks.science import MEASURES, Cube, Row, molecular_bands, read_cube

BEFORE = (*CALIBRATION, *SKY, "scibasic object")
"""Calls whose products the exposures need."""

Run = Callable[[Call, Path], object]
"""Runs a call into a folder."""


def calls() -> list[Call]:
    """Return the calls of the exposures: each alone, their offsets, all together."""
    one = CALLS["scipost"]
    alone = [
        replace(one, label=f"dither {k}", n_raw={"PIXTABLE_OBJECT": k})
        for k in range(1, len(DITHERS) + 1)
    ]
    return [*alone, CALLS["exp_align"], CALLS["exp_combine"]]


def reduce(folder: Path, run: Run) -> None:
    """Run the calls whose folder is not there yet."""
    for call in calls():
        where = folder / call.label.replace(" ", "_")
        if not any(where.glob("*.fits")):
            print(f"running {folder.name} {call.label}", flush=True)
            where.mkdir(parents=True, exist_ok=True)
            run(call, where)


def reduce_own(raw: Path, folder: Path) -> None:
    """Reduce the raw frames with our recipes alone."""
    reduction = Reduction(raw, folder, "full")
    reduction.calibrate(BEFORE)

    def run(call: Call, where: Path) -> None:
        reduction.call(call, where)

    _with_products(reduction.frames, folder, run)


def reduce_genuine(raw: Path, bench: Path, folder: Path, ifus: Sequence[int]) -> None:
    """Reduce the genuine pixel tables with the genuine recipes."""
    genuine = Bench(folder, raw, ifus)
    for call in CHAIN:
        if call.label in BEFORE:
            genuine.keep(bench / "genuine" / call.label.replace(" ", "_"))

    def run(call: Call, where: Path) -> None:
        cost = genuine.genuine(call, where)
        print(f"  {cost.wall:.0f} s, CPU {cost.cpu:.0f} s, {cost.rss:.0f} MB", flush=True)

    _with_products(genuine.frames, folder, run)


def _with_products(frames: dict[str, list[Path]], folder: Path, run: Run) -> None:
    """Run the calls; each finds the products of those before."""
    for tag in ("IMAGE_FOV", "PIXTABLE_REDUCED", "OFFSET_LIST"):
        frames[tag] = []

    def keep(call: Call, where: Path) -> None:
        for tag in ("IMAGE_FOV", "PIXTABLE_REDUCED", "OFFSET_LIST"):
            known = (folder / c.label.replace(" ", "_") for c in calls()[:-1])
            frames[tag] = [p for w in known for p in sorted(w.glob(f"{tag}*.fits"))]
        run(call, where)

    reduce(folder, keep)


def offsets(table: Path, cubes: Sequence[Path]) -> Iterator[Row]:
    """Yield the errors of the offsets of all exposures but the first [arcsec]."""
    found = fits.getdata(table, 1)
    scenes = [scene_of(cube) for cube in cubes]
    for k, scene in enumerate(scenes[1:], 1):
        first, here = scenes[0], scene
        both = [
            (a, b)
            for (source, p), (_, q) in zip(first.sources, here.sources, strict=True)
            if source.radius == 0 and first.inside(p, 0) and here.inside(q, 0)
            for a, b in ((first.wcs.pixel_to_world(*p), here.wcs.pixel_to_world(*q)),)
        ]
        yield f"stars in exposures 1 and {k + 1}", float(len(both))
        if not both:
            continue
        east = np.median([(b.ra - a.ra).arcsec * np.cos(a.dec.rad) for a, b in both])
        north = np.median([(b.dec - a.dec).arcsec for a, b in both])
        scale = 3600 * np.cos(both[0][0].dec.rad)
        wrong = (
            found["RA_OFFSET"][k] * scale - east,
            found["DEC_OFFSET"][k] * 3600 - north,
        )
        yield f"offset of exposure {k + 1}, error [arcsec]", float(np.hypot(*wrong))


def scene_of(path: Path) -> ExpectedScene:
    """Return what the cube of an exposure should show."""
    with fits.open(path) as units:
        plane, shape = WCS(units["DATA"].header).celestial, units["DATA"].shape[1:]
        return ExpectedScene(exposure_of(units[0].header), plane, shape)


def velocities(tables: Iterable[Path]) -> Iterator[Row]:
    """Yield the largest error of the barycentric velocity, against astropy's [km/s].

    ``tables``: PIXTABLE_REDUCED of each exposure.
    """
    errors = []
    for path in tables:
        header = fits.getheader(path)
        site = EarthLocation.from_geodetic(
            header["ESO TEL GEOLON"] * units.deg,
            header["ESO TEL GEOLAT"] * units.deg,
            header["ESO TEL GEOELEV"] * units.m,
        )
        middle = Time(header["MJD-OBS"] + header["EXPTIME"] / 2 / 86400, format="mjd")
        target = SkyCoord(header["RA"] * units.deg, header["DEC"] * units.deg)
        kind = "barycentric"
        true = target.radial_velocity_correction(kind, obstime=middle, location=site)
        told = header["ESO DRS MUSE PIXTABLE RVCORR"]
        errors.append(abs(told - true.to_value("km/s")))
    yield "barycentric velocity, error [km/s]", max(errors)


def measured(folder: Path) -> dict[str, dict[str, float]]:
    """Return what is measured on each cube, by its name."""
    labels = [call.label for call in calls() if call.label != "exp_align"]
    columns = {}
    for label in labels:
        path = folder / label.replace(" ", "_") / "DATACUBE_FINAL.fits"
        if path.exists():
            columns[label] = of_cube(read_cube(path))
    return columns


def of_cube(cube: Cube) -> dict[str, float]:
    """Return what is measured on a cube."""
    return dict(row for measure in (*MEASURES, molecular_bands) for row in measure(cube))


def show(columns: dict[str, dict[str, float]]) -> None:
    """Print a table."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    print(f"{'quantity':40s}" + "".join(f"{label:>12s}" for label in columns))
    for name in names:
        values = (column.get(name, np.nan) for column in columns.values())
        print(f"{name:40s}" + "".join(f"{value:12.4f}" for value in values))


def main() -> None:
    """Reduce what is not there yet and print the tables of both sides."""
    warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN", RuntimeWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder of the raw frames")
    parser.add_argument("--folder", type=Path, default=Path("build/dithers"))
    parser.add_argument("--ifus", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sides", nargs="+", default=("own", "genuine"))
    options = parser.parse_args()
    folder, bench = options.folder.resolve(), options.bench.resolve()
    raw = (options.raw or bench / "raw").resolve()
    if "own" in options.sides:
        reduce_own(raw, folder / "own")
    if "genuine" in options.sides:
        reduce_genuine(raw, bench, folder / "genuine", options.ifus)
    for side in options.sides:
        print(f"\n{side}")
        show(measured(folder / side))
        (table,) = (folder / side / "exp_align").glob("OFFSET_LIST*.fits")
        alone = [folder / side / f"dither_{k}" for k in range(1, len(DITHERS) + 1)]
        moved = offsets(table, [one / "DATACUBE_FINAL.fits" for one in alone])
        tables = (path for one in alone for path in one.glob("PIXTABLE_REDUCED*.fits"))
        show({"all": dict([*moved, *velocities(tables)])})


if __name__ == "__main__":
    main()
