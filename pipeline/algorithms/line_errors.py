"""Errors that a line has in all slices: blends, wrong wavelengths, skewed profiles.

Both follow from looking at all slices of an IFU together, which the fit of a single slice
cannot do.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_lines import ArcLines
from pipeline.algorithms.wavelength import Places, Surface
from pipeline.kernels.surface import add_places, solve_surface, surface_at

Floats = NDArray[np.float64]

SMALLEST_ERROR = 0.001
"""Error of a wavelength assumed at least [Angstrom]: the catalogue's last digit."""
WINDOW = 10.0
"""Distance within which other lines displace the centre of light [Angstrom]."""
CLEAN = 0.001
"""Displacement by known neighbours up to which a line counts as isolated [Angstrom]."""
MIN_LINES = 5
"""Isolated lines a slice must have, on average, for its profile to be measured."""
PRECISE = 0.25
"""Part of the centres of light, the most precise ones, that count nearly alike. Most of
the isolated lines are faint, and unknown blends move them by 0.1 Angstrom: where they
counted alike, all lamps together gave wavelengths that are 0.008 Angstrom off."""


class LightCentres(NamedTuple):
    """How far redward of its Gaussian centre the light of lines of a slice is centred.

    ``line``: int64[n], number in the catalogue; ``offset``, ``error``: float64[n],
    median over the columns and its error [Angstrom].
    """

    line: NDArray[np.int64]
    offset: Floats
    error: Floats


def line_errors(
    places: Sequence[Places], surfaces: Sequence[Surface], n_lines: int
) -> Floats:
    """Return the common error of each line of the catalogue [Angstrom], float64[n_lines].

    It is the median over the slices of the mean residual of the line.
    """
    residuals = np.full((len(places), n_lines), np.nan)
    for s, (there, surface) in enumerate(zip(places, surfaces, strict=True)):
        n = np.bincount(there.line, minlength=n_lines)
        rest = there.wavelength - surface.at(there.x, there.y)
        total = np.bincount(there.line, rest, minlength=n_lines)
        np.divide(total, n, out=residuals[s], where=n > 0)
    seen = np.isfinite(residuals).any(axis=0)
    error = np.full(n_lines, SMALLEST_ERROR)
    error[seen] = np.abs(np.nanmedian(residuals[:, seen], axis=0))
    return np.asarray(np.maximum(error, SMALLEST_ERROR))


def spread_over_columns(error: Floats, places: Places) -> Floats:
    """Return the error that each place of a line gets, so that they add up to ``error``.

    The places of a line share its error, while a fit treats them as independent.
    """
    n = np.bincount(places.line, minlength=len(error))
    return np.asarray((error * np.sqrt(n))[places.line])


def isolated_lines(lines: ArcLines, groups: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Return which lines no other line of the same lamp displaces, bool[n_lines]."""
    isolated = np.zeros(len(lines.wavelength), bool)
    for elements in groups:
        here = np.flatnonzero(np.isin(lines.element, elements))
        distance = np.abs(lines.wavelength[here, None] - lines.wavelength[here])
        pull = lines.flux[here] / lines.flux[here, None] * distance
        isolated[here] = np.where(distance < WINDOW, pull, 0.0).sum(axis=1) < CLEAN
    return isolated


def skew_correction(
    places: Sequence[Places],
    light: Sequence[LightCentres],
    isolated: NDArray[np.bool_],
    wavelength: Floats,
) -> list[Floats]:
    """Return how far redward of the Gaussian centre the light of each place is centred.

    A Gaussian fitted to a skewed line misses the centre of its light. The difference is
    measured on isolated bright lines and described by a smooth surface over slices and
    wavelengths; it does not depend on the brightness of a line, because all pixels have
    the same weight in the fits.

    Parameters
    ----------
    places
        By slice: where lines were measured.
    light
        By slice: centres of light of these lines.
    isolated, wavelength : bool[n_lines], float64[n_lines]
        By line of the catalogue; wavelength in [Angstrom].

    Returns
    -------
    list of float64[n]
        By slice: correction of each place [Angstrom]; zeros if there are too few lines.
    """
    chosen = [isolated[centres.line] for centres in light]
    slices = np.repeat(np.arange(len(light)), [int(c.sum()) for c in chosen])
    lines, offsets, errors = (
        np.concatenate([column[c] for column, c in zip(columns, chosen, strict=True)])
        for columns in zip(*light, strict=True)
    )
    if len(slices) < MIN_LINES * len(places):
        return [np.zeros(len(there.x)) for there in places]
    waves = wavelength[lines]
    shape = (min(3, len(places)), 3)
    low, high = float(waves.min()), float(waves.max())
    x = 2 * slices / max(len(places) - 1, 1) - 1
    y = 2 * (waves - low) / (high - low) - 1
    surface = _robust_surface(x, y, offsets, errors, shape)
    corrections = []
    for s, there in enumerate(places):
        unit = np.clip(2 * (there.wavelength - low) / (high - low) - 1, -1, 1)
        place = np.full(len(unit), 2 * s / max(len(places) - 1, 1) - 1)
        corrections.append(surface_at(surface, place, unit))
    return corrections


def _robust_surface(
    x: Floats, y: Floats, values: Floats, errors: Floats, shape: tuple[int, int]
) -> Floats:
    """Fit a surface, rejecting values far from the median deviation."""
    floor = np.quantile(errors, PRECISE)
    weights = 1 / (errors**2 + floor**2)
    good = np.abs(values - np.median(values)) < 10 * np.median(
        np.abs(values - np.median(values))
    )
    for _ in range(8):
        n = shape[0] * shape[1]
        matrix, vector = np.zeros((n, n)), np.zeros(n)
        add_places(x, y, values, np.where(good, weights, 0.0), *shape, matrix, vector)
        surface = solve_surface(matrix, vector, *shape)
        pull = (values - surface_at(surface, x, y)) * np.sqrt(weights)
        limit = 3.5 * 1.4826 * np.median(np.abs(pull[good]))
        kept = np.abs(pull) <= limit
        if (kept == good).all():
            break
        good = kept
    return np.asarray(surface)


def corrected(places: Places, correction: Floats) -> Places:
    """Return the places moved by ``correction`` [Angstrom] to the centres of light."""
    return replace(places, y=places.y + correction / places.sampling)
