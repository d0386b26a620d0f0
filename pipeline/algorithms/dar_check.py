"""What refraction is left in a field, measured from the places of its stars."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.centroids import measure_centroids
from pipeline.algorithms.coarse_field import coarse_grid, image_around
from pipeline.algorithms.dar import DAR_CHECK, DAR_CORRECTED, WAVELENGTHS, Refraction
from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.identification import nearest_pairs
from pipeline.algorithms.pointing import spaxel
from pipeline.spec import BadInput, Value

Floats = NDArray[np.float64]

N_BANDS = 12
"""Wavelengths at which stars are centred (ours)."""

LIMIT = 2.0
"""Limit of their detection [sigma] (ours)."""

FARTHEST = 2.0
"""Largest drift of a star that is recognised [pix] (ours)."""

ORDER = 2
"""Order of the polynomials in wavelength that the drift follows (ours)."""


def straightened(
    field: FieldExposure, reference: float, *, correct: bool
) -> tuple[FieldExposure, dict[str, Value]]:
    """Measure the drift of the stars; return the field, corrected if wanted.

    Parameters
    ----------
    field
        An exposure whose refraction is corrected.
    reference
        Wavelength against which stars drift [Angstrom].
    correct
        Whether to take the drift out.

    Returns
    -------
    field, keywords
        What was measured, and whether it was corrected, for headers.

    Raises
    ------
    BadInput
        If there is no reference wavelength, or there are no stars.
    """
    if reference <= 0:
        raise BadInput(
            "drifts are measured against a reference wavelength",
            keyword="--lambdaref",
            remedy="give a wavelength, such as 7000",
        )
    wavelength, drift = star_drift(field)
    size = spaxel(field.pixels.header)
    order = min(ORDER, len(wavelength) - 1)
    fit = np.polynomial.polynomial.polyfit(wavelength - reference, drift, order)
    fit[0] = 0.0
    seen = np.polynomial.polynomial.polyval(wavelength - reference, fit)
    words: dict[str, Value] = {DAR_CHECK: float(np.hypot(*seen).max()) * size}
    if not correct:
        return field, words
    words[DAR_CORRECTED] = reference
    beyond = np.clip(WAVELENGTHS, wavelength[0], wavelength[-1]) - reference
    shift_x, shift_y = -np.polynomial.polynomial.polyval(beyond, fit)
    return replace(field, steps=(*field.steps, Refraction(shift_x, shift_y))), words


def star_drift(field: FieldExposure) -> tuple[Floats, Floats]:
    """Return wavelengths and how far stars lie there from their mean place.

    Returns
    -------
    wavelength : float64[n]
        [Angstrom].
    drift : float64[n, 2]
        [pix].

    Raises
    ------
    BadInput
        If there are no stars to measure.
    """
    grid = coarse_grid(field)
    last = grid.shape[0] - 2
    planes = np.unique(np.linspace(min(1, last), last, N_BANDS).round().astype(int))
    stars = []
    for plane in planes:
        found = measure_centroids(*image_around(field, int(plane)), LIMIT, "moffat")
        stars.append(np.stack([found.x, found.y], axis=1))
    middle = stars[len(stars) // 2]
    drift = np.full((len(planes), 2), np.nan)
    for k, places in enumerate(stars):
        if len(places) and len(middle):
            pairs = nearest_pairs(places, middle, FARTHEST)
            if len(pairs.known):
                steps = places[pairs.detected] - middle[pairs.known]
                drift[k] = np.median(steps, axis=0)
    good = np.isfinite(drift).all(axis=1)
    if good.sum() < 2:
        raise BadInput(
            "no stars are seen whose drift could be measured",
            file=field.pixels.name,
            keyword="--darcheck",
            remedy="use --darcheck=none",
        )
    return grid.wavelengths()[planes[good]], drift[good]
