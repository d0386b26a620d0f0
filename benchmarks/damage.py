"""Raw frames with something wrong: copies of the good ones of the benchmark's night."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from benchmarks.night import calibrations
from pipeline.formats.raw_writer import write_raw
from pipeline.instrument import FULL
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.frames import raw_counts
from pipeline.simulator.optics import optics

Counts = NDArray[np.int64]
Damage = Callable[[Sequence[Path], Path, int], list[Path]]
"""Turns raw frames into damaged ones of an IFU, whose copies go to a folder."""

PORT = 2
"""The port that fails."""
SHIFT = 150
"""Error of an overscan [adu]."""
HOT_PART, HOT = 0.01, 30000
"""Part of the pixels that are hot, and what they add [adu]."""
LOST = 1
"""The slice that lies over the edge of the detector ..."""
OVER = 0.6
"""... and the part of it that does."""
TIMES = 20
"""How much too long arcs are exposed."""
LAMP = "Xe"
"""The arc lamp that fails."""


def shift_overscan(counts: Counts, _ifu: int) -> None:
    """Raise the overscans of all ports, not the light-sensitive pixels."""
    for port in FULL.quadrants():
        counts[port.raw_y, port.over_x] += SHIFT
        counts[port.over_y, port.raw_x] += SHIFT


def dead_port(counts: Counts, _ifu: int) -> None:
    """Let one port read zeros."""
    port = FULL.quadrants()[PORT - 1]
    counts[port.raw_y, port.raw_x] = 0


def dark_port(counts: Counts, _ifu: int) -> None:
    """Let one port show its level and noise alone."""
    port = FULL.quadrants()[PORT - 1]
    there = counts[port.raw_y, port.raw_x]
    repeats = -(-there.shape[1] // FULL.scan)
    there[...] = np.tile(counts[port.raw_y, port.over_x], repeats)[:, : there.shape[1]]


def hot_places() -> NDArray[np.bool_]:
    """Return which pixels of a trimmed image are hot, bool[ny, nx]."""
    return np.random.default_rng(20121012).random(FULL.shape) < HOT_PART


def heat_pixels(counts: Counts, _ifu: int) -> None:
    """Make one pixel in a hundred hot, the same in all exposures."""
    hot = hot_places()
    for port in FULL.quadrants():
        counts[port.raw_y, port.raw_x] += HOT * hot[port.trim_y, port.trim_x]


def push_slice(counts: Counts, ifu: int) -> None:
    """Push a slice over the left edge of the detector; dark columns fill its place."""
    truth, number = optics(FULL, ifu), LOST - 1
    gap = (truth.right[number].max() + truth.left[number + 1].min()) / 2
    width = float((truth.right[number] - truth.left[number]).mean())
    step = int(truth.left[number].min() + OVER * width)
    part = counts[:, FULL.scan : FULL.scan + int(gap)]
    dark = part[:, -1:].copy()
    part[:, :-step] = part[:, step:].copy()
    part[:, -step:] = dark


def change_counts(
    change: Callable[[Counts, int], None], chosen: slice = slice(None)
) -> Damage:
    """Return what changes the raw counts [adu] of the chosen exposures, in place."""
    return partial(_changed, change=change, chosen=chosen)


def _changed(
    paths: Sequence[Path],
    folder: Path,
    ifu: int,
    *,
    change: Callable[[Counts, int], None],
    chosen: slice,
) -> list[Path]:
    found = list(paths)
    for k in range(*chosen.indices(len(found))):
        with fits.open(found[k], memmap=False) as units:
            counts = units[f"CHAN{ifu:02d}"].data.astype(np.int64)
        change(counts, ifu)
        whole = np.clip(counts, 0, 65535).astype(np.uint16)
        found[k] = _copy(found[k], folder, ifu, whole)
    return found


def of_one_ifu(paths: Sequence[Path], folder: Path, ifu: int) -> list[Path]:
    """Return copies that hold one IFU alone."""
    return _changed(paths, folder, ifu, change=_nothing, chosen=slice(None))


def _nothing(_counts: Counts, _ifu: int) -> None:
    """Change nothing."""


def unchanged(paths: Sequence[Path], _folder: Path, _ifu: int) -> list[Path]:
    """Return the exposures as they are."""
    return list(paths)


def lamp_missing(paths: Sequence[Path], _folder: Path, _ifu: int) -> list[Path]:
    """Return arcs without those of one lamp."""
    arcs = _arcs()
    return [path for path in paths if arcs[path.name].lamp != LAMP]


def lamp_out(paths: Sequence[Path], folder: Path, ifu: int) -> list[Path]:
    """Return arcs of which those of one lamp have no light."""
    arcs = _arcs()
    return [
        _simulated(path, folder, ifu, replace(arcs[path.name], dark_lamp=True))
        if arcs[path.name].lamp == LAMP
        else path
        for path in paths
    ]


def over_exposed(paths: Sequence[Path], folder: Path, ifu: int) -> list[Path]:
    """Return arcs exposed far too long."""
    arcs = [(path, _arcs()[path.name]) for path in paths]
    return [
        _simulated(path, folder, ifu, replace(arc, exptime=TIMES * arc.exptime))
        for path, arc in arcs
    ]


def _arcs() -> Mapping[str, Exposure]:
    """Return the arcs of the night by the names of their files."""
    return {arc.file_name: arc for arc in calibrations() if arc.kind == "ARC"}


def _simulated(path: Path, folder: Path, ifu: int, exposure: Exposure) -> Path:
    """Write one IFU of an exposure that differs from the one in a file."""
    counts = raw_counts(exposure, FULL, ifu)
    return _copy(path, folder, ifu, counts, EXPTIME=exposure.exptime)


def _copy(
    path: Path, folder: Path, ifu: int, counts: NDArray[np.uint16], **keywords: float
) -> Path:
    """Write one IFU of a raw frame with other counts and keywords."""
    with fits.open(path) as units:
        primary, own = units[0].header.copy(), units[f"CHAN{ifu:02d}"].header.copy()
    primary.update(keywords)
    folder.mkdir(parents=True, exist_ok=True)
    write_raw(folder / path.name, primary, {ifu: (counts, own)})
    return folder / path.name
