"""From detector pixels to rows of a pixel table.

A slice is described by polynomials: its left and right edge in the 1-based detector
row, the wavelength in the 1-based column and row, and its place in the field of view.
A *line* is one slice in one detector row; lines are numbered slice by slice, row by
row: ``line = slice_index * ny + row``. A pixel belongs to a slice when its centre lies
between the edges (MUSE pipeline manual, appendix A).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def polynomial(coefficients: NDArray[np.float64], x: float) -> float:
    """Evaluate ``sum(coefficients[k] * x**k)``, coefficients float64[n]."""
    value = 0.0
    for k in range(coefficients.shape[0] - 1, -1, -1):
        value = value * x + coefficients[k]
    return value


@kernel
def line_spans(
    left: NDArray[np.float64], right: NDArray[np.float64], ny: int, nx: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Find the columns of every line.

    Parameters
    ----------
    left, right : float64[n_slices, n_order]
        Polynomials of the slice edges [pix, 1-based] in the row [pix, 1-based].
    ny, nx : int
        Size of the detector image [pix].

    Returns
    -------
    first, last : int32[n_slices * ny]
        First and last column [pix, 1-based]; ``last < first`` where the slice does not
        lie on the detector.
    """
    n_slices = left.shape[0]
    first = np.ones(n_slices * ny, np.int32)
    last = np.zeros(n_slices * ny, np.int32)
    for s in range(n_slices):
        for row in range(ny):
            x1 = polynomial(left[s], row + 1.0)
            x2 = polynomial(right[s], row + 1.0)
            if x1 >= 1.0 and x2 <= nx and x1 <= x2:
                first[s * ny + row] = np.int32(np.ceil(x1))
                last[s * ny + row] = np.int32(np.floor(x2))
    return first, last


@kernel
def row_terms(wave: NDArray[np.float64], y: float, terms: NDArray[np.float64]) -> None:
    """Reduce a wavelength polynomial to one row.

    Parameters
    ----------
    wave : float64[n_x, n_y]
        Coefficients of ``x**i * y**j`` [Angstrom].
    y : float
        Row [pix, 1-based].
    terms : float64[n_x]
        Receives the coefficients of ``x**i`` [Angstrom].
    """
    for i in range(wave.shape[0]):
        terms[i] = polynomial(wave[i], y)


@kernel
def _bounds(terms: NDArray[np.float64], first: int, last: int) -> tuple[float, float]:
    """Return the wavelength of a column and how far those of a line differ at most.

    From the triangle inequality, with room for rounding [Angstrom].
    """
    reach = 0.01
    power_first, power_last = 1.0, 1.0
    for i in range(1, terms.shape[0]):
        power_first *= first
        power_last *= last
        reach += abs(terms[i]) * (power_last - power_first)
    return polynomial(terms, float(first)), reach


@kernel
def count_pixels(
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    wave: NDArray[np.float64],
    ny: int,
    shift: float,
    low: float,
    high: float,
) -> tuple[NDArray[np.int64], float, float]:
    """Count the pixels of every line in a range of wavelengths.

    Parameters
    ----------
    first, last : int32[n_lines]
        Columns of the lines, see `line_spans`.
    wave : float64[n_slices, n_x, n_y]
        Wavelength polynomials [Angstrom].
    ny : int
        Rows of the detector [pix].
    shift : float
        Added to all wavelengths [Angstrom].
    low, high : float
        Wavelengths kept, both ends included [Angstrom].

    Returns
    -------
    starts : int64[n_lines + 1]
        Table row at which each line starts; the last entry is the number of rows.
    shortest, longest : float
        Extreme wavelengths of the pixels kept [Angstrom], as float32 values.
    """
    n_lines = first.shape[0]
    starts = np.zeros(n_lines + 1, np.int64)
    terms = np.empty(wave.shape[1])
    shortest = np.inf
    longest = -np.inf
    for line in range(n_lines):
        row_terms(wave[line // ny], line % ny + 1.0, terms)
        middle, reach = _bounds(terms, first[line], last[line])
        lowest, highest = middle + shift - reach, middle + shift + reach
        n = 0
        if shortest < lowest and highest < longest and low <= lowest and highest <= high:
            n = last[line] - first[line] + 1
        elif highest >= low and lowest <= high:
            for column in range(first[line], last[line] + 1):
                wavelength = np.float32(np.float32(polynomial(terms, column)) + shift)
                if wavelength >= low and wavelength <= high:
                    n += 1
                    if wavelength < shortest:
                        shortest = float(wavelength)
                    if wavelength > longest:
                        longest = float(wavelength)
        starts[line + 1] = starts[line] + n
    return starts, shortest, longest


@kernel
def fill_pixels(
    lines: tuple[int, int],
    ny: int,
    spans: tuple[NDArray[np.int32], NDArray[np.int32]],
    edges: tuple[NDArray[np.float64], NDArray[np.float64]],
    wave: NDArray[np.float64],
    place: NDArray[np.float64],
    marks: tuple[NDArray[np.int64], NDArray[np.int64]],
    span: tuple[float, float, float],
    planes: tuple[NDArray[np.float32], NDArray[np.uint32], NDArray[np.float32]],
    top: int,
    out: tuple[NDArray[Any], ...],
) -> int:
    """Write the pixels of consecutive lines as rows of a pixel table.

    Parameters
    ----------
    lines : (int, int)
        First line and the one after the last.
    ny : int
        Rows of the detector [pix].
    spans : (int32[n_lines], int32[n_lines])
        First and last columns, see `line_spans`.
    edges : (float64[n_slices, n_order], float64[n_slices, n_order])
        Polynomials of the left and right edges [pix].
    wave : float64[n_slices, n_x, n_y]
        Wavelength polynomials [Angstrom].
    place : float64[n_slices, 5]
        Centre x, y [pix], cosine and sine of the angle, and width [pix] of each slice in
        the field of view.
    marks : (int64[n_slices], int64[n_slices])
        ``ifu << 6 | slice`` and the column [pix] from which ``origin`` counts.
    span : (float, float, float)
        Shift, lowest and highest wavelength [Angstrom], see `count_pixels`.
    planes : (float32[n_rows, nx], uint32[n_rows, nx], float32[n_rows, nx])
        Detector rows [count], flags and variance [count**2].
    top : int
        0-based detector row of the first of them.
    out : Pixels
        Receives the columns of the table, see `pipeline.spec.Pixels`, each at least as
        long as the lines have pixels.

    Returns
    -------
    int
        Number of table rows written.
    """
    first, last = spans
    left, right = edges
    labels, offsets = marks
    shift, low, high = span
    data, dq, stat = planes
    xpos, ypos, wavelengths, data_out, dq_out, stat_out, origin = out
    terms = np.empty(wave.shape[1])
    n = 0
    for line in range(lines[0], lines[1]):
        s = line // ny
        row = line % ny
        x1 = polynomial(left[s], row + 1.0)
        x2 = polynomial(right[s], row + 1.0)
        middle = 0.5 * (x1 + x2)
        scale = place[s, 4] / (x2 - x1)
        row_terms(wave[s], row + 1.0, terms)
        base = np.uint32(((row + 1) << 11) | labels[s])
        for column in range(first[line], last[line] + 1):
            wavelength = np.float32(np.float32(polynomial(terms, column)) + shift)
            if not (wavelength >= low and wavelength <= high):
                continue
            # inside a slice the sky runs against the columns
            along = (middle - column) * scale
            xpos[n] = place[s, 0] + along * place[s, 2]
            ypos[n] = place[s, 1] + along * place[s, 3]
            wavelengths[n] = wavelength
            data_out[n] = data[row - top, column - 1]
            dq_out[n] = dq[row - top, column - 1]
            stat_out[n] = stat[row - top, column - 1]
            origin[n] = base | np.uint32((column - offsets[s]) << 24)
            n += 1
    return n


@kernel
def extreme_positions(
    starts: NDArray[np.int64],
    spans: tuple[NDArray[np.int32], NDArray[np.int32]],
    edges: tuple[NDArray[np.float64], NDArray[np.float64]],
    place: NDArray[np.float64],
    ny: int,
) -> tuple[float, float, float, float]:
    """Return the extreme positions in the field of the lines that hold pixels.

    Parameters
    ----------
    starts : int64[n_lines + 1]
        Table rows of the lines, see `count_pixels`.
    spans, edges, place, ny
        As in `fill_pixels`.

    Returns
    -------
    x_low, x_high, y_low, y_high : float
        [pix]; infinite if there are no pixels.
    """
    first, last = spans
    left, right = edges
    x_low, x_high, y_low, y_high = np.inf, -np.inf, np.inf, -np.inf
    for line in range(first.shape[0]):
        if starts[line + 1] == starts[line]:
            continue
        s = line // ny
        x1 = polynomial(left[s], line % ny + 1.0)
        x2 = polynomial(right[s], line % ny + 1.0)
        for column in (first[line], last[line]):
            along = (0.5 * (x1 + x2) - column) / (x2 - x1) * place[s, 4]
            x = place[s, 0] + along * place[s, 2]
            y = place[s, 1] + along * place[s, 3]
            x_low, x_high = min(x_low, x), max(x_high, x)
            y_low, y_high = min(y_low, y), max(y_high, y)
    return x_low, x_high, y_low, y_high
