"""Subtraction of a model of the sky from pixels, each slice with its own line shape."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from pipeline.algorithms.lsf import Lsf, SliceLsf, lsf_of
from pipeline.kernels.sky import subtract_spectra
from pipeline.spec import BadInput, Columns, Pixels, Segment

STEP = 0.25
"""Sampling of the model [Angstrom]; cubic interpolation then errs by 1e-4 of a line."""

SIDE_BY_SIDE = np.pi / 2
"""How often STAT counts noise that two neighbouring pixels have in common. A voxel to which
they add shares of t and 1 - t has all of it, while their variances add up to
t**2 + (1 - t)**2 of it: this is the mean ratio for drops and voxels of a pixel."""

APART = 8
"""Bins so far apart do not touch the same sample of a cubic spline, to 1e-4."""


class Noise(NamedTuple):
    """Noise of a model of the sky.

    ``wavelength``: float64[n] [Angstrom]; ``variance``: float64[n], NaN where unknown;
    ``axes``: along how many axes the pixels of a voxel have it in common. Of the bins of a
    spectrum it is one, along a slice: pixels of other slices and rows lie in other bins. Of
    lines it is two: it changes from row to row as they do (as measured: see docs/noise.md).
    """

    wavelength: NDArray[np.float64]
    variance: NDArray[np.float64]
    axes: int


@dataclass(frozen=True)
class SkySubtraction:
    """Takes the sky out of pixels; a step of `pipeline.algorithms.slab`.

    What is known of the noise of the model is added to STAT. It is common to all pixels of
    a wavelength. Voxels are honest, since STAT counts it as often as the pixels of a voxel
    share it; sums over voxels are noisier than their STAT says.

    Parameters
    ----------
    first
        First wavelength of the spectra [Angstrom]; their step is `STEP`.
    spectra : float32[n_spectra, n]
        Sky of different line shapes [unit of the data].
    row_of : int32[2048]
        Which of them belongs to an IFU and slice (``ifu << 6 | slice``).
    noise : float32[n]
        What is added to STAT.
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
    noise = None
    if "stat" in continuum:
        grid = np.asarray(first + STEP * np.arange(n), np.float64)
        noise = Noise(grid, _sampled_variance(continuum, first, n), axes=1)
    everywhere = np.zeros(2048, np.int32)
    return SkySubtraction(first, spectrum, everywhere, _noise(noise, first, n))


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
    """Return what the noise of a model adds to STAT, on its grid; 0 without any."""
    if known is None:
        return np.zeros(n, np.float32)
    good = np.isfinite(known.variance)
    grid = first + STEP * np.arange(n)
    variance = np.interp(grid, known.wavelength[good], known.variance[good])
    return np.asarray(SIDE_BY_SIDE**known.axes * variance, np.float32)


def _sampled(continuum: Columns, first: float, n: int) -> NDArray[np.float64]:
    """Return a tabulated spectrum on the grid of the model.

    A SKY_SPECTRUM (column ``data``) holds means over bins; the curvature of the spectrum
    tells the value at their centres.
    """
    values = np.asarray(continuum["flux" if "flux" in continuum else "data"], np.float64)
    good = np.isfinite(values)
    x = np.asarray(continuum["lambda"], np.float64)[good]
    spline = scipy.interpolate.CubicSpline(x, values[good])
    grid = np.clip(first + STEP * np.arange(n), x[0], x[-1])
    sampled = np.asarray(spline(grid), np.float64)
    if "flux" not in continuum:
        width = float(np.median(np.diff(x)))
        sampled -= width**2 / 24 * np.asarray(spline(grid, 2), np.float64)
    return sampled


def _sampled_variance(spectrum: Columns, first: float, n: int) -> NDArray[np.float64]:
    """Return the variance of a SKY_SPECTRUM on the grid of the model.

    The spline is linear in the bins, whose noise is independent: the squares of what the
    errors of single bins make of a sample add up.
    """
    name = "flux" if "flux" in spectrum else "data"
    known = np.isfinite(np.asarray(spectrum[name], np.float64))
    errors = np.sqrt(np.asarray(spectrum["stat"], np.float64))
    variance = np.zeros(n)
    for k in range(APART):
        single = np.where(known, 0.0, np.nan)
        single[k::APART] += errors[k::APART]
        variance += _sampled({"lambda": spectrum["lambda"], name: single}, first, n) ** 2
    return variance
