"""Where the pixels of one IFU look: trace, wavelength and geometry tables as arrays."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.trace_products import report_lost
from pipeline.spec import BadInput, TableFrame

ORIGIN_MARGIN = 20
"""Columns between the left edge of a slice in row 1 and the zero point of ``origin``
[pix], so that no pixel of a tilted slice lies left of it (genuine pipeline)."""


@dataclass(frozen=True)
class SliceMap:
    """Polynomials and places of the slices of one IFU.

    Parameters
    ----------
    ifu
        Number of the IFU.
    shape
        Rows and columns of the trimmed detector image [pix].
    numbers : int64[n_slices]
        Slice numbers on the CCD, from 1.
    left, right : float64[n_slices, n_order]
        Edges of the slices [pix, 1-based] as polynomials of the 1-based row.
    wave : float64[n_slices, n_x, n_y]
        Wavelength [Angstrom] as polynomials of the 1-based column and row.
    place : float64[n_slices, 5]
        Centre x, y [pix], cosine and sine of the angle and width [pix] in the field.
    """

    ifu: int
    shape: tuple[int, int]
    numbers: NDArray[np.int64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    wave: NDArray[np.float64]
    place: NDArray[np.float64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """``ifu << 6 | slice`` of each slice, the lower part of ``origin``."""
        return np.asarray(self.ifu << 6 | self.numbers, np.int64)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Column from which ``origin`` counts, per slice [pix, 1-based]."""
        in_first_row: NDArray[np.float64] = np.floor(self.left.sum(axis=1))
        return in_first_row.astype(np.int64) - ORIGIN_MARGIN


def slice_map(
    ifu: int,
    shape: tuple[int, int],
    trace: TableFrame,
    wavecal: TableFrame,
    geometry: TableFrame | None = None,
) -> SliceMap:
    """Return the map of an IFU from its calibration tables.

    Slices without trace or wavelengths are left out, with a warning. Without a geometry
    table all slices lie at the origin: enough for spectra.

    Raises
    ------
    BadInput
        If a table lacks a slice that the trace table has, or the geometry a place.
    """
    edges = trace.read().columns
    numbers = _column(trace, edges, "SliceNo").astype(np.int64)
    left = _coefficients(trace, edges, r"tc1_(\d\d)")
    right = _coefficients(trace, edges, r"tc2_(\d\d)")
    dispersion = wavecal.read().columns
    waves, solved = _surface(wavecal, dispersion), _column(wavecal, dispersion, "SliceNo")
    traced = _finite(left) & _finite(right)
    report_lost(trace, np.flatnonzero(~traced) + 1)
    rows = _matching_rows(wavecal, solved, numbers[traced])
    known = _finite(waves[rows])
    report_lost(wavecal, numbers[traced][~known])
    kept = np.flatnonzero(traced)[known]
    numbers, left, right, wave = numbers[kept], left[kept], right[kept], waves[rows[known]]
    if len(kept) == 0:
        raise BadInput(
            f"IFU {ifu} has no slice with a trace and wavelengths",
            file=wavecal.name,
            keyword="SliceNo",
            remedy=f"make {trace.tag} and {wavecal.tag} again or use older ones",
        )
    if geometry is None:
        place = np.tile([0.0, 0.0, 1.0, 0.0, 1.0], (len(numbers), 1))
    else:
        place = _places(geometry, ifu, numbers)
    if geometry is not None and not _finite(place).all():
        raise BadInput(
            f"IFU {ifu} has no place for slice {numbers[~_finite(place)][0]}",
            file=geometry.name,
            keyword="SliceCCD",
            remedy=f"make {geometry.tag} again or use one of another night",
        )
    return SliceMap(ifu, shape, numbers, left, right, wave, place)


def _finite(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which slices, the first axis, have finite numbers only."""
    return np.asarray(np.isfinite(values.reshape(len(values), -1)).all(axis=1))


def nearest_slices(numbers: NDArray[np.int64], n_slices: int) -> NDArray[np.int64]:
    """Return, for each slice of the instrument, the index of the nearest that is known.

    What must exist for all slices is taken from a neighbour where one was lost; there are
    no pixels of it.
    """
    every = np.arange(1, n_slices + 1)
    return np.asarray(np.abs(every[:, None] - numbers).argmin(axis=1), np.int64)


def _column(frame: TableFrame, columns: Mapping[str, NDArray[Any]], name: str) -> Any:
    """Return one column of a table."""
    if name not in columns:
        raise BadInput(
            f"{frame.tag} has no such column",
            file=frame.name,
            keyword=name,
            remedy=f"give the {frame.tag} that the pipeline wrote",
        )
    return np.asarray(columns[name])


def _coefficients(
    frame: TableFrame, columns: Mapping[str, NDArray[Any]], pattern: str
) -> NDArray[np.float64]:
    """Return the columns that match ``pattern`` in the order of their number."""
    names = sorted(name for name in columns if re.fullmatch(pattern, name))
    if not names:
        _column(frame, columns, pattern)
    return np.ascontiguousarray(
        np.stack([np.asarray(columns[name], np.float64) for name in names], axis=1)
    )


def _surface(frame: TableFrame, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Return the coefficients ``wlcXY`` as float64[n_slices, n_x, n_y]."""
    found = {
        (int(match[1]), int(match[2])): name
        for name in columns
        if (match := re.fullmatch(r"wlc(\d)(\d)", name))
    }
    if not found:
        _column(frame, columns, "wlc00")
    n_x, n_y = (max(powers[axis] for powers in found) + 1 for axis in (0, 1))
    n_slices = len(next(iter(columns.values())))
    surface = np.zeros((n_slices, n_x, n_y))
    for (i, j), name in found.items():
        surface[:, i, j] = columns[name]
    return surface


def _matching_rows(
    frame: TableFrame, present: NDArray[Any], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the row of each wanted slice."""
    rows = {int(number): row for row, number in enumerate(present)}
    missing = [int(number) for number in wanted if int(number) not in rows]
    if missing:
        raise BadInput(
            f"slice {missing[0]} is missing",
            file=frame.name,
            keyword="SliceNo",
            remedy=f"give a {frame.tag} with the {len(wanted)} slices of the trace table",
        )
    return np.array([rows[int(number)] for number in wanted], np.int64)


def _places(frame: TableFrame, ifu: int, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return centre, direction and width of the slices of an IFU in the field."""
    columns = frame.read().columns
    of_ifu = np.flatnonzero(_column(frame, columns, "SubField") == ifu)
    if len(of_ifu) == 0:
        raise BadInput(
            f"no slices of IFU {ifu}",
            file=frame.name,
            keyword="SubField",
            remedy="give the geometry table of the same instrument size and period",
        )
    ccd = _column(frame, columns, "SliceCCD")[of_ifu]
    rows = of_ifu[_matching_rows(frame, ccd, numbers)]
    x, y, angle, width = (
        _column(frame, columns, name)[rows].astype(np.float64)
        for name in ("x", "y", "angle", "width")
    )
    direction = np.radians(angle)
    return np.stack([x, y, np.cos(direction), np.sin(direction), width], axis=1)
