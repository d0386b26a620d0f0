"""Cosmic rays while exposures are resampled: how many go, and what goes with them.

The simulator knows what every particle left in every pixel. From the pixel tables that
``benchmarks.dithers`` left (our chain), muse_scipost makes three cubes of a part of the
spectrum, of one exposure and of all: as it is by default; without rejection; without
rejection, but with all pixels flagged that a particle hit. A voxel is *hit* where the
second is more than 10 sigma above the third; the hit is *removed* where the first is
nearer to the third. A voxel that no particle reached is *lost* where the first is empty
although the others are not, *touched* where it differs. Voxels on stars are counted apart.
"""

import argparse
import shutil
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.chain import Call
from benchmarks.night import night
from benchmarks.reduction import CALLS, Reduction
from benchmarks.scene import ExpectedScene
from benchmarks.science import read_cube
from pipeline.flags import Flag
from pipeline.instrument import SIZES, Size
from pipeline.simulator.detector import add_cosmic_rays

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


@cache
def particles(size: Size, date: str, ifu: int) -> NDArray[np.float32]:
    """Return the electrons that particles left in an exposure, float32[ny, nx]."""
    exposure = next(e for e in night(size) if e.timestamp == date[:23])
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
        ifu = int((origin[0] >> 6) & 0x1F)
        prefix = f"ESO DRS MUSE PIXTABLE EXP0 IFU{ifu:02d} SLICE"
        offsets = np.zeros(64, np.int64)
        for number in np.unique(origin & 0x3F):
            offsets[number] = header[f"{prefix}{number:02d} XOFFSET"]
        x = (origin >> 24).astype(np.int64) + offsets[origin & 0x3F] - 1
        y = ((origin >> 11) & 0x1FFF).astype(np.int64) - 1
        hit = particles(size, header["DATE-OBS"], ifu)[y, x] > TRACE_ELECTRONS
        units["DQ"].data[hit, 0] |= int(Flag.COSMIC_RAY)
        return int(hit.sum())


def cubes(
    reduction: Reduction,
    tables: Sequence[Path],
    size: Size,
    folder: Path,
    limits: tuple[float, float],
) -> Iterator[Path]:
    """Make the three cubes: default, without rejection, with flags of the truth."""
    shutil.rmtree(folder, ignore_errors=True)
    flagged = folder / "flagged"
    flagged.mkdir(parents=True)
    marked = [Path(shutil.copy(path, flagged)) for path in tables]
    n_hits = sum(flag_hits(path, size) for path in marked)
    print(f"{n_hits} pixels hit in {len(tables)} pixel tables", flush=True)
    options = {"skymethod": "none", "save": "cube"}
    options |= {"lambdamin": str(limits[0]), "lambdamax": str(limits[1])}
    call: Call = CALLS["scipost"]
    for name, found, extra in (
        ("default", tables, {}),
        ("all", tables, {"crsigma": "-1"}),
        ("truth", marked, {"crsigma": "-1"}),
    ):
        given = {"PIXTABLE_OBJECT": list(found)}
        reduction.call(call, folder / name, given, **options, **extra)
        yield folder / name / "DATACUBE_FINAL.fits"
    shutil.rmtree(flagged)


def judge(default: Path, everything: Path, truth: Path) -> Iterator[tuple[str, float]]:
    """Yield the fractions, for blank voxels and for the cores of stars."""
    one, two, three = (read_cube(path) for path in (default, everything, truth))
    sigma = np.sqrt(three.stat)
    seen = np.isfinite(two.data) & np.isfinite(three.data)
    excess = (two.data - three.data) / sigma
    gone = ~np.isfinite(one.data)
    closer = np.abs(one.data - three.data) < np.abs(one.data - two.data)
    core = np.broadcast_to(cores(three.scene), seen.shape)
    for name, where in (("blank", seen & ~core), ("cores of stars", seen & core)):
        hit = where & (excess > SIGMA)
        clean = where & (np.abs(excess) < UNTOUCHED)
        touched = clean & ~gone & (np.abs(one.data - three.data) > UNTOUCHED * sigma)
        yield f"{name}: voxels hit", float(hit.sum())
        yield (
            f"{name}: of these removed [%]",
            100 * float((hit & (closer | gone)).sum()) / (max(hit.sum(), 1)),
        )
        yield f"{name}: good voxels", float(clean.sum())
        yield f"{name}: of these lost [%]", 100 * float((clean & gone).sum() / clean.sum())
        yield f"{name}: of these touched [%]", 100 * float(touched.sum() / clean.sum())


def cores(scene: ExpectedScene) -> NDArray[np.bool_]:
    """Return where sources are bright against the sky, bool[ny, nx]."""
    return np.asarray(scene.total(np.array([7000.0])) > CORE * SKY)


def main() -> None:
    """Print the fractions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dithers", type=Path, default=Path("build/dithers"))
    parser.add_argument("--raw", type=Path, default=Path("build/bench/raw"))
    parser.add_argument("--folder", type=Path, default=Path("build/cosmic_rays"))
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--limits", type=float, nargs=2, default=(6600.0, 6900.0))
    parser.add_argument("--exposures", type=int, nargs="+", default=(1, 4))
    options = parser.parse_args()
    size = SIZES[options.size]
    reduction = Reduction(
        options.raw.resolve(), options.dithers.resolve() / "own", options.size
    )
    reduction.calibrate(("standard", "scibasic object"))
    tables = sorted(reduction.frames["PIXTABLE_OBJECT"])
    for n in options.exposures:
        wanted = [p for p in tables if int(p.name.split("_")[2].split("-")[0]) <= n]
        found = cubes(reduction, wanted, size, options.folder.resolve(), options.limits)
        print(f"{n} exposure(s)")
        for name, value in judge(*found):
            print(f"  {name:40s}{value:12.4f}")
    shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
