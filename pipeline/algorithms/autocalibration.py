"""Slices brought to one level of the sky: autocalibration of deep fields.

The method is that of MPDAF (Bacon et al. 2017, A&A 608, A1, section 3.1; Weilbacher et
al. 2020, A&A 641, A28, section 4.10.2): the sky is equally bright everywhere, so the level
of a slice on blank sky, in ranges of wavelength between strong sky lines, tells by what
factor the slice has to be multiplied. Levels that cannot be trusted give way to those of
their half of the IFU, and to those of neighbouring ranges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.clipping import clipped
from pipeline.algorithms.field import FieldExposure
from pipeline.instrument import FULL, MINI
from pipeline.kernels.slice_levels import add_to_columns, multiply_slices
from pipeline.spec import BadInput, Header, Pixels, Segment, Table, TableFrame, Value

Array = NDArray[np.float64]

# fmt: off
EDGES = (
    0.0, 5000.0, 5265.0, 5466.0, 5658.0, 5850.0, 6120.0, 6440.0, 6678.0, 6931.0, 7211.0,
    7450.0, 7668.0, 7900.0, 8120.0, 8330.0, 8565.0, 8731.0, 9012.0, 9275.0, 10000.0,
)
# fmt: on
"""Edges of the ranges of wavelength [Angstrom] (genuine pipeline)."""

BLOCKED_EDGE = 5850.0
"""Edge that falls into the band blocked against the laser light; left out then."""

N_COLUMNS = 128
"""Detector columns of a slice at most: some 82 (``origin`` counts from its edge)."""

N_IN_COLUMN = 50
"""A column counts if it has more pixels in a range than this (genuine pipeline)."""

N_IN_SLICE = 20
"""A slice counts if more columns than this are left (genuine pipeline)."""

KAPPA = 3.0
"""Rejection of columns and of slices (genuine pipeline)."""

IFU_KAPPA = 15.0
"""Factors that deviate more than this from their half of the IFU are replaced by its
mean (genuine pipeline)."""

COLUMN_STOP, SLICE_STOP = 15, 20
"""Rejection ends before fewer columns or slices than this are left (genuine pipeline)."""

JUMP, JUMP_KAPPA = 0.03, 3.0
"""A factor that differs from the mean of its neighbours in wavelength by more than this,
and by more than this times their difference, is replaced by it (genuine pipeline)."""


@dataclass(frozen=True)
class SliceFactors:
    """Multiplies the pixels of each slice; a step of `pipeline.algorithms.slab`.

    Parameters
    ----------
    edges : float64[n_ranges + 1]
        Of the ranges of wavelength [Angstrom].
    row_of : int32[2048]
        Row of an IFU and slice (``ifu << 6 | slice``); negative for none.
    factors : float64[n_slices, n_ranges]
    """

    edges: Array
    row_of: NDArray[np.int32]
    factors: Array

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return calibrated pixels."""
        multiply_slices(
            pixels.wavelength,
            pixels.data,
            pixels.stat,
            pixels.origin,
            self.edges,
            self.row_of,
            self.factors,
        )
        return pixels


@dataclass(frozen=True)
class Autocalibration:
    """Factors of the slices of an exposure and what they are based on.

    Parameters
    ----------
    step
        Applies them.
    places
        IFU and slice of each row.
    original : float64[n_slices, n_ranges]
        Factors before they were compared with those of neighbouring ranges.
    n_pixels : int64[n_slices, n_ranges]
        Pixels of the sky; 0 where a factor of 1 means that there are none.
    """

    step: SliceFactors
    places: Sequence[tuple[int, int]]
    original: Array
    n_pixels: NDArray[np.int64]

    def keywords(self) -> dict[str, Value]:
        """Return the keywords that tell the ranges of wavelength."""
        words: dict[str, Value] = {}
        for k, (low, high) in enumerate(
            zip(self.step.edges[:-1], self.step.edges[1:], strict=True), 1
        ):
            words[f"ESO DRS MUSE LAMBDA{k} MIN"] = float(low)
            words[f"ESO DRS MUSE LAMBDA{k} MAX"] = float(high)
        return words

    def table(self) -> Table:
        """Return AUTOCAL_FACTORS: a row for every slice of all 24 IFUs and each range.

        The genuine pipeline knows them by their order: range, IFU, slice.
        """
        n_ranges = self.original.shape[1]
        shape = (n_ranges, FULL.n_ifus, FULL.n_slices)
        quad, ifu, number = (a.ravel() + 1 for a in np.indices(shape))
        corr, original = np.ones(shape), np.full(shape, np.nan)
        npts = np.zeros(shape, np.int32)
        for row, (i, s) in enumerate(self.places):
            corr[:, i - 1, s - 1] = self.step.factors[row]
            npts[:, i - 1, s - 1] = self.n_pixels[row]
            changed = self.original[row] != self.step.factors[row]
            original[changed, i - 1, s - 1] = self.original[row][changed]
        columns = {
            "ifu": ifu.astype(np.int32),
            "sli": number.astype(np.int32),
            "quad": quad.astype(np.int32),
            "npts": npts.ravel(),
            "corr": corr.ravel(),
            "corr_orig": original.ravel(),
        }
        return Table(columns, {})


def wavelength_ranges(header: Header) -> Array:
    """Return the edges of the ranges for the mode of an exposure, float64[n + 1]."""
    adaptive = "-AO-" in str(header.get("ESO INS MODE", ""))
    return np.array([edge for edge in EDGES if not (adaptive and edge == BLOCKED_EDGE)])


def rows_of(segments: Sequence[Segment]) -> tuple[list[tuple[int, int]], NDArray[np.int32]]:
    """Return IFU and slice of all segments in order, and the row of each by `origin`."""
    places = sorted({(s.ifu, s.slice) for s in segments})
    row_of = np.full(2048, -1, np.int32)
    for row, (ifu, number) in enumerate(places):
        row_of[ifu << 6 | number] = row
    return places, row_of


def calibrate_slices(field: FieldExposure, sky: NDArray[np.bool_]) -> Autocalibration:
    """Return the factors that bring all slices to one level of the sky.

    Parameters
    ----------
    field
        The exposure, calibrated in flux, with its sky.
    sky : bool[ny, nx]
        Where there is nothing but sky, on the grid of the field.

    Raises
    ------
    BadInput
        If no slice shows enough sky.
    """
    edges = wavelength_ranges(field.pixels.header)
    places, row_of = rows_of(field.pixels.segments)
    sums = np.zeros((len(places), len(edges) - 1, N_COLUMNS, 2))
    for x, y, wavelength, data, dq, _, origin in field.walk():
        columns = (x, y, wavelength, data, dq, origin)
        add_to_columns(*columns, field.grid.corner, sky, edges, row_of, sums)
    n_pixels = sums[..., 0].sum(axis=2).astype(np.int64)
    levels = slice_levels(sums)
    if not np.isfinite(levels).any():
        raise BadInput(
            "no slice shows enough blank sky for the autocalibration",
            file=field.pixels.name,
            keyword="--autocalib",
            remedy="give a SKY_MASK that leaves more sky, or use autocalib=none",
        )
    original = slice_factors(levels, places)
    covered = np.asarray(np.isfinite(levels).any(axis=0))
    factors = smooth_factors(original, covered)
    step = SliceFactors(edges, row_of, factors)
    return Autocalibration(step, places, original, n_pixels)


def slice_levels(sums: Array) -> Array:
    """Return the level of each slice and range, float64[n_slices, n_ranges].

    The mean of the means of its columns, of which those that deviate are left out; NaN
    where too few are left.

    Parameters
    ----------
    sums : float64[n_slices, n_ranges, n_columns, 2]
        Number of pixels and their sum.
    """
    number, total = sums[..., 0], sums[..., 1]
    enough = number > N_IN_COLUMN
    means = total / np.maximum(number, 1.0)
    levels = np.full(number.shape[:2], np.nan)
    for place in np.ndindex(levels.shape):
        values = means[place][enough[place]]
        if values.size < N_IN_SLICE:
            continue
        level, _, n = clipped(values, kappa=KAPPA, n_stop=COLUMN_STOP, robust=True)
        if n > N_IN_SLICE:
            levels[place] = level
    return levels


def slice_factors(levels: Array, places: Sequence[tuple[int, int]]) -> Array:
    """Return the factors that bring levels to their mean, float64[n_slices, n_ranges].

    Parameters
    ----------
    levels : float64[n_slices, n_ranges]
        NaN where unknown.
    places
        IFU and slice of each row.
    """
    factors = np.ones_like(levels)
    halves = _halves(places)
    for k, column in enumerate(levels.T):
        known = column[np.isfinite(column)]
        if not known.size:
            continue
        whole, _, _ = clipped(known, kappa=KAPPA, n_stop=SLICE_STOP, robust=False)
        means = _half_levels(column, halves)
        for half, mean in zip(halves, means, strict=True):
            if np.isfinite(mean):
                factors[half, k] = _factors_of_half(column[half], whole, mean)
    return factors


def _halves(places: Sequence[tuple[int, int]]) -> list[NDArray[np.int64]]:
    """Return the rows of the left and the right half of each IFU, one after the other."""
    numbers = np.array(places)
    size = FULL if numbers[:, 1].max() > MINI.n_slices else MINI
    right = numbers[:, 1] > size.n_slices // 2
    return [
        np.flatnonzero((numbers[:, 0] == ifu) & (right == side))
        for ifu in np.unique(numbers[:, 0])
        for side in (False, True)
    ]


def _half_levels(column: Array, halves: list[NDArray[np.int64]]) -> Array:
    """Return the level of each half of an IFU; one with few slices takes the other's."""
    levels, counts = np.full(len(halves), np.nan), np.zeros(len(halves))
    for n, half in enumerate(halves):
        known = column[half][np.isfinite(column[half])]
        counts[n] = known.size / max(half.size, 1)
        if known.size:
            levels[n], _, _ = clipped(known, kappa=KAPPA, n_stop=SLICE_STOP, robust=True)
    for n in range(len(halves)):
        other = n ^ 1
        if counts[n] < 2 / 3 < counts[other]:
            levels[n] = levels[other]
    return levels


def _factors_of_half(levels: Array, whole: float, mean: float) -> Array:
    """Return the factors of slices in one half of an IFU, of which some may be wrong.

    Those without a level take that of the half, ``mean``.
    """
    levels = np.where(np.isfinite(levels), levels, mean)
    factors = np.where(levels > 0, whole / np.where(levels > 0, levels, 1.0), 1.0)
    middle, scatter, _ = clipped(factors, kappa=KAPPA, n_stop=SLICE_STOP, robust=True)
    wrong = np.abs(factors - middle) > IFU_KAPPA * scatter
    return np.where(wrong, whole / mean, factors)


def smooth_factors(factors: Array, covered: NDArray[np.bool_]) -> Array:
    """Return factors without those that jump between neighbouring ranges.

    Parameters
    ----------
    factors : float64[n_slices, n_ranges]
    covered : bool[n_ranges]
        Ranges that the data cover; the others keep their factors.
    """
    smooth = factors.copy()
    ranges = np.flatnonzero(covered)
    if ranges.size < 3:
        return smooth
    last = ranges.size - 1
    for n, k in enumerate(ranges):
        before, after = (n + 1, n + 2) if n == 0 else (n - 1, n + 1)
        if n == last:
            before, after = n - 1, n - 2
        a, b = smooth[:, ranges[before]], smooth[:, ranges[after]]
        mean = 0.5 * (a + b)
        limit = np.maximum(JUMP, JUMP_KAPPA * np.abs(a - b))
        smooth[:, k] = np.where(np.abs(smooth[:, k] - mean) > limit, mean, smooth[:, k])
    return smooth


def given_factors(frame: TableFrame) -> SliceFactors:
    """Return the factors of an AUTOCAL_FACTORS file.

    Raises
    ------
    BadInput
        If the file does not tell the ranges of wavelength, or has no factors.
    """
    table = frame.read()
    header = {**frame.header, **table.header}
    edges: list[float] = []
    while f"ESO DRS MUSE LAMBDA{len(edges) + 1} MIN" in header:
        edges.append(float(header[f"ESO DRS MUSE LAMBDA{len(edges) + 1} MIN"]))
    missing = {"ifu", "sli", "quad", "corr"} - set(table.columns)
    if not edges or missing:
        raise BadInput(
            f"has no column {min(missing)}" if missing else "tells no wavelengths",
            file=frame.name,
            keyword="TTYPEn" if missing else "ESO DRS MUSE LAMBDA1 MIN",
            remedy="give AUTOCAL_FACTORS as muse_scipost --autocalib=deepfield writes it",
        )
    edges.append(float(header[f"ESO DRS MUSE LAMBDA{len(edges)} MAX"]))
    ifu, number, quad = (np.asarray(table.columns[c], int) for c in ("ifu", "sli", "quad"))
    row_of = np.full(2048, -1, np.int32)
    places, rows = np.unique(ifu << 6 | number, return_inverse=True)
    row_of[places] = np.arange(len(places))
    factors = np.ones((len(places), len(edges) - 1))
    factors[rows, quad - 1] = np.asarray(table.columns["corr"], np.float64)
    if not (np.isfinite(factors) & (factors > 0)).all():
        raise BadInput(
            "holds factors that are not positive",
            file=frame.name,
            keyword="corr",
            remedy="give AUTOCAL_FACTORS as muse_scipost --autocalib=deepfield writes it",
        )
    return SliceFactors(np.array(edges), row_of, factors)
