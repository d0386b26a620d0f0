"""Skewness of the line spread, handed on from the arcs to the sky lines.

Wavelengths refer to the centre of light of a line, but a Gaussian fitted to a skewed line
misses it. The arcs, with many isolated lines, show by how much; the wavelength table
carries the mean over the slices, so that the shift measured on sky lines can be referred
to the same centre.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.wavelength import Places
from pipeline.spec import Header, Value

KEYWORD = "ESO DRS MUSE WAVECAL SKEW"
"""Followed by the power of (wavelength - 7000 A) / 1000 A; coefficients [Angstrom]."""

_MIDDLE, _SCALE, _ORDER = 7000.0, 1000.0, 2


def skew_keywords(
    fitted: Sequence[Places], corrected: Sequence[Places]
) -> dict[str, Value]:
    """Return how far redward of the Gaussian centre the light lies, as keywords.

    Parameters
    ----------
    fitted, corrected
        By slice: places of lines as Gaussians see them, and moved to the centres of light.
    """
    offset, wavelength = np.empty(0), np.empty(0)
    for f, c in zip(fitted, corrected, strict=True):
        _, one = np.unique(f.line, return_index=True)  # all places of a line move alike
        offset = np.concatenate([offset, (c.y[one] - f.y[one]) * f.sampling[one]])
        wavelength = np.concatenate([wavelength, f.wavelength[one]])
    if not offset.any():
        return {}
    order = min(_ORDER, len(np.unique(wavelength)) - 1)
    terms = np.polynomial.polynomial.polyfit((wavelength - _MIDDLE) / _SCALE, offset, order)
    return {f"{KEYWORD}{k}": float(value) for k, value in enumerate(terms)}


def skew_offset(header: Header, wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far redward of a Gaussian centre the light of a line lies [Angstrom].

    Zero for a wavelength table that does not tell, since it refers to Gaussian centres.
    """
    terms: list[float] = []
    while (name := f"{KEYWORD}{len(terms)}") in header:
        terms.append(float(header[name]))
    x = (np.asarray(wavelength, np.float64) - _MIDDLE) / _SCALE
    return np.asarray(np.polynomial.polynomial.polyval(x, terms or [0.0]))
