"""The sky of both pipelines against the simulator's truth: line fluxes, what is left.

Runs on what ``benchmarks.recipes`` and ``benchmarks.reduction`` left in their folder:
``own`` is our chain from the raw frames on, ``ours`` our recipes on the genuine pixel
tables and calibrations. Fluxes are those of the SKY_LINES of muse_create_sky. What is
left of lines is measured in the reduced pixel tables, slice by slice: the mean profile of
the residuals around bright lines, beyond its own noise, which no STAT enters. With
``--model`` our chain is run once more with ``skymethod=model``, and the genuine recipe on
its own frames.
"""

import argparse
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.chain import CHAIN, raw_frames, statics, take_products, write_sof
from benchmarks.scene import exposure_of
from benchmarks.science import TELLURIC, read_cube, sky_residual
from pipeline.instrument import SAMPLING
from pipeline.runner import run
from pipeline.simulator.pointing import LIGHT_SPEED, velocity
from pipeline.simulator.sky import sky_lines
from pipeline.static import static_path

Floats = NDArray[np.float64]
Row = tuple[str, float]

BRIGHT = 0.02
"""Lines that count, in parts of 5577 (as in `benchmarks.science`)."""
ISOLATED = 4.0
"""Lines nearer than this to one that counts are added to it [Angstrom]."""
LISTED = 0.05
"""Lines count if SKY_LINES has all lines near them that are brighter than this part."""
REACH, BIN = 3.0, 0.5
"""Residuals are averaged this far around a line, in bins [Angstrom]."""
N_IN_BIN = 10
"""Pixels of a slice that a bin must hold to count."""
BESIDE = (5.0, 12.0)
"""Where the level beside a line is taken [Angstrom]."""
LINE_SIGMA = 1.1
"""Sigma of a sky line [Angstrom]."""


def line_fluxes(path: Path) -> Iterator[Row]:
    """Yield measured over true fluxes of bright lines outside molecular bands.

    The flux calibration takes out an extinction that airglow has not seen: so much more
    is expected.
    """
    table = fits.getdata(path, "LINES")
    exposure = exposure_of(fits.getheader(path))
    curve = fits.getdata(static_path("EXTINCT_TABLE", "full"), 1)
    lines, fluxes = sky_lines(exposure.seed)
    extinction = np.interp(lines, curve["lambda"], curve["extinction"])
    airmass = exposure.airmass(exposure.exptime / 2)
    fluxes = fluxes * SAMPLING**2 * 1e20 * 10 ** (0.4 * extinction * airmass)
    green = fluxes[np.abs(lines - 5577.3) < 2].sum()
    ratios = []
    for line in lines[fluxes > BRIGHT * green]:
        if line < 4800 or line > 9250 or any(a < line < b for a, b in TELLURIC):
            continue
        near = np.abs(lines - line) < ISOLATED
        listed = lines[near & (fluxes > LISTED * fluxes[near].max())]
        apart = np.abs(table["lambda"] - listed[:, None]).min(axis=1)
        if apart.max() > 0.5:
            continue
        found = np.abs(table["lambda"] - line) < ISOLATED
        ratios.append(table["flux"][found].sum() / fluxes[near].sum())
    yield "lines compared", float(len(ratios))
    for part in (50, 16, 84, 5, 95):
        name = "median" if part == 50 else f"{part} per cent below"
        yield f"flux over truth, {name}", float(np.quantile(ratios, part / 100))


def bright_lines(header: fits.Header) -> tuple[Floats, float]:
    """Return bright lines apart from each other in the frame of a pixel table.

    Wavelengths [Angstrom], and the peak of 5577 [1e-20 erg/s/cm^2/Angstrom per pixel].
    """
    exposure = exposure_of(header)
    lines, fluxes = sky_lines(exposure.seed)
    fluxes = fluxes * SAMPLING**2 * 1e20
    green = fluxes[np.abs(lines - 5577.3) < 2].sum()
    strong = lines[(fluxes > BRIGHT * green) & (lines > 4800) & (lines < 9250)]
    apart = [a for a in strong if np.sum(np.abs(strong - a) < 2 * REACH) == 1]
    shift = 1 + velocity(exposure) / LIGHT_SPEED
    return np.array(apart) * shift, green / (LINE_SIGMA * np.sqrt(2 * np.pi))


def left_in_slices(path: Path) -> Iterator[Row]:
    """Yield what is left of bright lines in the slices, over the peak of 5577."""
    with fits.open(path, memmap=False) as units:
        header = units[0].header
        good = units["dq"].data[:, 0] == 0
        wavelength, data, origin = (
            units[name].data[:, 0][good] for name in ("lambda", "data", "origin")
        )
    lines, peak = bright_lines(header)
    place = origin.astype(np.uint32) & 0x7FF
    left = []
    for number in np.unique(place):
        chosen = place == number
        w, d = wavelength[chosen].astype(float), data[chosen].astype(float)
        column = (origin[chosen].astype(np.uint32) >> 24).astype(int)
        order = np.argsort(w)
        w, d, column = w[order], d[order], column[order]
        squares = [_excess(w, d, column, line) for line in lines]
        left.append(np.sqrt(max(float(np.mean(squares)), 0.0)) / peak)
    yield "lines", float(len(lines))
    yield "left in a slice, median", float(np.median(left))
    yield "left in a slice, 90 per cent", float(np.quantile(left, 0.9))
    yield "left in a slice, most", float(np.max(left))


def _excess(w: Floats, d: Floats, column: NDArray[np.int64], line: float) -> float:
    """Return the mean square of the residual profile of a line, less that of its noise."""
    first, last = np.searchsorted(w, [line - BESIDE[1], line + BESIDE[1]])
    offset, value, place = w[first:last] - line, d[first:last], column[first:last]
    beside = np.abs(offset) > BESIDE[0]
    level = np.full(128, np.nan)
    for k in np.unique(place):
        level[k] = np.median(value[beside & (place == k)])
    value = value - level[place]
    squares = []
    for start in np.arange(-REACH, REACH, BIN):
        inside = (offset >= start) & (offset < start + BIN)
        part = value[inside]
        if part.size < N_IN_BIN:
            continue
        middle = np.median(part)
        scatter = 1.4826 * np.median(np.abs(part - middle))
        kept = part[np.abs(part - middle) <= 5 * scatter]
        squares.append(kept.mean() ** 2 - kept.var() / kept.size)
    return float(np.mean(squares)) if squares else 0.0


def measures(folder: Path) -> Iterator[Row]:
    """Yield what a side's folder of muse_scipost tells."""
    yield from left_in_slices(folder / "PIXTABLE_REDUCED_0001.fits")
    cube = folder / "DATACUBE_FINAL.fits"
    if cube.exists():
        yield from sky_residual(read_cube(cube))


def run_model(folder: Path, side: str, raw: Path) -> None:
    """Run muse_scipost with ``skymethod=model`` on the frames of a side."""
    chain = {"own": "own"}.get(side, "genuine")
    frames = {**statics(), **raw_frames(raw)}
    for call in CHAIN:
        if call.label == "create_sky":
            break
        take_products(frames, folder / chain / call.label.replace(" ", "_"))
    call = next(call for call in CHAIN if call.label == "scipost")
    tags = (*call.raw, *(t for t in call.calibrations if t != "SKY_CONTINUUM"))
    sof = [
        (path, tag)
        for tag in tags
        for path in frames.get(tag, [])
        if tag not in call.raw or "_0001-" in path.name
    ]
    where = folder / side / "scipost_model"
    options = {"skymethod": "model", "filter": "white", "save": "cube,skymodel,individual"}
    if side != "genuine":
        run(call.recipe, sof, options, where)
        return
    where.mkdir(parents=True, exist_ok=True)
    listed = write_sof(where / "scipost.sof", sof)
    words = [f"--{name}={value}" for name, value in options.items()]
    command = ["esorex", f"--output-dir={where}", call.recipe, *words, str(listed)]
    subprocess.run(command, check=True, cwd=where, stdout=subprocess.DEVNULL)


def show(title: str, columns: dict[str, dict[str, float]]) -> None:
    """Print a table, one column a side."""
    print(f"{title:38s}" + "".join(f"{side:>10s}" for side in columns))
    for name in next(iter(columns.values()), ()):
        values = (column.get(name, np.nan) for column in columns.values())
        print(f"{name:38s}" + "".join(f"{value:10.4f}" for value in values))


def main() -> None:
    """Print fluxes of lines, then what is left of them by both methods."""
    warnings.filterwarnings("ignore", "Mean of empty slice|All-NaN", RuntimeWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--raw", type=Path, help="folder with simulated full-size frames")
    parser.add_argument("--model", action="store_true", help="run skymethod=model, too")
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    sides = [side for side in ("own", "ours", "genuine") if (folder / side).is_dir()]
    if options.model:
        for side in sides:
            run_model(folder, side, (options.raw or folder / "raw").resolve())
    name = "create_sky/SKY_LINES.fits"
    found = [side for side in sides if (folder / side / name).exists()]
    show("create_sky", {side: dict(line_fluxes(folder / side / name)) for side in found})
    for label, method in (("scipost", "subtract-model"), ("scipost_model", "model")):
        there = [side for side in sides if any((folder / side / label).glob("PIX*"))]
        show(f"\n{method}", {side: dict(measures(folder / side / label)) for side in there})


if __name__ == "__main__":
    main()
