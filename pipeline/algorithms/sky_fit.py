"""Fluxes of the sky's lines, fitted to its spectrum, and the continuum under them.

The fluxes are found by linear least squares, first one factor for each group of lines,
then each line for itself as far as the data tell lines apart. Line shapes are never known
well enough, so shift, width and skewness of all lines vary with wavelength, too: to first
order that adds multiples of the derivatives of the line spectrum, which have no area and
so leave the fluxes alone. Wings that the line spread function lacks do have one: the same
lines, smeared, take a share of the light. A spline stands for the continuum.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.lsf import SliceLsf
from pipeline.algorithms.sky_drawing import LineDrawing
from pipeline.algorithms.sky_equations import LineEquations
from pipeline.algorithms.sky_lines import SkyLines
from pipeline.algorithms.sky_smoothing import without_noise
from pipeline.algorithms.sky_spectrum import FieldSky
from pipeline.spec import BadInput

Array = NDArray[np.float64]

N_ROUNDS = 4
"""Rounds; the derivatives belong to the fluxes and shifts of the round before, and in the
last one each line has a flux of its own."""

FREEDOM = 0.5
"""By how much a line may differ from its group, one sigma (ours): the temperature of the
upper atmosphere changes the ratios within a group."""

SHAPE_ERROR = 0.01
"""Error of the line shape, share of the line's light (ours)."""

TINY = 1e-6
"""Factor of a group at least, so that it can come back in the next round."""


@dataclass(frozen=True)
class FittedLines:
    """What a fit found.

    ``lines``: with the fitted fluxes [data times Angstrom] and wavelengths.
    """

    lines: SkyLines
    _equations: LineEquations = field(repr=False)
    _effects: list[Array] = field(repr=False)
    _stat: Array = field(repr=False)

    def variance(self) -> Array:
        """Return the variance of the spectrum of these lines, float64[n].

        It is what the noise of the sky leaves in it.
        """
        return self._equations.noise(self._effects, self._stat)


def fit_sky_lines(
    wavelength: Array, data: Array, stat: Array, lines: SkyLines, lsf: SliceLsf
) -> FittedLines:
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
    FittedLines
        The lines, and on demand the noise of their spectrum.

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
    drawing = LineDrawing(wavelength, lsf)
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
        freedom = FREEDOM if single else np.inf
        columns = [*parts, *spline, *shapes, *wings]
        equations = LineEquations(columns, weight, len(parts), freedom)
        solution = equations.solve(np.where(good, data, 0.0))
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
        before, flux = lines, lines.flux * np.maximum(factor, TINY)
        lines = replace(lines, flux=flux, wavelength=position)
    nothing = np.zeros_like(data)
    effects = [*parts, *[nothing] * len(spline), *shapes[:2], *[nothing] * len(shapes[2:])]
    effects += drawing.powers(before, len(wings))
    return FittedLines(lines, equations, effects, np.where(good, stat, 0.0))


def sky_continuum(
    sky: FieldSky, lines: SkyLines, lsf: SliceLsf, sampling: float, *, smooth: bool = True
) -> dict[str, Array]:
    """Return what is left of a spectrum without the lines, as a SKY_CONTINUUM.

    Parameters
    ----------
    sky
        The observed sky; gaps of its spectrum are interpolated.
    lines
        Fitted lines.
    lsf
        Mean line spread function.
    sampling
        Step of the result [Angstrom].
    smooth
        Whether details that noise can make are left out.

    Returns
    -------
    dict
        ``lambda`` [Angstrom], ``flux`` and its variance ``stat``, float64[n] each.
    """
    wavelength = sky.wavelength
    light = LineDrawing(wavelength, lsf).lines(lines, lines.flux)
    rest = sky.data - light
    good = np.isfinite(rest) & (sky.stat > 0)
    flux, stat = (
        np.interp(wavelength, wavelength[good], a[good]) for a in (rest, sky.stat)
    )
    if smooth:
        flux, stat = without_noise(flux, stat, SHAPE_ERROR * light)
    grid = wavelength[0] + sampling * np.arange(int(np.ptp(wavelength) / sampling))
    flux, stat = (np.interp(grid, wavelength, a) for a in (flux, stat))
    return {"lambda": grid, "flux": flux, "stat": stat}


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
