"""How far the calibrations of one IFU are from the simulator's truth, at their worst.

The limits say from where on a product counts as wrong. They are ours: some times what a
good one shows, and small against what the next recipe needs (a tenth of a pixel).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.accuracy import EDGE, polynomial, read_noise, rows_of
from benchmarks.line_spread import line_spread
from benchmarks.pixels import twilight
from pipeline.instrument import FULL
from pipeline.simulator.detector import DARK_CURRENT
from pipeline.simulator.optics import optics

Floats = NDArray[np.float64]
BLOCK = 64
"""Side of the blocks in which images are averaged [pix]."""


class Deviation(NamedTuple):
    """The worst deviation of a product, in ``unit``, and the ``limit`` for it."""

    name: str
    value: float
    limit: float
    unit: str = ""


Judge = Callable[[Path, int], Iterator["Deviation"]]
"""Judges the products of an IFU in ``folder/<call>``, as `benchmarks.accuracy` does."""


def _blocks(path: Path) -> Floats:
    """Return the medians of the good pixels of an image in blocks; of most bad, none."""
    with fits.open(path, memmap=False) as units:
        data = np.where(units["DQ"].data == 0, units["DATA"].data, np.nan)
    ny, nx = (n // BLOCK for n in data.shape)
    parts = data[: ny * BLOCK, : nx * BLOCK].reshape(ny, BLOCK, nx, BLOCK)
    flat = parts.transpose(0, 2, 1, 3).reshape(ny * nx, BLOCK * BLOCK)
    whole = np.isfinite(flat).mean(axis=1) > 0.5
    return np.asarray(np.nanmedian(flat[whole], axis=1), np.float64)


def bias(folder: Path, ifu: int) -> Iterator[Deviation]:
    """Yield the level of a master bias, which is 0, and its read-out noise."""
    level = _blocks(folder / "bias" / f"MASTER_BIAS-{ifu:02d}.fits")
    yield Deviation("level", float(np.abs(level).max()), 0.5, "adu")
    noise = dict(read_noise(folder, ifu))["RON over truth, worst port - 1"]
    yield Deviation("RON", noise, 0.01)


def dark(folder: Path, ifu: int) -> Iterator[Deviation]:
    """Yield the dark current of normal pixels."""
    current = _blocks(folder / "dark" / f"MASTER_DARK-{ifu:02d}.fits")
    worst = float(np.abs(current - 3600 * DARK_CURRENT).max())
    yield Deviation("current", worst, 1.0, "count/h")


def flat(folder: Path, ifu: int) -> Iterator[Deviation]:
    """Yield the edges of the worst slice of those that were traced."""
    true = optics(FULL, ifu)
    rests = []
    for s, row in enumerate(fits.getdata(folder / "flat" / f"TRACE_TABLE-{ifu:02d}.fits")):
        y = rows_of(true, s)
        for prefix, edge in (("tc1", true.left), ("tc2", true.right)):
            rest = polynomial(row, prefix, (y + 1).astype(np.float64)) - edge[s, y]
            rests.append(np.sqrt(np.mean(rest**2)))
    yield from _of_slices("edges", np.array(rests).reshape(-1, 2).max(axis=1), 0.1, "pix")


def wavecal(folder: Path, ifu: int) -> Iterator[Deviation]:
    """Yield the farthest wavelength of the slices that have any."""
    true, path = optics(FULL, ifu), folder / "wavecal" / f"WAVECAL_TABLE-{ifu:02d}.fits"
    rests = []
    for s, row in enumerate(fits.getdata(path)):
        y = np.repeat(rows_of(true, s)[::50] + 1, 5)
        left, right = true.left[s, y - 1], true.right[s, y - 1]
        x = left + np.resize(np.linspace(0.05, 0.95, 5), len(y)) * (right - left)
        table = np.array([[row[f"wlc{i}{j}"] for j in range(7)] for i in range(3)])
        found = np.polynomial.polynomial.polyval2d(x, y.astype(float), table)
        rests.append(np.abs(found - true.wavelength(s + 1, x, y)).max())
    yield from _of_slices("wavelength", np.array(rests), 0.1, "A")


def _of_slices(name: str, rests: Floats, limit: float, unit: str) -> Iterator[Deviation]:
    """Yield the worst slice of those that are there, and how many are not."""
    yield Deviation(name, float(np.nanmax(rests)), limit, unit)
    yield Deviation("slices left out", int(np.isnan(rests).sum()), FULL.n_slices / 4)


def lsf(folder: Path, ifu: int) -> Iterator[Deviation]:
    """Yield the farthest width of the line spread function."""
    worst = dict(line_spread(folder, ifu))["LSF FWHM worst [A]"]
    yield Deviation("FWHM", worst, 0.05, "A")


def sky(folder: Path, ifu: int) -> Iterator[Deviation]:
    """Yield how far twilight and lamp differ from slice to slice."""
    rms = dict(twilight(folder, ifu))["twilight, slice to slice rms"]
    yield Deviation("slice to slice", rms, 0.005)


def hot_pixels(path: Path, hot: NDArray[np.bool_], ifu: int) -> Deviation:
    """Return which part of the hot pixels inside the slices an image does not flag."""
    true = optics(FULL, ifu)
    x = np.arange(1, FULL.shape[1] + 1)
    inside = np.zeros(FULL.shape, bool)
    for left, right in zip(true.left, true.right, strict=True):
        inside |= (x > left[:, None] + EDGE) & (x < right[:, None] - EDGE)
    with fits.open(path) as units:
        good = units["DQ"].data == 0
    return Deviation("hot not flagged", float(good[hot & inside].mean()), 0.01)


JUDGES: Mapping[str, Judge] = {
    "bias": bias,
    "dark": dark,
    "flat": flat,
    "wavecal": wavecal,
    "lsf": lsf,
    "twilight": sky,
}
"""By call."""
