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

_CUBIC = 3
"""Order in x up to which the compiler makes vector instructions of a line."""


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
    starts: NDArray[np.int64],
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
    starts : int64[n_lines + 1]
        Table rows of the lines, see `count_pixels`.
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
        Detector rows [count], flags and variance [count**2]; without rows these columns
        are left as they are.
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
    data, dq, stat = planes
    xpos, ypos, wavelengths, data_out, dq_out, stat_out, origin = out
    terms = np.empty(wave.shape[1])
    n = 0
    for line in range(lines[0], lines[1]):
        n_line = starts[line + 1] - starts[line]
        if n_line == 0:
            continue
        s = line // ny
        row = line % ny
        row_terms(wave[s], row + 1.0, terms)
        x1 = polynomial(left[s], row + 1.0)
        x2 = polynomial(right[s], row + 1.0)
        middle = 0.5 * (x1 + x2)
        scale = place[s, 4] / (x2 - x1)
        base = np.uint32(((row + 1) << 11) | labels[s])
        y = row - top
        column, done = first[line], n + n_line
        while n < done:
            column, m = _next_run(terms, column, last[line], done - n, span)
            _fill_wavelengths(terms, column, span[0], wavelengths[n : n + m])
            along = (middle, column, scale)
            _fill_places(along, place[s, 0], place[s, 2], xpos[n : n + m])
            _fill_places(along, place[s, 1], place[s, 3], ypos[n : n + m])
            if data.shape[0] > 0:
                there = slice(column - 1, column - 1 + m)
                _copy(data[y, there], data_out[n : n + m])
                _copy(dq[y, there], dq_out[n : n + m])
                _copy(stat[y, there], stat_out[n : n + m])
            offset = column - offsets[s]
            marked = origin[n : n + m]
            for k in range(m):
                marked[k] = base | np.uint32((offset + k) << 24)
            n += m
            column += m
    return n


@kernel
def _next_run(
    terms: NDArray[np.float64],
    column: int,
    last: int,
    n_left: int,
    span: tuple[float, float, float],
) -> tuple[int, int]:
    """Return the next columns of a line that are kept: the first one and how many.

    ``n_left``: how many are still to come. The wavelength may turn within a line, so
    they need not be neighbours.
    """
    if n_left == last - column + 1:
        return column, n_left
    shift, low, high = span
    while not low <= np.float32(np.float32(polynomial(terms, column)) + shift) <= high:
        column += 1
    m = 1
    while (
        column + m <= last
        and low <= np.float32(np.float32(polynomial(terms, column + m)) + shift) <= high
    ):
        m += 1
    return column, m


@kernel
def _fill_wavelengths(
    terms: NDArray[np.float64], column: int, shift: float, out: NDArray[np.float32]
) -> None:
    """Write the wavelengths of the columns from ``column`` on."""
    order = terms.shape[0] - 1
    if order > _CUBIC:
        for k in range(out.shape[0]):
            value = polynomial(terms, float(column + k))
            out[k] = np.float32(np.float32(value) + shift)
        return
    c0 = terms[0]
    c1 = terms[1] if order > 0 else 0.0
    c2 = terms[2] if order > 1 else 0.0
    c3 = terms[3] if order > 2 else 0.0
    for k in range(out.shape[0]):
        x = float(column + k)
        value = ((c3 * x + c2) * x + c1) * x + c0
        out[k] = np.float32(np.float32(value) + shift)


@kernel
def _fill_places(
    along: tuple[float, int, float],
    zero: float,
    direction: float,
    out: NDArray[np.float32],
) -> None:
    """Write a coordinate of consecutive columns.

    ``along``: middle of the line, first column, and pixels of the field a column. The sky
    runs against the columns.
    """
    middle, column, scale = along
    for k in range(out.shape[0]):
        out[k] = zero + (middle - float(column + k)) * scale * direction


@kernel
def _copy(values: NDArray[Any], out: NDArray[Any]) -> None:
    """Copy values."""
    for k in range(out.shape[0]):
        out[k] = values[k]


@kernel
def add_rows_to_spectrum(
    rows: tuple[int, int],
    ny: int,
    spans: tuple[NDArray[np.int32], NDArray[np.int32]],
    wave: NDArray[np.float64],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    start: float,
    step: float,
    sums: NDArray[np.float64],
) -> None:
    """Share the good pixels of some detector rows between points of a spectrum.

    Parameters
    ----------
    rows : (int, int)
        First detector row and the one after the last.
    ny, spans, wave
        As in `fill_pixels`.
    data, dq : [n_rows, nx]
        Those rows and their flags; flagged and not finite pixels are left out.
    start, step : float
        Wavelength of the first point and distance of the points [Angstrom].
    sums : float64[n_points, 2]
        Increased by w and w d at the two nearest points.
    """
    first, last = spans
    terms = np.empty(wave.shape[1])
    wavelengths = np.empty(data.shape[1], np.float32)
    places = np.empty(data.shape[1])
    for s in range(wave.shape[0]):
        for row in range(rows[0], rows[1]):
            row_terms(wave[s], row + 1.0, terms)
            line, y = s * ny + row, row - rows[0]
            n = last[line] - first[line] + 1
            if n > 0:
                there = slice(first[line] - 1, last[line])
                _fill_wavelengths(terms, first[line], 0.0, wavelengths[:n])
                for k in range(n):
                    places[k] = (wavelengths[k] - start) / step
                _share_line(places[:n], data[y, there], dq[y, there], sums)


@kernel
def _share_line(
    places: NDArray[np.float64],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    sums: NDArray[np.float64],
) -> None:
    """Share the good pixels of a line between points of a spectrum.

    ``places``: where they lie among the points. Neighbours mostly lie between the same two
    points, whose sums are kept aside until they do not.
    """
    point = -2
    weight, light, weight_above, light_above = 0.0, 0.0, 0.0, 0.0
    for k in range(places.shape[0]):
        value = data[k]
        if dq[k] != 0 or not np.isfinite(value):
            continue
        below = int(np.floor(places[k]))
        if below != point:
            _put_sums(sums, point, weight, light)
            _put_sums(sums, point + 1, weight_above, light_above)
            weight, light = _sums_at(sums, below)
            weight_above, light_above = _sums_at(sums, below + 1)
            point = below
        right = places[k] - below
        weight += 1.0 - right
        light += (1.0 - right) * value
        weight_above += right
        light_above += right * value
    _put_sums(sums, point, weight, light)
    _put_sums(sums, point + 1, weight_above, light_above)


@kernel
def _sums_at(sums: NDArray[np.float64], point: int) -> tuple[float, float]:
    """Return both sums of a point, 0 outside the spectrum."""
    if 0 <= point < sums.shape[0]:
        return sums[point, 0], sums[point, 1]
    return 0.0, 0.0


@kernel
def _put_sums(sums: NDArray[np.float64], point: int, weight: float, light: float) -> None:
    """Set both sums of a point, if it is in the spectrum."""
    if 0 <= point < sums.shape[0]:
        sums[point, 0], sums[point, 1] = weight, light


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
