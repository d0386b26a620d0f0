"""Wavelength shift of an exposure against its arcs, from bright sky lines.

Between the arcs of the day and the night the spectrograph drifts with temperature. The
pixels around each line, over all slices, make one finely sampled spectrum; a Gaussian
fitted to it gives the place of the line (MUSE pipeline manual, muse_scibasic). All points
have the same weight, as in the fits of arc lines, so that both miss the centre of a skewed
line by the same amount, which the arcs tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.curve_fit import CurveAt, fit_curve
from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.pixels import SlicePixels, with_room
from pipeline.algorithms.skewness import skew_offset
from pipeline.flags import Flag
from pipeline.kernels.binning import add_to_spectrum, flag_outliers
from pipeline.spec import Header, ImageFrame, Pixels

LEAST_SIGNIFICANCE = 5.0
"""A line counts when its fitted area exceeds so many of its errors (ours)."""

LARGEST_SHIFT = 1.0
"""Shift that cannot be a drift of the instrument [Angstrom] (ours)."""

FAINT = 0.3
"""Light of a neighbour, relative to the line, above which both are confused (ours)."""

CORE = 0.7
"""Part of the window around a line that may hold its light (ours)."""

SOURCE_LIMIT = 4.0
"""Columns whose continuum lies so many robust deviations off the median show a source
(ours)."""

NEIGHBOURS = {6300.304: 6297.898}
"""Lines close to a sky line that would displace it [Angstrom]: OH 9-3 P2(2.5), as in the
shipped SKY_LINES. It has a hundredth of the light of [O I] and pulls it by 0.008 A."""


@dataclass(frozen=True)
class LineFit:
    """A sky line: its wavelength in the catalogue and where its light is centred.

    All [Angstrom], with the error of the centre.
    """

    wavelength: float
    centre: float
    error: float


def sky_shift(fits: Sequence[LineFit]) -> float:
    """Return what must be added to the wavelengths [Angstrom]; 0 without any line."""
    if not fits:
        return 0.0
    weights = np.array([1.0 / fit.error**2 for fit in fits])
    offsets = np.array([fit.wavelength - fit.centre for fit in fits])
    return float(np.sum(weights * offsets) / np.sum(weights))


def fit_sky_lines(
    image: ImageFrame,
    slices: SliceMap,
    lines: Sequence[float],
    *,
    calibration: Header,
    half_width: float,
    bin_size: float,
    reject: tuple[float, float, int],
) -> list[LineFit]:
    """Fit the sky lines that an exposure shows.

    Parameters
    ----------
    image
        Calibrated exposure [count].
    slices
        Polynomials of its IFU.
    lines
        Wavelengths [Angstrom, air]; negative for absorption.
    calibration
        Keywords of the wavelength table, see `pipeline.algorithms.skewness`.
    half_width, bin_size
        Of the window and of its bins [Angstrom].
    reject
        High and low clipping limit [sigma] and number of rounds.

    Returns
    -------
    list of LineFit
        The lines inside the wavelength range of all slices that are significant.
    """
    found = []
    for signed in lines:
        wavelength = abs(signed)
        span = (wavelength - half_width, wavelength + half_width)
        pixels = pixels_in_band(image, slices, *span)
        if len(pixels.data) == 0:
            continue
        pixels = without_sources(pixels, wavelength, CORE * half_width)
        start, n_points = span[0], int(np.ceil(2 * half_width / bin_size)) + 1
        grid = start + bin_size * np.arange(n_points)
        sums = _spectrum(pixels, start, bin_size, n_points, reject)
        used = sums[:, 0] > 0
        if used.sum() < 8:
            continue
        flux = np.sign(signed) * sums[used, 1] / sums[used, 0]
        error = np.sqrt(sums[used, 2]) / sums[used, 0]
        neighbour = NEIGHBOURS.get(wavelength)
        distance = neighbour - wavelength if neighbour is not None else None
        fit = _fit_line(grid[used], flux, error, distance)
        if fit is not None:
            centre, precision = fit
            skew = float(skew_offset(calibration, np.array(wavelength)))
            found.append(LineFit(wavelength, centre + skew, precision))
    return found


def pixels_in_band(image: ImageFrame, slices: SliceMap, low: float, high: float) -> Pixels:
    """Return all pixels between two wavelengths [Angstrom]; reads only their rows."""
    parts = [part for _, part in SlicePixels(slices, low=low, high=high).scan(image)]
    if not parts:
        return with_room(0)
    return Pixels._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


def without_sources(pixels: Pixels, wavelength: float, core: float) -> Pixels:
    """Return the pixels of the columns that show nothing but sky.

    A column of a slice sees one place of the field. The mean of its pixels beside the
    line tells whether there is a source.

    Parameters
    ----------
    pixels
        All pixels around a line.
    wavelength, core
        Place of the line and the distance from it up to which it shines [Angstrom].
    """
    column = (pixels.origin & np.uint32(0x3F)) << 8 | pixels.origin >> 24
    beside = np.abs(pixels.wavelength - np.float32(wavelength)) > core
    beside &= (pixels.dq == 0) & np.isfinite(pixels.data)
    n = np.bincount(column[beside], minlength=1 << 14)
    total = np.bincount(column[beside], pixels.data[beside], minlength=1 << 14)
    seen = n > 0
    level = np.full(len(n), np.inf)
    np.divide(total, n, out=level, where=seen)
    if not seen.any():
        return pixels
    middle = np.median(level[seen])
    spread = 1.4826 * np.median(np.abs(level[seen] - middle))
    kept = (np.abs(level - middle) <= SOURCE_LIMIT * spread)[column]
    return Pixels._make(values[kept] for values in pixels)


def _spectrum(
    pixels: Pixels,
    start: float,
    step: float,
    n_points: int,
    reject: tuple[float, float, int],
) -> NDArray[np.float64]:
    """Return the sums w, w d, w**2 v of the clipped mean spectrum, float64[n, 3]."""
    columns = (pixels.wavelength, pixels.data, pixels.dq.copy(), pixels.stat)
    high, low, n_rounds = reject
    for round_ in range(n_rounds + 1):
        sums = np.zeros((n_points, 3))
        add_to_spectrum(*columns, start, step, sums)
        if round_ < n_rounds:
            mean = np.full(n_points, np.nan)
            np.divide(sums[:, 1], sums[:, 0], out=mean, where=sums[:, 0] > 0)
            flag_outliers(*columns, start, step, mean, high, low, int(Flag.BAD_OTHER))
    return sums


def _line(x: NDArray[Any], distance: float | None, p: NDArray[Any]) -> CurveAt:
    """Return the light of a line and its derivatives by the parameters.

    Parameters
    ----------
    x : float64[n]
        Wavelengths [Angstrom].
    distance
        Of a fainter line with the same profile [Angstrom], if there is one.
    p : float64[4] or float64[5]
        Area, centre, sigma, level and, with ``distance``, the light of the other line
        relative to the first.
    """
    area, centre, sigma = p[:3]
    parts = [(1.0, 0.0)] if distance is None else [(1.0, 0.0), (p[4], distance)]
    jacobian = np.zeros((x.size, p.size))
    jacobian[:, 3] = 1.0
    for share, offset in parts:
        z = (x - centre - offset) / sigma
        shape = np.exp(-0.5 * z * z) / (abs(sigma) * np.sqrt(2 * np.pi))
        jacobian[:, 0] += share * shape
        jacobian[:, 1] += share * area * shape * z / sigma
        jacobian[:, 2] += share * area * shape * (z * z - 1.0) / sigma
    if distance is not None:
        jacobian[:, 4] = area * shape
    return area * jacobian[:, 0] + p[3], jacobian


def _fit_line(
    x: NDArray[Any], flux: NDArray[Any], error: NDArray[Any], distance: float | None
) -> tuple[float, float] | None:
    """Return centre and error of the line in a window; None when there is none.

    ``distance``: of a fainter line with the same profile [Angstrom], if there is one.
    """
    level = float(np.median(flux))
    above = np.clip(flux - level, 0.0, None)
    step = float(np.median(np.diff(x)))
    peak = float(above.max())
    if peak <= 0.0:
        return None
    area = float(above.sum() * step)
    sigma = max(area / peak / np.sqrt(2 * np.pi), step)
    first = [area, float(x[np.argmax(above)]), sigma, level]
    first += [] if distance is None else [0.0]
    best = fit_curve(partial(_line, x, distance), np.array(first), flux)
    if best is None:
        return None
    spread = _errors(_line(x, distance, best)[1], error)
    likely = (
        abs(best[1] - 0.5 * (x[0] + x[-1])) < LARGEST_SHIFT
        and 0.0 < abs(best[2]) < 0.25 * (x[-1] - x[0])
        and best[0] > LEAST_SIGNIFICANCE * spread[0]
        and (distance is None or abs(best[4]) < FAINT)
    )
    if not (likely and np.isfinite(spread).all()):
        return None
    return float(best[1]), float(spread[1])


def _errors(jacobian: NDArray[Any], error: NDArray[Any]) -> NDArray[Any]:
    """Return the errors of parameters fitted with equal weights.

    From the errors of the points and from the quarter of their variance that neighbours
    have in common, since each pixel is shared between two points.
    """
    together = 0.25 * error[1:] * error[:-1]
    variance = np.diag(error**2) + np.diag(together, 1) + np.diag(together, -1)
    solution = np.linalg.pinv(jacobian)
    return np.asarray(np.sqrt(np.diag(solution @ variance @ solution.T)))
