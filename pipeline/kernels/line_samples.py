"""Detector pixels near arc lines, gathered line by line of the detector.

A pixel belongs to the nearest of some reference lines. As in `pipeline.kernels.pixels`, a
*line* of the detector is one slice in one row; lines are numbered slice by slice.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.pixels import polynomial, row_terms

Samples = tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.int16],
    NDArray[np.int16],
]
"""Distance from the line [Angstrom], light [count], its variance (infinite for a flagged
pixel), detector column [0-based] and number of the reference line; [n] each."""


@kernel
def _nearest(wavelength: float, references: NDArray[np.float64], start: int) -> int:
    """Return the reference line nearest to a wavelength, sought from ``start``."""
    j = start
    while j + 1 < references.shape[0] and (
        references[j + 1] - wavelength < wavelength - references[j]
    ):
        j += 1
    while j > 0 and wavelength - references[j - 1] < references[j] - wavelength:
        j -= 1
    return j


@kernel
def flag_spikes(light: NDArray[np.float32], variance: NDArray[np.float32]) -> None:
    """Give pixels that stand out from their neighbours in a row an infinite variance.

    Neighbours along a slice see nearly the same wavelength: by more than 8 sigma and 30 %
    of the median of five only hot and dead pixels differ, and those at the rim of a slice.

    Parameters
    ----------
    light, variance : float32[n]
        Consecutive pixels of a row [count; count**2]; ``variance`` is changed.
    """
    n = light.shape[0]
    near = np.empty(5)
    good = np.empty(n, np.bool_)
    for p in range(n):
        good[p] = np.isfinite(variance[p])
    for p in range(n):
        if not good[p]:
            continue
        m = 0
        for q in range(max(min(p - 2, n - 5), 0), min(max(p + 3, 5), n)):
            if good[q]:
                place = m
                while place > 0 and near[place - 1] > light[q]:
                    near[place] = near[place - 1]
                    place -= 1
                near[place] = light[q]
                m += 1
        if m >= 3:
            middle = 0.5 * (near[(m - 1) // 2] + near[m // 2])
            limit = 8.0 * np.sqrt(variance[p]) + 0.3 * abs(middle)
            if abs(light[p] - middle) > limit:
                variance[p] = np.float32(np.inf)


@kernel
def count_samples(
    spans: tuple[NDArray[np.int32], NDArray[np.int32]],
    wave: NDArray[np.float64],
    ny: int,
    references: NDArray[np.float64],
    reach: float,
) -> NDArray[np.int64]:
    """Count the pixels near reference lines.

    Parameters
    ----------
    spans : (int32[n_slices * ny], int32[n_slices * ny])
        First and last column of every line of the detector [pix, 1-based].
    wave : float64[n_slices, n_x, n_y]
        Wavelength polynomials [Angstrom].
    ny : int
        Rows of the detector.
    references : float64[n]
        Wavelengths of the reference lines, rising [Angstrom].
    reach : float
        Largest distance from a reference line [Angstrom].

    Returns
    -------
    int64[n_slices * ny + 1]
        Where the pixels of each line of the detector start.
    """
    first, last = spans
    starts = np.zeros(first.shape[0] + 1, np.int64)
    terms = np.empty(wave.shape[1])
    j = 0
    for line in range(first.shape[0]):
        row_terms(wave[line // ny], line % ny + 1.0, terms)
        n = 0
        for column in range(first[line], last[line] + 1):
            wavelength = polynomial(terms, float(column))
            j = _nearest(wavelength, references, j)
            n += abs(wavelength - references[j]) <= reach
        starts[line + 1] = starts[line] + n
    return starts


@kernel
def gather_samples(
    rows: tuple[int, int],
    starts: NDArray[np.int64],
    spans: tuple[NDArray[np.int32], NDArray[np.int32]],
    wave: NDArray[np.float64],
    ny: int,
    references: NDArray[np.float64],
    reach: float,
    planes: tuple[NDArray[np.float32], NDArray[np.uint32], NDArray[np.float32]],
    out: Samples,
) -> None:
    """Store the pixels near reference lines in some rows of the detector.

    Parameters
    ----------
    rows : (int, int)
        First row and the one after the last [0-based].
    starts, spans, wave, ny, references, reach
        As in `count_samples`.
    planes : (float32[n_rows, nx], uint32[n_rows, nx], float32[n_rows, nx])
        Light [count], flags and variance [count**2] of these rows.
    out
        The pixels; filled in place.
    """
    first, last = spans
    data, dq, stat = planes
    offset, light, variance, place, number = out
    terms = np.empty(wave.shape[1])
    for s in range(wave.shape[0]):
        j = 0
        for row in range(rows[0], rows[1]):
            line = s * ny + row
            if starts[line + 1] == starts[line]:
                continue
            row_terms(wave[s], row + 1.0, terms)
            n = starts[line]
            for column in range(first[line], last[line] + 1):
                wavelength = polynomial(terms, float(column))
                j = _nearest(wavelength, references, j)
                distance = wavelength - references[j]
                if abs(distance) <= reach:
                    y, x = row - rows[0], column - 1
                    good = dq[y, x] == 0 and np.isfinite(data[y, x]) and stat[y, x] > 0.0
                    offset[n] = np.float32(distance)
                    light[n] = data[y, x] if good else np.float32(0.0)
                    variance[n] = stat[y, x] if good else np.float32(np.inf)
                    place[n] = np.int16(x)
                    number[n] = np.int16(j)
                    n += 1
            flag_spikes(light[starts[line] : n], variance[starts[line] : n])
