"""Which lines, and which parts of their windows, show the common profile.

A part of a window where a line deviates from what all others say, in all slices alike,
holds a line that the catalogue lacks; a line that deviates in its middle is a blend.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.lsf_equations import Equations
from pipeline.algorithms.lsf_shape import Shape

Floats = NDArray[np.float64]

SIGNIFICANT = 5.0
"""Deviation of a line from all others that counts [sigma]."""
DEVIATION, RELATIVE = 0.004, 0.01
"""... and its size: in parts of the peak of the profile, and of the profile there (ours).
A blend of that size changes the width of its line by 0.01 Angstrom, and that of the
profile by a tenth of it, since other lines share in it."""
CENTRE = 1.5
"""Half width of the part of a line where it must not deviate [Angstrom] (ours)."""
MAJORITY = 0.5
"""Part of the lines that must agree: else none is judged (ours)."""


def parts_to_use(
    equations: Equations, shape: Shape, wavelength: Floats
) -> NDArray[np.bool_] | None:
    """Return which parts of the windows of lines count, bool[n_lines, n_intervals].

    None if too many lines deviate to tell which are wrong.

    Parameters
    ----------
    equations
        Of all slices.
    shape
        The profiles.
    wavelength : float64[n_lines]
        Of the reference lines of all lamps [Angstrom].
    """
    functions, knots = shape.wavelengths, shape.knots
    terms = functions.common(wavelength), functions.own(wavelength)
    coefficients = np.array([shape.coefficients(s, *terms) for s in range(len(shape.own))])
    found, error = equations.deviations(coefficients)
    mean = coefficients.mean(axis=0)
    middles = knots.centres[1:-2] + knots.step / 2
    expected = knots.at(np.tile(middles, (len(mean), 1)), mean)
    allowed = DEVIATION * expected.max(axis=1, keepdims=True) + RELATIVE * expected
    common = np.median(found, axis=0)
    rest = np.abs(found - common)
    used = rest <= np.maximum(allowed, SIGNIFICANT * error)
    used[~used[:, np.abs(middles) < CENTRE].all(axis=1)] = False
    return used if used.any(axis=1).mean() >= MAJORITY else None
