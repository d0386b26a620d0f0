"""Cosmic rays while exposures are resampled: how many go, and what goes with them.

The simulator knows what every particle left in every pixel. From the reduced pixel tables
that ``benchmarks.dithers`` or ``benchmarks.crossing`` left (sky subtracted), three cubes
are made of one exposure (muse_scipost_make_cube) and of several (muse_exp_combine; the
fourth is rotated by 90 degrees): as they are by default; without rejection; without
rejection, but with all pixels flagged that a particle hit. ``--side genuine`` has them
made by the genuine pipeline, of its own pixel tables. A voxel is *hit* where the second is
more than 10 sigma above the third; the hit is *removed* where the first is nearer to the
third. A voxel that no particle reached is *lost* where the first is empty although the
others are not, *touched* where it differs. Voxels on stars are counted apart.
"""

import argparse
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.chain import write_sof
from benchmarks.crossing_night import crossing
from benchmarks.dithers import scene_of
from benchmarks.night import night
from benchmarks.scene import ExpectedScene
from pipeline.flags import Flag
from pipeline.instrument import SIZES, Size
from pipeline.runner import run
from pipeline.simulator.detector import add_cosmic_rays
from pipeline.spec import blocks

SIGMA = 10.0
"""Hits that must go [sigma of the voxel]."""
UNTOUCHED = 1e-3
"""A voxel was not reached by a particle if it changed by less [sigma]."""
TRACE_ELECTRONS = 0.5
"""What a particle left in a pixel that counts as hit."""
CORE = 0.5
"""Sources brighter than this part of the sky make a core of a star."""
SKY = 29.0
"""Brightness of the dark sky of the simulator at 7000 Angstrom [1e-20 erg/s/cm^2/A]."""
PLANES = 100
"""Planes of the cubes that are compared at once."""

Sof = list[tuple[Path, str]]
Options = Mapping[str, str]


@cache
def particles(size: Size, date: str, ifu: int) -> NDArray[np.float32]:
    """Return the electrons that particles left in an exposure, float32[ny, nx]."""
    known = (*night(size), *crossing(size))
    exposure = next(e for e in known if e.timestamp == date[:23])
    seed = np.array([exposure.seed, ifu, int(exposure.mjd * 86400)], np.uint64)
    rng = np.random.default_rng(seed)
    ny, _ = size.raw_shape
    rng.normal(0, 0.6, 4)  # the levels of the ports, as `Detector.expose` draws them
    rng.integers(1, 2**63, size=(4, ny, 2), dtype=np.uint64)
    electrons = np.zeros(size.shape, np.float32)
    add_cosmic_rays(electrons, exposure.exptime, rng)
    return electrons


def flag_hits(path: Path, size: Size) -> int:
    """Flag the pixels of a pixel table that particles hit; return their number."""
    with fits.open(path, mode="update", memmap=True) as units:
        header = units[0].header
        origin = units["ORIGIN"].data[:, 0].astype(np.uint32)
        label = (origin & 0x7FF).astype(np.int64)
        offsets = np.zeros(0x800, np.int64)
        for number in np.unique(label):
            prefix = f"ESO DRS MUSE PIXTABLE EXP0 IFU{number >> 6:02d}"
            offsets[number] = header[f"{prefix} SLICE{number & 0x3F:02d} XOFFSET"]
        x = (origin >> 24).astype(np.int64) + offsets[label] - 1
        y = ((origin >> 11) & 0x1FFF).astype(np.int64) - 1
        hit = np.zeros(len(label), np.bool_)
        for ifu in np.unique(label >> 6):
            own = label >> 6 == ifu
            left = particles(size, header["DATE-OBS"], int(ifu))
            hit[own] = left[y[own], x[own]] > TRACE_ELECTRONS
        units["DQ"].data[hit, 0] |= int(Flag.COSMIC_RAY)
        return int(hit.sum())


def own(recipe: str, sof: Sof, options: Options, where: Path) -> None:
    """Run our recipe."""
    run(recipe, sof, options, where)


def genuine(recipe: str, sof: Sof, options: Options, where: Path) -> None:
    """Run the genuine recipe."""
    where.mkdir(parents=True)
    listed = write_sof(where / "frames.sof", sof)
    words = [f"--{name}={value}" for name, value in options.items()]
    command = ["esorex", f"--output-dir={where}", recipe, *words, str(listed)]
    subprocess.run(command, check=True, cwd=where, stdout=subprocess.DEVNULL)


SIDES = {"own": own, "genuine": genuine}


def cubes(
    tables: Sequence[Path],
    offsets: Sequence[Path],
    size: Size,
    folder: Path,
    limits: tuple[float, float],
    side: str = "own",
) -> Iterator[Path]:
    """Make the three cubes: default, without rejection, with flags of the truth."""
    recipe, tag = "muse_exp_combine", "PIXTABLE_REDUCED"
    if len(tables) == 1:
        recipe, tag = "muse_scipost_make_cube", "PIXTABLE_OBJECT"
        offsets = ()
    options = {"lambdamin": str(limits[0]), "lambdamax": str(limits[1])}
    shutil.rmtree(folder, ignore_errors=True)
    flagged = folder / "flagged"
    flagged.mkdir(parents=True)
    for name, extra in (
        ("default", {}),
        ("all", {"crsigma": "-1"}),
        ("truth", {"crsigma": "-1"}),
    ):
        found = list(tables)
        if name == "truth":
            found = [Path(shutil.copy(p, flagged / p.parent.name)) for p in tables]
            n_hits = sum(flag_hits(path, size) for path in found)
            print(f"{n_hits} pixels hit in {len(tables)} exposures", flush=True)
        sof = [(p, tag) for p in found] + [(p, "OFFSET_LIST") for p in offsets]
        SIDES[side](recipe, sof, {**options, **extra}, folder / name)
        yield folder / name / "DATACUBE_FINAL.fits"
    shutil.rmtree(flagged)


def judge(default: Path, everything: Path, truth: Path) -> Iterator[tuple[str, float]]:
    """Yield the fractions, for blank voxels and for the cores of stars."""
    core = cores(scene_of(truth))
    paths = (default, everything, truth)
    n_planes = fits.getheader(truth, "DATA")["NAXIS3"]
    found = [counts([_planes(p, b) for p in paths], core) for b in blocks(n_planes, PLANES)]
    table: NDArray[np.int64] = np.array(found, np.int64).sum(axis=0)
    for name, row in zip(("blank", "cores of stars"), table, strict=True):
        hit, removed, clean, lost, touched = (int(n) for n in row)
        yield f"{name}: voxels hit", float(hit)
        yield f"{name}: of these removed [%]", 100 * removed / max(hit, 1)
        yield f"{name}: good voxels", float(clean)
        yield f"{name}: of these lost [%]", 100 * lost / max(clean, 1)
        yield f"{name}: of these touched [%]", 100 * touched / max(clean, 1)


def _planes(path: Path, planes: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return data and variance of some planes of a cube, float32[n, ny, nx]."""
    with fits.open(path, memmap=True) as units:
        data, stat = (units[name].section[planes] for name in ("DATA", "STAT"))
    return data.astype(np.float32), stat.astype(np.float32)


def counts(
    cubes: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
    core: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return numbers of voxels hit and removed, good, lost and touched, int64[2, 5].

    ``cubes``: data and variance by default, without rejection, with the flags of the
    truth; the second row is for ``core``, bool[ny, nx].
    """
    (one, _), (two, _), (three, stat) = cubes
    sigma = np.sqrt(stat)
    seen = np.isfinite(two) & np.isfinite(three)
    excess = (two - three) / sigma
    gone = ~np.isfinite(one)
    closer = np.abs(one - three) < np.abs(one - two)
    differs = ~gone & (np.abs(one - three) > UNTOUCHED * sigma)
    table = []
    for where in (seen & ~core, seen & core):
        hit = where & (excess > SIGMA)
        clean = where & (np.abs(excess) < UNTOUCHED)
        kinds = (hit, hit & (closer | gone), clean, clean & gone, clean & differs)
        table.append([np.count_nonzero(kind) for kind in kinds])
    return np.array(table)


def cores(scene: ExpectedScene) -> NDArray[np.bool_]:
    """Return where sources are bright against the sky, bool[ny, nx]."""
    return np.asarray(scene.total(np.array([7000.0])) > CORE * SKY)


def main() -> None:
    """Print the fractions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dithers", type=Path, default=Path("build/dithers"))
    parser.add_argument("--folder", type=Path, default=Path("build/cosmic_rays"))
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--limits", type=float, nargs=2, default=(4000.0, 10000.0))
    parser.add_argument("--exposures", type=int, nargs="+", default=(1, 3))
    parser.add_argument("--side", choices=SIDES, default="own")
    options = parser.parse_args()
    size = SIZES[options.size]
    reduced = options.dithers.resolve() / options.side
    tables = sorted(reduced.glob("dither_*/PIXTABLE_REDUCED_0001.fits"))
    offsets = sorted(reduced.glob("exp_align/OFFSET_LIST*.fits"))
    for n in options.exposures:
        folder = options.folder.resolve()
        found = cubes(tables[:n], offsets, size, folder, options.limits, options.side)
        print(f"{n} exposure(s)")
        for name, value in judge(*found):
            print(f"  {name:40s}{value:12.4f}")
    shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
