"""How fast pixels become voxels on one core, and what bounds it.

``python -m benchmarks.cube_kernels`` places the pixels of one, two and four exposures of
two IFUs (tables of the genuine muse_scibasic) in slabs of 64 planes and times the
kernels: finding the order of cells, taking pixels in it, rejection of cosmic rays (median,
15 sigma), and each method. As a yardstick it copies as many bytes as the kernels
must read of each pixel.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.algorithms.astrometry import default_solution
from pipeline.algorithms.cells import Gathered, Room, SortedPixels
from pipeline.algorithms.exposure import merge
from pipeline.algorithms.grid import natural_grid
from pipeline.algorithms.positions import tangent_point
from pipeline.algorithms.reduced import place_exposure
from pipeline.algorithms.resample import (
    METHODS,
    Adder,
    PlacedExposure,
    Resampling,
    Slab,
)
from pipeline.formats.pixtable import open_pixtable
from pipeline.kernels.reject import flag_outliers
from pipeline.kernels.spread import MEDIAN
from pipeline.parallel import keep_freed_memory

PLANES = 64
HALO = 2
LIMITS = (4000.0, 10000.0)
BYTES = 24
"""Of a sorted pixel: place, value, variance, slice."""
REPEATS = 3


def exposures(folder: Path, n: int) -> list[PlacedExposure]:
    """Return the first exposures, each of all its IFUs."""
    placed = []
    for number in range(1, n + 1):
        paths = sorted(folder.glob(f"PIXTABLE_OBJECT_{number:04d}-*.fits"))
        pixels = merge([open_pixtable(path, "PIXTABLE_OBJECT") for path in paths])
        header = pixels.header
        solution, tangent = default_solution(header), tangent_point(header, None)
        one = place_exposure(pixels, (), solution, tangent, 1.0, LIMITS, {})
        placed.append(one.placed())
    return placed


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of a call, the shortest of some; the first one compiles."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def report(name: str, n_pixels: int, spent: float) -> None:
    """Print one line."""
    print(f"  {name:22s} {n_pixels / spent / 1e6:8.2f} {1e9 * spent / n_pixels:8.1f}")


def measure(placed: Sequence[PlacedExposure], first: int) -> None:
    """Print the rates for one slab, whose first plane is given."""
    tangent = placed[0].tangent
    extent = placed[0].extent(tangent)
    for one in placed[1:]:
        extent = extent | one.extent(tangent)
    grid = natural_grid(extent, tangent, (0.2, 0.2), 1.25)
    rows = slice(first + HALO, first + HALO + PLANES)
    cells = slice(first, rows.stop + HALO)
    edges = grid.wavelength(np.array([cells.start - 0.51, cells.stop - 0.49])).tolist()
    parts = [one.place(grid, *edges) for one in placed]
    field, room = (grid.shape[1], grid.shape[2]), Room()
    shape, none = (cells.stop - cells.start, *field), SortedPixels.none(first, field)

    def order() -> Gathered:
        return Gathered.of(parts, len(parts), shape, first, room)

    def take() -> SortedPixels:
        return gathered.sorted_behind(none, cells, room)

    gathered = order()
    pixels = take()
    n = len(pixels.slit)
    print(f"{len(placed)} exposures, {grid.shape[2]} x {grid.shape[1]}, {n} pixels")
    total = 0.0
    for name, work in (("order", order), ("take", take)):
        spent = seconds(work)
        report(name, n, spent)
        total += spent
    judged = (1, pixels.shape[0] - 1)

    def reject() -> np.ndarray:
        cells = pixels.start, pixels.light, pixels.slit
        return flag_outliers(*cells, judged, pixels.shape, MEDIAN, 15.0)

    spent = seconds(reject)
    report("reject", n, spent)
    total += spent
    pixels.rejected[:] = reject()

    def resample(settings: Resampling) -> None:
        slab = Slab.empty(rows, field, len(placed))
        Adder.of(placed, grid, settings, slab).add(pixels, cells)

    for method in METHODS:
        settings = Resampling(method, (0.8, 0.8, 1.0), 1, "median", 15.0)
        spent = seconds(partial(resample, settings))
        report(method, n, spent)
        if method == "drizzle":
            report("all with drizzle", n, total + spent)
    source = np.empty(BYTES * n // 8)
    target = np.empty_like(source)
    report("copy of its bytes", n, seconds(lambda: np.copyto(target, source)))


def main() -> None:
    """Print the rates of one core."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--plane", type=int, default=800, help="first plane of the slab")
    chosen = parser.parse_args()
    keep_freed_memory()
    print(f"{'':24s} {'Mpix/s':>8s} {'ns/pix':>8s}")
    for n in (1, 2, 4):
        folder = chosen.folder / "genuine" / "scibasic_object"
        measure(exposures(folder, n), chosen.plane)


if __name__ == "__main__":
    main()
