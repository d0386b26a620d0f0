"""Line spread functions as damped Gauss-Hermite functions: method ``hermit``.

The function of the genuine pipeline (manual, A.3.9): a Gaussian with terms of third to
sixth order, seen through slit and bin. Its second integral ``G`` is known, so the two
boxes are a second difference of it. Area and mean are 1 and 0 by construction. Width and
terms are polynomials of the distance from 7000 Angstrom.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from pipeline.spec import Table

Floats = NDArray[np.float64]

MIDDLE = 7000.0
"""Wavelength from which the polynomials count [Angstrom] (genuine pipeline)."""
SLIT, BIN = 2.61, 1.25
"""Nominal widths of slit and bin [Angstrom] (genuine pipeline)."""
SIGMA = 0.5
"""Width of the Gaussian to begin with [Angstrom] (genuine pipeline)."""
ORDERS = (3, 1, 2, 1, 2)
"""Number of coefficients of the width and of the terms of third to sixth order (genuine
pipeline)."""
N_COLUMN = 2
"""Coefficients of each term that the table has room for (genuine pipeline)."""
SCALE = 1000.0
"""Unit of the distance from the middle during the fit [Angstrom]."""
LOOSE = 1e-3
"""Weight of the nominal widths, which the profile tells hardly apart (ours)."""


@dataclass(frozen=True)
class GaussHermite:
    """Line spread function of one slice.

    ``slit``, ``bin``: widths [Angstrom]; ``width``, ``terms``: coefficients of the
    Gaussian's width [Angstrom] and of the terms of third to sixth order, in powers of the
    wavelength minus `MIDDLE` [Angstrom].
    """

    slit: float
    bin: float
    width: Floats
    terms: tuple[Floats, ...]

    def at(self, wavelength: Floats, offset: Floats) -> Floats:
        """Return the profile [1/Angstrom], float64[n_wavelengths, n_offsets]."""
        x = np.asarray(wavelength, np.float64)[:, None] - MIDDLE
        width = polyval(x, self.width)
        damping = _damping([np.asarray(polyval(x, term)) for term in self.terms])
        slit, half_bin = self.slit / (2 * width), self.bin / (2 * width)
        at = offset / width
        second = (
            _second_integral(at + slit + half_bin, damping)
            - _second_integral(at + slit - half_bin, damping)
            - _second_integral(at - slit + half_bin, damping)
            + _second_integral(at - slit - half_bin, damping)
        )
        return np.asarray(second / (4 * np.sqrt(2 * np.pi) * slit * half_bin * width))


def _damping(h: list[Floats]) -> tuple[Floats, ...]:
    """Return the polynomial that the terms of third to sixth order amount to."""
    h3, h4, h5, h6 = h
    return (
        -2.5 * np.sqrt(6) * h4 + 1.5 * np.sqrt(5) * h6,
        10 * np.sqrt(3) * h3 - 3 * np.sqrt(15) * h5,
        5 * np.sqrt(6) * h4 - 6 * np.sqrt(5) * h6,
        2 * np.sqrt(15) * h5,
        2 * np.sqrt(5) * h6,
    )


def _second_integral(x: Floats, damping: tuple[Floats, ...]) -> Floats:
    """Return the second integral of the Gaussian with its terms."""
    from scipy.special import erf  # costs 20 MB, which only this form needs

    terms = damping[4]
    for term in damping[3::-1]:
        terms = terms * x + term
    bell = np.exp(-0.5 * x * x)
    slope = np.sqrt(np.pi / 2) * x * erf(x * np.sqrt(0.5))
    return np.asarray(bell + terms * bell * bell / 60 + slope)


def fit_gauss_hermite(
    wavelength: Floats, offset: Floats, profiles: Floats, start: GaussHermite | None = None
) -> GaussHermite:
    """Fit measured profiles.

    Parameters
    ----------
    wavelength : float64[n]
        [Angstrom].
    offset : float64[m]
        Distance from the line [Angstrom].
    profiles : float64[n, m]
        [1/Angstrom].
    start
        Where to begin.
    """
    from scipy.optimize import least_squares  # costs 20 MB, which only this method needs

    first = np.zeros(2 + sum(ORDERS))
    first[:3] = SLIT, BIN, SIGMA
    if start is not None:
        first = _numbers(start)

    def rest(numbers: Floats) -> Floats:
        loose = LOOSE * (numbers[:2] - [SLIT, BIN])
        model = _function(numbers).at(wavelength, offset)
        return np.concatenate([(model - profiles).ravel(), loose])

    low = np.full(len(first), -np.inf)
    low[:3] = 0.1, 0.1, 0.05
    return _function(least_squares(rest, np.maximum(first, low), bounds=(low, np.inf)).x)


def _function(numbers: Floats) -> GaussHermite:
    """Return the function of the numbers that are fitted."""
    parts = np.split(numbers[2:], np.cumsum(ORDERS)[:-1])
    scaled = [part / SCALE ** np.arange(len(part)) for part in parts]
    return GaussHermite(float(numbers[0]), float(numbers[1]), scaled[0], tuple(scaled[1:]))


def _numbers(function: GaussHermite) -> Floats:
    """Return the numbers that are fitted."""
    parts = [p * SCALE ** np.arange(len(p)) for p in (function.width, *function.terms)]
    return np.concatenate([[function.slit, function.bin], *parts])


def parameter_table(ifu: int, functions: list[GaussHermite]) -> Table:
    """Return the table ``SLICE_PARAM`` of the genuine pipeline (manual, A.3.9)."""
    n = len(functions)
    columns: dict[str, NDArray[Any]] = {
        "ifu": np.full(n, ifu, np.int32),
        "slice": np.arange(1, n + 1, dtype=np.int32),
        "sensitivity": np.ones(n),
        "offset": np.zeros(n),
        "refraction": np.ones(n),
        "slit_width": np.array([f.slit for f in functions]),
        "bin_width": np.array([f.bin for f in functions]),
        "lsf_width": np.array([f.width for f in functions]),
    }
    for k in range(4):
        padded = np.zeros((n, N_COLUMN))
        for s, function in enumerate(functions):
            padded[s, : len(function.terms[k])] = function.terms[k]
        columns[f"hermit{k + 3}"] = padded
    units = dict.fromkeys(("slit_width", "bin_width", "lsf_width"), "Angstrom")
    return Table(columns, units)


def read_parameters(
    columns: Mapping[str, NDArray[Any]],
) -> dict[tuple[int, int], GaussHermite]:
    """Return the functions of a table ``SLICE_PARAM`` by IFU and slice.

    A cell of one number or of an array are both understood.
    """
    found = {}
    for row in range(len(columns["slice"])):
        cell = {
            name: np.atleast_1d(np.asarray(column[row], np.float64))
            for name, column in columns.items()
        }
        function = GaussHermite(
            float(cell["slit_width"][0]),
            float(cell["bin_width"][0]),
            cell["lsf_width"],
            tuple(cell[f"hermit{k}"] for k in range(3, 7)),
        )
        found[int(cell["ifu"][0]), int(cell["slice"][0])] = function
    return found


def is_usable(function: GaussHermite) -> bool:
    """Return whether a function is one at all wavelengths of the instrument."""
    widths = polyval(np.linspace(4650, 9300, 31) - MIDDLE, function.width)
    numbers = np.concatenate([function.width, *function.terms])
    boxes = function.slit > 0 and function.bin > 0
    return bool(boxes and np.isfinite(numbers).all() and (widths > 0).all())
