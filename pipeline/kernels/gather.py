"""Choosing pixels of a range of wavelengths."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def gather_good(
    pixels: tuple[NDArray[Any], ...],
    limits: tuple[float, float, float, float],
    out: tuple[NDArray[Any], ...],
    n: int,
) -> int:
    """Copy the good pixels of a range of wavelengths behind others, in their order.

    Parameters
    ----------
    pixels : Pixels
        Columns of a pixel table, each [m]; flagged and not finite ones are left out.
    limits : (float, float, float, float)
        Lowest and highest wavelength to take, the latter excluded, and wavelengths to
        which the table is cut, both included [Angstrom].
    out : Pixels
        Receives them, each column with room for ``m`` more; may be ``pixels`` itself.
    n : int
        Pixels that are there already.

    Returns
    -------
    int
        Number of pixels there are then.
    """
    low, high, first, last = limits
    xpos, ypos, wavelength, data, dq, stat, origin = pixels
    for i in range(wavelength.shape[0]):
        if not (low <= wavelength[i] < high and first <= wavelength[i] <= last):
            continue
        if dq[i] != 0 or not np.isfinite(data[i]):
            continue
        out[0][n], out[1][n], out[2][n] = xpos[i], ypos[i], wavelength[i]
        out[3][n], out[4][n], out[5][n], out[6][n] = data[i], dq[i], stat[i], origin[i]
        n += 1
    return n


@kernel
def wavelengths_at_ends(
    wavelength: NDArray[np.float32], bounds: NDArray[np.int64], width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how far the wavelengths at both ends of pieces of a table reach inwards.

    Parameters
    ----------
    wavelength : float32[n]
        Of the pixels of all pieces [Angstrom].
    bounds : int64[n_pieces + 1]
        Where each piece begins, and the end of the last.
    width : int
        Pixels that are looked at on each end.

    Returns
    -------
    highest : float32[n_pieces]
        Highest of the first pixels [Angstrom]; infinite in an empty piece.
    lowest : float32[n_pieces]
        Lowest of the last pixels [Angstrom]; minus infinite in an empty piece.
    """
    n_pieces = bounds.shape[0] - 1
    highest = np.full(n_pieces, np.float32(np.inf))
    lowest = np.full(n_pieces, np.float32(-np.inf))
    for piece in range(n_pieces):
        start, stop = bounds[piece], bounds[piece + 1]
        if stop > start:
            highest[piece], lowest[piece] = wavelength[start], wavelength[stop - 1]
        for i in range(start, min(start + width, stop)):
            highest[piece] = max(highest[piece], wavelength[i])
        for i in range(max(stop - width, start), stop):
            lowest[piece] = min(lowest[piece], wavelength[i])
    return highest, lowest


@kernel
def first_from(
    wavelength: NDArray[np.float32], bounds: NDArray[np.int64], limit: float, width: int
) -> NDArray[np.int64]:
    """Return the first pixel of each piece of a table that is not below a wavelength.

    Wavelengths rise from one stretch of ``width`` pixels to the next, so it is looked for
    from the end of a piece on, until there is a stretch below the limit.

    Parameters
    ----------
    wavelength, bounds
        As for `wavelengths_at_ends`.
    limit : float
        The wavelength [Angstrom].
    width : int
        Pixels of a stretch.

    Returns
    -------
    int64[n_pieces]
        Counted within the piece; the number of its pixels if all are below.
    """
    n_pieces = bounds.shape[0] - 1
    first = np.empty(n_pieces, np.int64)
    for piece in range(n_pieces):
        start, found = bounds[piece], bounds[piece + 1]
        i = found - 1
        while i >= start and i >= found - width:
            if wavelength[i] >= limit:
                found = i
            i -= 1
        first[piece] = found - start
    return first


@kernel
def rows_at(
    wavelength: float, known: NDArray[np.float64], rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate between rows of known wavelengths.

    Parameters
    ----------
    wavelength : float
        The wavelength [Angstrom].
    known : float64[n_segments, n]
        Wavelengths, which do not fall along the second axis [Angstrom].
    rows : float64[n_segments, n]
        Rows at which they are.

    Returns
    -------
    float64[n_segments]
        Rows with fractions; the first or last known one beyond them.
    """
    n_segments, n = known.shape
    found = np.empty(n_segments, np.float64)
    for segment in range(n_segments):
        k = 0
        while k < n and known[segment, k] <= wavelength:
            k += 1
        left, right = max(k - 1, 0), min(k, n - 1)
        step, share = known[segment, right] - known[segment, left], 0.0
        if step > 0.0:
            share = (wavelength - known[segment, left]) / step
        found[segment] = rows[segment, left]
        found[segment] += share * (rows[segment, right] - rows[segment, left])
    return found
