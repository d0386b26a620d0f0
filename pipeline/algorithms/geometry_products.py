"""What muse_geometry writes about spots and slices: tables and QC."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.mask_sequence import MaskSequence
from pipeline.algorithms.passages import Passages
from pipeline.algorithms.slice_places import Places
from pipeline.algorithms.smooth_places import QC_NAMES
from pipeline.algorithms.spots import Spots
from pipeline.instrument import Size
from pipeline.spec import QC, Table, Value

Floats = NDArray[np.float64]

BRIGHT = 1000.0
"""Spots fainter than this do not count in the QC of widths [count] (genuine pipeline)."""

SPOT_UNITS = {
    "POSPOS2": "mm",
    "POSPOS3": "mm",
    "POSPOS4": "mm",
    "VPOS": "mm",
    "ScaleFOV": "arcsec/mm",
    "lambda": "Angstrom",
    "xc": "pix",
    "yc": "pix",
    "xfwhm": "pix",
    "yfwhm": "pix",
    "dxcen": "pix",
    "twidth": "pix",
}
GEOMETRY_UNITS = {
    "x": "pix",
    "y": "pix",
    "angle": "deg",
    "width": "pix",
    "xerr": "pix",
    "yerr": "pix",
    "angleerr": "deg",
    "widtherr": "pix",
}


def declared_qc() -> Iterator[QC]:
    """Yield the declarations of the QC keywords of muse_geometry."""
    spots, tables = "SPOTS_TABLE", ("GEOMETRY_UNSMOOTHED", "GEOMETRY_TABLE")
    for key, text in (("MEAN", "Mean"), ("MEDIAN", "Median"), ("STDEV", "Scatter")):
        about = f"{text} FWHM of bright spots in exposure #."
        yield QC(f"QC GEO EXP# FWHM {key}", spots, "pix", about, True)
    yield QC("QC GEO FWHM MEAN", spots, "pix", "Mean of the mean FWHM.", True)
    yield QC("QC GEO FWHM STDEV", spots, "pix", "Scatter of the mean FWHM.", True)
    for tag in tables:
        yield QC("QC GEO IFU# ANGLE", tag, "deg", "Median angle of the slices of IFU #.")
        yield QC("QC GEO IFU# WLEN#", tag, "Angstrom", "Wavelength of line #.")
        for key, text in (("MEAN", "Mean"), ("MEDIAN", "Median"), ("STDEV", "Scatter")):
            about = f"{text} integrated flux of the spots of line #."
            yield QC(f"QC GEO IFU# WLEN# FLUX {key}", tag, "count", about, True)
        yield QC("QC GEO IFU# GAPPOS MEAN", tag, "pix", "Mean central gap of IFU #.", True)
        yield QC("QC GEO GAPPOS MEAN", tag, "pix", "Mean of the central gaps.", True)
        yield QC("QC GEO GAPPOS STDEV", tag, "pix", "Scatter of these gaps.", True)
        yield QC("QC GEO MASK ANGLE", tag, "deg", "Median angle of all slices.")
        yield QC("QC GEO TABLE NBAD", tag, "", "Values that could not be measured.")
    for name, key in QC_NAMES.items():
        about = f"Values of {name} that smoothing changed; -1 without smoothing."
        yield QC(f"QC GEO SMOOTH {key}", tables[1], "", about)


def spots_table(
    spots: Spots, sequence: MaskSequence, slices: SliceMap, names: Sequence[str]
) -> Table:
    """Return the SPOTS_TABLE of one IFU (manual, A.3.11).

    Sorted by wavelength, slice, spot and height of the mask. ``names``: of the raw files.
    """
    order = sequence.order
    there = np.isfinite(spots.flux[order]).transpose(1, 2, 3, 0)
    line, s, spot, position = np.nonzero(there)
    image = order[position]
    at = (image, line, s, spot)
    yc, xc = spots.y[at], spots.x[at]
    left, right = _edges_at(slices, s, yc)
    columns: dict[str, NDArray[Any]] = {
        "filename": np.array(names)[image],
        "image": (image + 1).astype(np.int32),
    }
    for k, drive in enumerate((2, 3, 4)):
        columns[f"POSENC{drive}"] = sequence.encoder[image, k]
        columns[f"POSPOS{drive}"] = sequence.position[image, k]
    columns |= {
        "VPOS": sequence.height[image],
        "ScaleFOV": np.full(len(image), sequence.scale),
        "SubField": np.full(len(image), slices.ifu, np.int32),
        "SliceCCD": slices.numbers[s].astype(np.int32),
        "lambda": spots.lines[line],
        "SpotNo": (spot + 1).astype(np.int32),
        "xc": xc,
        "yc": yc,
        "xfwhm": spots.x_fwhm[at],
        "yfwhm": spots.y_fwhm[at],
        "flux": spots.flux[at],
        "bg": spots.level[at],
        "dxcen": xc - (left + right) / 2,
        "twidth": right - left,
    }
    return Table(columns, SPOT_UNITS)


def _edges_at(
    slices: SliceMap, s: NDArray[np.int64], rows: Floats
) -> tuple[Floats, Floats]:
    """Return the edges of slices ``s`` at rows, both [n]."""
    powers = rows[:, None] ** np.arange(slices.left.shape[1])
    left, right = ((powers * e[s]).sum(axis=1) for e in (slices.left, slices.right))
    return left, right


def width_qc(spots: Spots) -> Iterator[tuple[str, float]]:
    """Yield the QC GEO keywords of the widths of bright spots, exposure by exposure."""
    means = []
    for k in range(len(spots.flux)):
        bright = (spots.x_fwhm[k] > 0) & (spots.y_fwhm[k] > 0) & (spots.flux[k] > BRIGHT)
        widths = (spots.x_fwhm[k][bright] + spots.y_fwhm[k][bright]) / 2
        if len(widths) > 1:
            means.append(float(widths.mean()))
            yield f"EXP{k + 1} FWHM MEAN", means[-1]
            yield f"EXP{k + 1} FWHM MEDIAN", float(np.median(widths))
            yield f"EXP{k + 1} FWHM STDEV", float(widths.std(ddof=1))
    if len(means) > 1:
        yield "FWHM MEAN", float(np.mean(means))
        yield "FWHM STDEV", float(np.std(means, ddof=1))


def ifu_qc(
    passages: Passages, places: Places, lines: Floats
) -> Iterator[tuple[str, float]]:
    """Yield the QC GEO keywords of one IFU."""
    name = f"IFU{places.ifu[0]}"
    if np.isfinite(places.angle).any():
        yield f"{name} ANGLE", float(np.nanmedian(places.angle))
    for k, wavelength in enumerate(lines):
        flux = passages.flux[passages.line == k]
        yield f"{name} WLEN{k + 1}", float(wavelength)
        if len(flux) > 1:
            yield f"{name} WLEN{k + 1} FLUX MEAN", float(flux.mean())
            yield f"{name} WLEN{k + 1} FLUX MEDIAN", float(np.median(flux))
            yield f"{name} WLEN{k + 1} FLUX STDEV", float(flux.std(ddof=1))


def global_qc(places: Places, size: Size) -> Iterator[tuple[str, Value]]:
    """Yield the QC GEO keywords of the whole table: central gaps, angle, missing values."""
    n, half = size.slices_per_stack, size.n_stacks // 2
    gaps = []
    for ifu in np.unique(places.ifu):
        of_ifu = {int(sky): k for k, sky in enumerate(places.sky) if places.ifu[k] == ifu}
        middle = [
            _gap(places, of_ifu[sky], of_ifu[sky + n])
            for sky in range(n * (half - 1) + 1, n * half + 1)
            if sky in of_ifu and sky + n in of_ifu
        ]
        found = [gap for gap in middle if np.isfinite(gap)]
        if found:
            gaps.append(float(np.mean(found)))
            yield f"IFU{ifu} GAPPOS MEAN", gaps[-1]
    if gaps:
        yield "GAPPOS MEAN", float(np.mean(gaps))
    if len(gaps) > 1:
        yield "GAPPOS STDEV", float(np.std(gaps, ddof=1))
    yield "MASK ANGLE", float(np.nanmedian(places.angle))
    values = (places.x, places.y, places.angle, places.width)
    yield "TABLE NBAD", int(sum((~np.isfinite(v)).sum() for v in values))


def _gap(places: Places, left: int, right: int) -> float:
    """Return the middle of the gap between two slices [pix]."""
    from_left = places.x[left] + places.width[left] / 2
    return float((from_left + places.x[right] - places.width[right] / 2) / 2)


def geometry_table(places: Places) -> Table:
    """Return the GEOMETRY_TABLE (manual, A.3.10), sorted by IFU and sky slice.

    Slices that were not measured have no place, and width and angle 0.
    """
    order = np.lexsort((places.sky, places.ifu))
    p = places.take(order)
    columns: dict[str, NDArray[Any]] = {
        "SubField": p.ifu.astype(np.int32),
        "SliceCCD": p.ccd.astype(np.int32),
        "SliceSky": p.sky.astype(np.int32),
        "x": p.x,
        "y": p.y,
        "angle": np.nan_to_num(p.angle),
        "width": np.nan_to_num(p.width),
        "xerr": p.x_error,
        "yerr": p.y_error,
        "angleerr": p.angle_error,
        "widtherr": p.width_error,
    }
    return Table(columns, GEOMETRY_UNITS)
