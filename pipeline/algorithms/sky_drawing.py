"""The parts of a model of the sky's lines, drawn at the bins of its spectrum."""

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.lsf import SliceLsf
from pipeline.algorithms.sky_lines import SkyLines
from pipeline.algorithms.splines import spline_matrix

Array = NDArray[np.float64]

KNOTS = 40.0
"""Distance of the knots of the continuum during the fit [Angstrom] (ours)."""

DERIVATIVE_STEP = 0.25
"""For numerical derivatives by wavelength [Angstrom]."""

ORDERS = (1, 2, 1)
"""Orders in wavelength of shift, width and skewness."""

WING = 1.5
"""Sigma of the smearing that makes the wings [Angstrom] (ours): about one and a half times
the line spread; from 1.0 to 2.5 the fluxes of the benchmark change by 0.5 per cent."""

WING_ORDER = 1
"""Order in wavelength of the share of the wings."""


class LineDrawing:
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

    def powers(self, lines: SkyLines, n: int) -> list[Array]:
        """Return all lines times powers of their place, as `wings` but not smeared."""
        x = self.place(lines.wavelength)
        return [self.lines(lines, lines.flux * x**power) for power in range(n)]

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
        n = max(round((high - low) / KNOTS), 1)
        place = (self._x - low) / (high - low) * n
        return list(np.ascontiguousarray(spline_matrix(place, n).T))
