"""The wavelength of every pixel of a slice: surfaces through the places of arc lines."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.polynomial.polynomial import polyval2d
from numpy.typing import NDArray

from pipeline.algorithms.chebyshev import chebyshev_powers
from pipeline.kernels.surface import add_places, solve_surface, surface_at

Floats = NDArray[np.float64]
Weighting = Literal["uniform", "cerr", "scatter", "cerrscatter"]

MAX_ROUNDS = 12


@dataclass(frozen=True)
class Places:
    """Where lines were measured in one slice, one entry a line and column.

    ``x``, ``y``, ``wavelength``: float64[n] [pix, 1-based; Angstrom]; ``error`` of the
    centre, ``scatter`` of the line along the slice, ``fwhm``: float32[n] [Angstrom];
    ``sampling``: float32[n] [Angstrom/pix]; ``line``: int32[n], number of the line in
    the catalogue.
    """

    x: Floats
    y: Floats
    wavelength: Floats
    error: NDArray[np.float32]
    scatter: NDArray[np.float32]
    fwhm: NDArray[np.float32]
    sampling: NDArray[np.float32]
    line: NDArray[np.int32]

    @staticmethod
    def join(parts: Sequence["Places"]) -> "Places":
        """Return the places of several lamps as one."""
        names = [field.name for field in fields(Places)]
        return Places(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


@dataclass(frozen=True)
class Round:
    """One round of a fit.

    ``used``: bool[n], which places took part; ``scaled``: float64[n_x, n_y], the surface
    through them in scaled places; ``limit`` of the residuals [Angstrom].
    """

    used: NDArray[np.bool_]
    scaled: Floats
    limit: float


@dataclass(frozen=True)
class Surface:
    """Wavelength solution of one slice.

    ``coefficients``: float64[n_x, n_y], powers of the 1-based column and row [Angstrom];
    ``mse``: mean square residual of the places used [Angstrom**2]; ``used``: bool[n];
    ``rounds``: the history of the fit, if it was asked for.
    """

    coefficients: Floats
    mse: float
    used: NDArray[np.bool_]
    rounds: tuple[Round, ...]

    def at(self, x: Floats | float, y: Floats | float) -> Floats:
        """Return wavelengths [Angstrom] at 1-based places."""
        return np.asarray(polyval2d(x, y, self.coefficients))


def fit_wavelengths(
    places: Places,
    n_rows: int,
    *,
    x_order: int,
    y_order: int,
    weighting: Weighting,
    kappa: float,
    line_error: Floats | None = None,
    max_rounds: int = MAX_ROUNDS,
    history: bool = False,
) -> Surface | None:
    """Fit a surface to the lines of a slice, rejecting deviant places.

    Parameters
    ----------
    places
        Where the lines are.
    n_rows
        Rows of the detector.
    x_order, y_order
        Orders of the polynomials along the slice and along the dispersion.
    weighting
        Which errors set the weights.
    kappa
        Rejection limit [standard deviations].
    line_error : float64[n] or None
        Further error of each place, common to its line [Angstrom].
    max_rounds
        Most rounds of rejection.
    history
        Whether to keep the residuals of every round.

    Returns
    -------
    Surface or None
        None if the lines do not determine it.
    """
    if n_distinct(places.line) <= y_order or n_distinct(places.x) <= x_order:
        return None
    ranges = (_range(places.x), (1.0, float(n_rows)))
    x, y, values, middle = _scaled_places(places, n_rows)
    weights = _weights(places, weighting, line_error)
    used = np.ones(len(x), bool)
    rounds: list[Round] = []
    n_x, n_y = x_order + 1, y_order + 1
    matrix, vector = np.zeros((n_x * n_y, n_x * n_y)), np.zeros(n_x * n_y)
    add_places(x, y, values, weights, n_x, n_y, matrix, vector)
    for _ in range(max_rounds):
        if n_distinct(places.line[used]) <= y_order:
            return None
        scaled = solve_surface(matrix, vector, n_x, n_y)
        if not np.isfinite(scaled).all():
            return None
        rest = values - surface_at(scaled, x, y)
        limit = kappa * float(np.sqrt(np.mean(rest[used] ** 2)))
        if history:
            rounds.append(Round(used, scaled.copy(), limit))
        taken, mse = used, float(np.mean(rest[used] ** 2))
        kept = used & (np.abs(rest) <= limit)
        if (kept == used).all():
            break
        lost = np.where(used & ~kept, -weights, 0.0)
        add_places(x, y, values, lost, n_x, n_y, matrix, vector)
        used = kept
    scaled[0, 0] += middle
    return Surface(_plain(scaled, ranges), mse, taken, tuple(rounds))


def residuals(places: Places, n_rows: int, done: Round) -> Floats:
    """Return the residuals of the places that took part in a round [Angstrom]."""
    x, y, values, _ = _scaled_places(places, n_rows)
    return np.asarray((values - surface_at(done.scaled, x, y))[done.used])


def n_distinct(numbers: NDArray[np.int32] | Floats) -> int:
    """Return how many different lines or columns there are."""
    return int(np.count_nonzero(np.bincount(numbers.astype(np.int64))))


def _scaled_places(places: Places, n_rows: int) -> tuple[Floats, Floats, Floats, float]:
    """Return columns and rows within -1 and 1, the wavelengths above some one, and that."""
    x = _unit(places.x, _range(places.x))
    y = _unit(places.y, (1.0, float(n_rows)))
    middle = float(np.median(places.wavelength))
    return x, y, places.wavelength - middle, middle


def _range(values: Floats) -> tuple[float, float]:
    """Return the extremes."""
    return float(values.min()), float(values.max())


def _unit(values: Floats, limits: tuple[float, float]) -> Floats:
    """Scale values to -1 ... 1."""
    low, high = limits
    return np.ascontiguousarray((2 * values - low - high) / (high - low))


def _weights(places: Places, weighting: Weighting, line_error: Floats | None) -> Floats:
    """Return inverse variances."""
    variance = np.zeros(len(places.x))
    if weighting in ("cerr", "cerrscatter"):
        variance += places.error**2
    if weighting in ("scatter", "cerrscatter"):
        variance += places.scatter**2
    if weighting == "uniform":
        variance += 1.0
    elif line_error is not None:
        variance += line_error**2
    return np.asarray(1 / variance)


def _plain(scaled: Floats, ranges: tuple[tuple[float, float], ...]) -> Floats:
    """Turn Chebyshev coefficients in scaled places into powers of the pixel."""
    to_x, to_y = (chebyshev_powers(r, n) for n, r in zip(scaled.shape, ranges, strict=True))
    return np.asarray(to_x.T @ scaled @ to_y)
