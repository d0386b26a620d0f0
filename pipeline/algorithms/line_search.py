"""Detection of emission lines in the spectrum of the middle of a slice."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HALF_WIDTH = 7
"""Columns averaged on either side of the middle of a slice [pix] (genuine pipeline)."""
COSMIC_SIGMA = 10.0
TILTED = 1.5
"""A pixel further above the median of its row than both of these is a cosmic ray
[sigma, part of the median] (ours; a tilt of 0.06 pix a column at most doubles a flank)."""
BOX = 50
"""Rows over which the background is taken as the median [pix]."""
MARGIN = 4
"""Rows at either end of the detector where no line is measured [pix]."""


class Detections(NamedTuple):
    """Lines found in one slice.

    ``row``: place [pix, 0-based]; ``peak``: its brightest pixel over the background
    [count]; ``strength``: squared signal to noise of the peak, about its electrons.
    Division by a flat, which blows up the noise at the ends of the spectrum, leaves the
    strength alone.
    """

    row: Floats
    peak: Floats
    strength: Floats


def middle_spectrum(
    strip: NDArray[np.float32], noise: NDArray[np.float32], middle: int
) -> tuple[Floats, Floats]:
    """Average the columns around the middle of a slice, without cosmic rays.

    Parameters
    ----------
    strip, noise : float32[n_columns, n_rows]
        Counts and their standard deviation, infinite in bad pixels.
    middle : int
        Column in the middle.

    Returns
    -------
    spectrum, noise : float64[n_rows]
        Mean counts, and the noise of a *single* column, with which ``sigma`` of the
        recipe compares. Rows without good pixels are 0 and infinite.

    Notes
    -----
    A lamp may have a single exposure, where nothing else rejects cosmic rays: a pixel
    far above the median of its row is left out. Lines are tilted, so that on their
    flanks columns may differ by part of the light.
    """
    columns = slice(max(middle - HALF_WIDTH, 0), middle + HALF_WIDTH + 1)
    ordered = np.sort(strip[columns], axis=0)  # much faster than np.median along axis 0
    typical = ordered[len(ordered) // 2]
    limit = typical + np.maximum(COSMIC_SIGMA * noise[columns], TILTED * np.abs(typical))
    good = np.isfinite(noise[columns]) & (strip[columns] <= limit)
    n = good.sum(axis=0)
    total = np.where(good, strip[columns], 0.0).sum(axis=0, dtype=np.float64)
    squares = np.where(good, noise[columns], 0.0).astype(np.float64) ** 2
    mean = np.divide(total, n, out=np.zeros(len(n)), where=n > 0)
    deviation = np.full(len(n), np.inf)
    np.divide(squares.sum(axis=0), n, out=deviation, where=n > 0)
    return mean, np.sqrt(deviation)


def background(spectrum: Floats) -> Floats:
    """Return a smooth background: medians of boxes, joined by straight lines."""
    n_boxes = len(spectrum) // BOX
    medians = np.median(spectrum[: n_boxes * BOX].reshape(n_boxes, BOX), axis=1)
    centres = (np.arange(n_boxes) + 0.5) * BOX - 0.5
    return np.asarray(np.interp(np.arange(len(spectrum)), centres, medians))


def detect_lines(spectrum: Floats, noise: Floats, sigma: float) -> Detections:
    """Find lines: maxima of three consecutive rows above ``sigma`` times the noise.

    Parameters
    ----------
    spectrum, noise : float64[n_rows]
        As from `middle_spectrum`.
    sigma : float
        Detection limit in units of the noise of a single column.
    """
    light = spectrum - background(spectrum)
    significant = light > sigma * noise
    below, here, above = light[:-2], light[1:-1], light[2:]
    is_line = (here > below) & (here >= above)
    is_line &= significant[:-2] & significant[1:-1] & significant[2:]
    is_line[:MARGIN] = is_line[-MARGIN:] = False
    k = np.flatnonzero(is_line) + 1
    a, b, c = np.log(light[k - 1]), np.log(light[k]), np.log(light[k + 1])
    shift = 0.5 * (a - c) / (a - 2 * b + c)
    peak = light[k] * np.exp(-0.25 * (a - c) * shift)
    return Detections(k + shift, light[k], (peak / noise[k]) ** 2)
