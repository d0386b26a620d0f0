"""Subtraction of a model of the sky from pixels, each slice with its own line shape."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from pipeline.algorithms.lsf import Lsf, SliceLsf, lsf_of
from pipeline.kernels.sky import subtract_spectra
from pipeline.spec import BadInput, Columns, Pixels, Segment

STEP = 0.25
"""Sampling of the model [Angstrom]; cubic interpolation then errs by 1e-4 of a line."""

Noise = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Wavelengths [Angstrom] and the variance of a model of the sky there."""


@dataclass(frozen=True)
class SkySubtraction:
    """Takes the sky out of pixels; a step of `pipeline.algorithms.slab`.

    What is known of the noise of the model is added to STAT. It is common to all pixels of
    a wavelength, so sums over them are noisier than their STAT says.

    Parameters
    ----------
    first
        First wavelength of the spectra [Angstrom]; their step is `STEP`.
    spectra : float32[n_spectra, n]
        Sky of different line shapes [unit of the data].
    row_of : int32[2048]
        Which of them belongs to an IFU and slice (``ifu << 6 | slice``).
    noise : float32[n]
        Their variance.
    """

    first: float
    spectra: NDArray[np.float32]
    row_of: NDArray[np.int32]
    noise: NDArray[np.float32]

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return the pixels without sky."""
        subtract_spectra(
            pixels.wavelength,
            pixels.data,
            pixels.stat,
            pixels.origin,
            self.first,
            STEP,
            self.spectra,
            self.row_of,
            self.noise,
        )
        return pixels


def subtract_spectrum(continuum: Columns) -> SkySubtraction:
    """Return the subtraction of one spectrum from all slices.

    Parameters
    ----------
    continuum
        ``lambda`` [Angstrom] and ``flux`` or ``data`` [unit of the data]: a SKY_CONTINUUM
        or, for the method ``simple``, a SKY_SPECTRUM, whose ``stat`` counts.
    """
    first, n = _grid(continuum)
    spectrum = _sampled(continuum, first, n).astype(np.float32)[np.newaxis]
    known = (continuum["lambda"], continuum["stat"]) if "stat" in continuum else None
    everywhere = np.zeros(2048, np.int32)
    return SkySubtraction(first, spectrum, everywhere, _noise(known, first, n))


def subtract_model(
    lines: Columns,
    continuum: Columns,
    lsf: Lsf,
    segments: list[Segment],
    noise: Noise | None = None,
) -> SkySubtraction:
    """Return the subtraction of lines and continuum.

    Parameters
    ----------
    lines
        ``lambda`` [Angstrom] and ``flux`` [unit of the data times Angstrom].
    continuum
        ``lambda`` and ``flux``.
    lsf
        Line spread functions.
    segments
        Of the pixel table: which slices there are.
    noise
        What is known of the noise of lines and continuum.

    Raises
    ------
    BadInput
        If a slice has no line spread function.
    """
    first, n = _grid(continuum)
    base = _sampled(continuum, first, n)
    wavelength = np.asarray(lines["lambda"], np.float64)
    flux = np.asarray(lines["flux"], np.float64)
    row_of = np.full(2048, -1, np.int32)
    drawn: dict[bytes, int] = {}
    spectra: list[NDArray[np.float32]] = []
    for segment in segments:
        shape = _shape(lsf, segment)
        key = shape.profiles.tobytes()
        if key not in drawn:
            drawn[key] = len(spectra)
            total = base + shape.draw(wavelength, flux, first, STEP, n)
            spectra.append(total.astype(np.float32))
        row_of[segment.ifu << 6 | segment.slice] = drawn[key]
    return SkySubtraction(first, np.array(spectra), row_of, _noise(noise, first, n))


def _shape(lsf: Lsf, segment: Segment) -> SliceLsf:
    """Return the line spread function of a segment's slice."""
    shape = lsf_of(lsf, segment.ifu, segment.slice)
    if shape is None:
        raise BadInput(
            f"there is none for IFU {segment.ifu}, slice {segment.slice}",
            keyword="LSF_PROFILE",
            remedy="give the LSF_PROFILE of all IFUs, or the shipped static one",
        )
    return shape


def _grid(continuum: Columns) -> tuple[float, int]:
    """Return first wavelength and length of the sampled model."""
    wavelength = continuum["lambda"]
    first, last = float(wavelength[0]), float(wavelength[-1])
    return first, max(int(np.ceil((last - first) / STEP)) + 1, 4)


def _noise(known: Noise | None, first: float, n: int) -> NDArray[np.float32]:
    """Return the variance of the model on its grid, 0 where it is not known."""
    if known is None:
        return np.zeros(n, np.float32)
    wavelength, variance = known
    good = np.isfinite(variance)
    grid = first + STEP * np.arange(n)
    return np.asarray(np.interp(grid, wavelength[good], variance[good]), np.float32)


def _sampled(continuum: Columns, first: float, n: int) -> NDArray[np.float64]:
    """Return a tabulated spectrum on the grid of the model.

    A SKY_SPECTRUM (column ``data``) holds means over bins; the curvature of the spectrum
    tells the value at their centres.
    """
    values = np.asarray(continuum["flux" if "flux" in continuum else "data"], np.float64)
    good = np.isfinite(values)
    x = np.asarray(continuum["lambda"], np.float64)[good]
    spline = CubicSpline(x, values[good])
    grid = np.clip(first + STEP * np.arange(n), x[0], x[-1])
    sampled = np.asarray(spline(grid), np.float64)
    if "flux" not in continuum:
        width = float(np.median(np.diff(x)))
        sampled -= width**2 / 24 * np.asarray(spline(grid, 2), np.float64)
    return sampled
