"""Centres of the arc lines of one lamp in all columns of a slice."""

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_image import Strip
from pipeline.algorithms.arc_lines import ArcLines
from pipeline.algorithms.identify import Dispersion, Matches
from pipeline.algorithms.line_errors import LightCentres
from pipeline.algorithms.wavelength import Places
from pipeline.kernels.lines import MAX_LINES, REACH, follow_lines, smooth_along

Floats = NDArray[np.float64]

MEASURED = 2
"""Quality from which lines are measured; those of quality 1 only identify."""
RESOLVED = 1.5
"""Distance below which a neighbour cannot be told from a line [Angstrom]."""
NOTICED = 0.003
"""Flux of a neighbour, relative to the line, from which it is fitted too."""
FEWEST_COLUMNS = 10
"""Columns from which the centre of light of a line is averaged."""
FWHM = 2.3548200450309493
"""Full width at half maximum of a Gaussian of unit width."""


def measure_lines(
    strip: Strip,
    dispersion: Dispersion,
    matches: Matches,
    lines: ArcLines,
    numbers: NDArray[np.int64],
    *,
    x_order: int,
    kappa: float,
) -> tuple[Places, LightCentres]:
    """Measure the recognised lines of a lamp along the whole slice.

    Parameters
    ----------
    strip
        The slice.
    dispersion
        Wavelengths in its middle.
    matches
        Lines that were recognised there.
    lines
        Catalogue of the lamp.
    numbers : int64[n_lines]
        Number of each of its lines in the whole catalogue.
    x_order, kappa
        Order and rejection limit of the curve of a line along the slice.

    Returns
    -------
    places
        Where the lines are, by Gaussian fits.
    light
        How far redward of its Gaussian centre the light of each line is centred.
    """
    measured = lines.quality[matches.line] >= MEASURED
    index, rows = matches.line[measured], matches.row[measured]
    sampling = dispersion.slope(rows)
    offsets, n_lines = _neighbours(index, sampling, lines)
    columns = strip.columns(rows)
    found = follow_lines(strip.light, strip.noise, rows, columns, offsets, n_lines)
    scatter = np.empty(len(rows))
    smooth_along(found, x_order + 1, kappa, scatter)
    group, column = np.nonzero(np.isfinite(found[:, :, 0]))
    row, error, width = found[group, column, :3].T
    angstrom = sampling[group]
    places = Places(
        x=np.asarray(column + strip.first + 1, np.float64),
        y=row + 1.0,
        wavelength=lines.wavelength[index[group]],
        error=(error * angstrom).astype(np.float32),
        scatter=(scatter[group] * angstrom).astype(np.float32),
        fwhm=(FWHM * width * angstrom).astype(np.float32),
        sampling=angstrom.astype(np.float32),
        line=numbers[index[group]].astype(np.int32),
    )
    return places, _light_centres(found[:, :, 4], sampling, numbers[index])


def _light_centres(
    offsets: Floats, sampling: Floats, numbers: NDArray[np.int64]
) -> LightCentres:
    """Average the centres of light, float64[n_lines, n_columns] [pix], of each line."""
    n = np.isfinite(offsets).sum(axis=1)
    kept = n >= FEWEST_COLUMNS
    offsets, n = offsets[kept], n[kept]
    middle = _medians(offsets, n)
    spread = 1.4826 * _medians(np.abs(offsets - middle[:, None]), n)
    error = 1.25 * spread / np.sqrt(n)
    return LightCentres(numbers[kept], middle * sampling[kept], error * sampling[kept])


def _medians(values: Floats, n: NDArray[np.int64]) -> Floats:
    """Return the median of the ``n`` finite values of each row."""
    ordered, rows = np.sort(values, axis=1), np.arange(len(values))
    return np.asarray((ordered[rows, (n - 1) // 2] + ordered[rows, n // 2]) / 2)


def _neighbours(
    index: NDArray[np.int64], sampling: Floats, lines: ArcLines
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the distances [pix] of lines to be fitted together with each line."""
    offsets = np.zeros((len(index), MAX_LINES))
    n_lines = np.ones(len(index), np.int64)
    distance = np.abs(lines.wavelength - lines.wavelength[index, None])
    near = (distance < (REACH + 2) * sampling[:, None]) & (distance > RESOLVED)
    near &= lines.flux > NOTICED * lines.flux[index, None]
    for g in np.flatnonzero(near.any(axis=1)):
        candidates = np.flatnonzero(near[g])
        order = np.argsort(-lines.flux[candidates], kind="stable")
        places = lines.wavelength[candidates[order]] - lines.wavelength[index[g]]
        for place in places / sampling[g]:
            known = offsets[g, : n_lines[g]]
            if np.abs(known - place).min() * sampling[g] > RESOLVED:
                offsets[g, n_lines[g]] = place
                n_lines[g] += 1
            if n_lines[g] == MAX_LINES:
                break
    return offsets, n_lines
