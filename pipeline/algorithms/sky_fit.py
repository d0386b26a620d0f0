"""Fluxes of the sky's lines, fitted to its spectrum, and the continuum under them.

The fluxes are found by linear least squares, first one factor for each group of lines,
then each line for itself as far as the data tell lines apart. Line shapes are never known
well enough, so shift, width and skewness of all lines vary with wavelength, too: to first
order that adds multiples of the derivatives of the line spectrum, which have no area and
so leave the fluxes alone. Wings that the line spread function lacks do have one: the same
lines, smeared, take a share of the light. A spline stands for the continuum.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import solve

from pipeline.algorithms.lsf import SliceLsf
from pipeline.spec import BadInput, Columns

Array = NDArray[np.float64]

KNOTS = 40.0
"""Distance of the knots of the continuum during the fit [Angstrom] (ours)."""

N_ROUNDS = 4
"""Rounds; the derivatives belong to the fluxes and shifts of the round before, and in the
last one each line has a flux of its own."""

FREEDOM = 0.5
"""By how much a line may differ from its group, one sigma (ours): the temperature of the
upper atmosphere changes the ratios within a group."""

SHAPE_ERROR = 0.01
"""Error of the line shape, share of the line's light (ours)."""

RIDGE = 1e-10
"""Added to the unit diagonal of the normal equations."""

DERIVATIVE_STEP = 0.25
"""For numerical derivatives by wavelength [Angstrom]."""

ORDERS = (1, 2, 1)
"""Orders in wavelength of shift, width and skewness."""

WING = 1.5
"""Sigma of the smearing that makes the wings [Angstrom] (ours): about one and a half times
the line spread; from 1.0 to 2.5 the fluxes of the benchmark change by 0.5 per cent."""

WING_ORDER = 1
"""Order in wavelength of the share of the wings."""

TINY = 1e-6
"""Factor of a group at least, so that it can come back in the next round."""

MARGIN = 5.0
"""Lines up to this far outside the spectrum are kept [Angstrom] (genuine pipeline)."""


@dataclass(frozen=True)
class SkyLines:
    """Lines of the sky, each [n]: name, group, wavelength [A], flux, flag, given flux."""

    name: NDArray[np.str_]
    group: NDArray[np.int32]
    wavelength: Array
    flux: Array
    dq: NDArray[np.int32]
    given: Array

    @classmethod
    def of(cls, columns: Columns, low: float, high: float) -> "SkyLines":
        """Return the good lines of a SKY_LINES table that a spectrum may show.

        Groups are numbered from 0 without gaps.
        """
        wavelength = np.asarray(columns["lambda"], np.float64)
        dq = np.asarray(columns["dq"], np.int32)
        use = (wavelength >= low - MARGIN) & (wavelength <= high + MARGIN) & (dq == 0)
        _, group = np.unique(np.asarray(columns["group"])[use], return_inverse=True)
        flux = np.asarray(columns["flux"], np.float64)[use]
        return cls(
            np.asarray(columns["name"])[use],
            group.astype(np.int32),
            wavelength[use],
            flux,
            dq[use],
            flux,
        )

    def brightest_first(self) -> "SkyLines":
        """Return the lines by decreasing flux."""
        order = np.argsort(-self.flux, kind="stable")
        return SkyLines(*(getattr(self, f)[order] for f in self.__dataclass_fields__))

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Return the columns of a SKY_LINES table."""
        return {
            "name": self.name,
            "group": self.group,
            "lambda": self.wavelength,
            "flux": self.flux,
            "dq": self.dq,
        }


def fit_sky_lines(
    wavelength: Array, data: Array, stat: Array, lines: SkyLines, lsf: SliceLsf
) -> SkyLines:
    """Fit the fluxes of the groups and a shift of all wavelengths.

    Parameters
    ----------
    wavelength, data, stat : float64[n]
        Spectrum of the sky at equal steps [Angstrom]; NaN where unknown.
    lines
        Known lines with relative fluxes within the groups.
    lsf
        Mean line spread function.

    Returns
    -------
    SkyLines
        With the fitted fluxes [data times Angstrom] and wavelengths.

    Raises
    ------
    BadInput
        If there are no lines in the spectrum.
    """
    if lines.flux.size == 0:
        raise BadInput(
            "there are none in the range of the spectrum",
            keyword="SKY_LINES",
            remedy="give a SKY_LINES table that covers the wavelengths of the data",
        )
    drawing = _Drawing(wavelength, lsf)
    spline = drawing.continuum()
    good = np.isfinite(data) & (stat > 0)
    for number in range(N_ROUNDS):
        doubt = SHAPE_ERROR * drawing.lines(lines, lines.flux) if number else 0.0
        weight = np.where(good, 1.0, 0.0)
        weight[good] = 1.0 / np.sqrt(stat + doubt**2)[good]
        single = number == N_ROUNDS - 1
        parts = drawing.singles(lines) if single else drawing.groups(lines)
        shapes = drawing.shapes(lines) if number else []
        wings = drawing.wings(lines) if number else []
        solution = _solve(
            [*parts, *spline, *shapes, *wings],
            np.where(good, data, 0.0),
            weight,
            len(parts),
            FREEDOM if single else np.inf,
        )
        factor = np.maximum(solution[: len(parts)], TINY)
        factor = factor if single else factor[lines.group]
        position = lines.wavelength
        if number:
            place = drawing.place(position)
            offset, slope = solution[len(parts) + len(spline) :][:2]
            position = position + offset + slope * place
            factor = factor + np.polynomial.polynomial.polyval(
                place, solution[-len(wings) :]
            )
        flux = lines.flux * np.maximum(factor, TINY)
        lines = replace(lines, flux=flux, wavelength=position)
    return lines


def _solve(
    columns: list[Array], data: Array, weight: Array, n_parts: int, freedom: float
) -> Array:
    """Solve the weighted least-squares problem.

    The first ``n_parts`` coefficients are expected to be 1 within ``freedom``.
    """
    matrix = np.column_stack(columns) * weight[:, None]
    expected = np.where(np.arange(len(columns)) < n_parts, freedom**-2.0, 0.0)
    norm = np.sqrt((matrix**2).sum(axis=0) + expected)
    norm[norm == 0] = 1.0
    matrix /= norm
    normal = matrix.T @ matrix + np.diag(expected / norm**2 + RIDGE)
    target = matrix.T @ (data * weight) + expected / norm
    return np.asarray(solve(normal, target, assume_a="pos") / norm)


class _Drawing:
    """Draws the parts of the model at the bins of the spectrum, each float64[n]."""

    def __init__(self, wavelength: Array, lsf: SliceLsf) -> None:
        self._x = wavelength
        self._step = float(wavelength[1] - wavelength[0])
        self._lsf = lsf.over_bins(self._step)
        self._wings = self._lsf.smeared(WING)

    def place(self, wavelength: Array) -> Array:
        """Return wavelengths as -1 to 1 over the spectrum."""
        middle = 0.5 * (self._x[0] + self._x[-1])
        return np.asarray(2 * (wavelength - middle) / (self._x[-1] - self._x[0]))

    def lines(self, lines: SkyLines, flux: Array, shift: float = 0.0) -> Array:
        """Return the spectrum of all lines."""
        return self._lsf.draw(
            lines.wavelength + shift, flux, float(self._x[0]), self._step, self._x.size
        )

    def groups(self, lines: SkyLines) -> list[Array]:
        """Return the spectrum of each group."""
        return [
            self.lines(lines, np.where(lines.group == g, lines.flux, 0.0))
            for g in range(int(lines.group.max()) + 1)
        ]

    def singles(self, lines: SkyLines) -> list[Array]:
        """Return the spectrum of each line."""
        return [
            self._lsf.draw(
                lines.wavelength[k : k + 1],
                lines.flux[k : k + 1],
                float(self._x[0]),
                self._step,
                self._x.size,
            )
            for k in range(lines.flux.size)
        ]

    def shapes(self, lines: SkyLines) -> list[Array]:
        """Return the effects of shift, width and skewness.

        They change with the place of the line, not of the pixel: so none has an area,
        even where a single line is all there is.
        """
        x = self.place(lines.wavelength)
        powers = [
            self._derivatives(lines, lines.flux * x**power)
            for power in range(max(ORDERS) + 1)
        ]
        return [
            powers[power][k] for k, order in enumerate(ORDERS) for power in range(order + 1)
        ]

    def wings(self, lines: SkyLines) -> list[Array]:
        """Return all lines, smeared, times powers of their place."""
        x, first = self.place(lines.wavelength), float(self._x[0])
        return [
            self._wings.draw(
                lines.wavelength, lines.flux * x**power, first, self._step, self._x.size
            )
            for power in range(WING_ORDER + 1)
        ]

    def _derivatives(self, lines: SkyLines, flux: Array) -> tuple[Array, Array, Array]:
        """Return the first three derivatives of the spectrum by the shift of all lines."""
        h = DERIVATIVE_STEP
        at = {k: self.lines(lines, flux, k * h) for k in (-2, -1, 0, 1, 2)}
        return (
            (at[1] - at[-1]) / (2 * h),
            (at[1] - 2 * at[0] + at[-1]) / h**2,
            (at[2] - 2 * at[1] + 2 * at[-1] - at[-2]) / (2 * h**3),
        )

    def continuum(self) -> list[Array]:
        """Return the cubic B-splines that stand for the continuum."""
        low, high = self._x[0], self._x[-1]
        inner = np.linspace(low, high, max(round((high - low) / KNOTS), 1) + 1)
        knots = np.concatenate([[low] * 3, inner, [high] * 3])
        return list(BSpline.design_matrix(self._x, knots, 3).toarray().T)


def sky_continuum(
    wavelength: Array, data: Array, lines: SkyLines, lsf: SliceLsf, sampling: float
) -> dict[str, Array]:
    """Return what is left of a spectrum without the lines, as a SKY_CONTINUUM.

    Parameters
    ----------
    wavelength, data : float64[n]
        Spectrum of the sky; gaps are interpolated.
    lines
        Fitted lines.
    lsf
        Mean line spread function.
    sampling
        Step of the result [Angstrom].
    """
    good = np.isfinite(data)
    rest = data - _Drawing(wavelength, lsf).lines(lines, lines.flux)
    grid = wavelength[0] + sampling * np.arange(int(np.ptp(wavelength) / sampling))
    return {"lambda": grid, "flux": np.interp(grid, wavelength[good], rest[good])}


def line_qc(lines: SkyLines) -> dict[str, str | float]:
    """Return the line of each group that is brightest as given, named as after ``QC SKY``.

    It is the same one in all exposures, whatever the excitation of the molecules.
    """
    found: dict[str, str | float] = {}
    for g in range(int(lines.group.max()) + 1):
        members = np.flatnonzero(lines.group == g)
        k = members[np.argmax(lines.given[members])]
        found[f"LINE{g + 1} NAME"] = str(lines.name[k])
        found[f"LINE{g + 1} AWAV"] = float(lines.wavelength[k])
        found[f"LINE{g + 1} FLUX"] = float(lines.flux[k])
    return found


def continuum_qc(continuum: dict[str, Array]) -> dict[str, float]:
    """Return sum and steepest slope of a continuum, named as after ``QC SKY``."""
    slope = np.abs(np.diff(continuum["flux"]) / np.diff(continuum["lambda"]))
    return {"CONT FLUX": float(continuum["flux"].sum()), "CONT MAXDEV": float(slope.max())}
