"""Pixels of a flat field that are darker or brighter than their neighbours."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.kernels._jit import kernel
from pipeline.kernels.spread import median

_DARK, _LOW = np.uint32(Flag.DARK_PIXEL), np.uint32(Flag.LOW_QUANTUM_EFFICIENCY)
_HOT, _OTHER = np.uint32(Flag.HOT_PIXEL), np.uint32(Flag.BAD_OTHER)

EDGE = 10
"""Pixels at either edge of a slice that may be dark because of the edge [pix] (genuine
pipeline)."""
NEAR = 0.4
"""Window in which the median of the next row is looked for [mean deviations]: five times
its own uncertainty, and a quarter of the pixels."""
LOW_EFFICIENCY = 0.2
"""Part of the mean flat below which a dark pixel has low quantum efficiency (Euro3D)."""


@kernel
def median_near(
    values: NDArray[np.float32], guess: float, window: float, spare: NDArray[np.float64]
) -> float:
    """Return the median of some values, quickly if it lies near a guess.

    Parameters
    ----------
    values : float32[n]
        Finite values, at least one.
    guess : float
        A value near the median, such as that of the row before.
    window : float
        Distance from the guess within which the median is looked for first; to save time
        it should hold a few values and the median.
    spare : float64[>= n]
        Working space.
    """
    n = values.shape[0]
    low, high = guess - window, guess + window
    n_below, n_near = 0, 0
    for x in range(n):
        value = np.float64(values[x])
        spare[n_near] = value
        n_near += 1 if low <= value <= high else 0
        n_below += 1 if value < low else 0
    first, last = (n - 1) // 2 - n_below, n // 2 - n_below
    if first < 0 or last >= n_near:
        for x in range(n):
            spare[x] = values[x]
        return float(median(spare, n))
    for i in range(1, n_near):
        value = spare[i]
        k = i - 1
        while k >= 0 and spare[k] > value:
            spare[k + 1] = spare[k]
            k -= 1
        spare[k + 1] = value
    return float(0.5 * (spare[first] + spare[last]))


@kernel
def _mean_distance(values: NDArray[np.float32], middle: float) -> float:
    """Return the mean distance of values from a value."""
    total = np.zeros(4)  # four sums at a time: each waits for its last addition
    n = values.shape[0]
    for x in range(0, n - 3, 4):
        for k in range(4):
            total[k] += abs(np.float64(values[x + k]) - middle)
    for x in range(n - n % 4, n):
        total[0] += abs(np.float64(values[x]) - middle)
    return float((total[0] + total[1] + total[2] + total[3]) / n)


@kernel
def flag_defects(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    low_sigma: float,
    high_sigma: float,
    mean: float,
) -> None:
    """Flag dark and bright pixels of each slice row by row, and non-positive ones.

    Parameters
    ----------
    data : float32[n_rows, nx]
        Flat field [count].
    dq : uint32[n_rows, nx]
        Flags, extended in place.
    left, right : float64[n_slices, n_rows]
        Edges of the slices [pix, 1-based]; NaN for a slice to be left out.
    low_sigma, high_sigma : float
        Limits around the median of a slice in a row, in units of the mean absolute
        deviation from it (the measure of the genuine pipeline).
    mean : float
        Mean of the whole flat field [count].
    """
    n_rows, nx = data.shape
    spare, middles, deviations = np.empty(nx), np.zeros(len(left)), np.zeros(len(left))
    for y in range(n_rows):
        for s in range(left.shape[0]):
            if math.isnan(left[s, y]) or math.isnan(right[s, y]):
                continue
            first = max(math.ceil(left[s, y]), 1) - 1
            last = min(math.floor(right[s, y]), nx) - 1
            n = last - first + 1
            if n < 3:
                continue
            values = data[y, first : last + 1]
            middle = median_near(values, middles[s], NEAR * deviations[s], spare)
            deviation = _mean_distance(values, middle)
            middles[s], deviations[s] = middle, deviation
            low = middle - low_sigma * deviation
            high = middle + high_sigma * deviation
            if low <= 0.0:
                low = 1e-4
            start, stop = first, last
            while start < first + EDGE and data[y, start] <= low:
                start += 1
            while stop > last - EDGE and data[y, stop] <= low:
                stop -= 1
            for x in range(start, stop + 1):
                if data[y, x] < low:
                    dq[y, x] |= _DARK
                    if data[y, x] < LOW_EFFICIENCY * mean:
                        dq[y, x] |= _LOW
                elif data[y, x] > high:
                    dq[y, x] |= _HOT
        for x in range(nx):
            if not data[y, x] > 0.0:
                dq[y, x] |= _OTHER
