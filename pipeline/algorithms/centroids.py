"""Stars in an image: where they are, to a small part of a pixel, and how wide."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from pipeline.algorithms.daofind import Shape, SourceFinder
from pipeline.algorithms.sources import find_sources

Floats = NDArray[np.float64]

Centroid = Literal["gaussian", "moffat", "box"]

HALF_BOX = 5
"""Half width of the box in which a star is fitted [pix] (genuine pipeline)."""

BETAS = (2.0, 2.5, 3.0, 4.0, 5.5, 8.0)
"""Exponents of Moffat functions, of which that is taken that suits the brightest stars
best; 2.5 in the genuine pipeline."""

N_BRIGHTEST = 8
"""Stars that choose the exponent (ours)."""

BOX_ERROR = 0.15
"""Error of a centre of gravity in a box [pix] (genuine pipeline)."""

TYPICAL_FWHM = 4.0
"""Width of stars [pix] where the image does not tell: a seeing of 0.8 arcsec."""

ANY = (-np.inf, np.inf)
"""Limits of shapes: none, in a crowded field neighbours distort them; the fit decides."""

MARGIN = 2.0
"""Stars nearer than this to pixels without data are left out [pix] (ours)."""

N_ROUNDS = 3
"""How often stars are fitted, their neighbours' light taken off (ours)."""

_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


class Stars(NamedTuple):
    """Stars, the brightest first, float64[n] each.

    Centres [pix, 1-based] and their errors, flux [unit of the image], FWHM [pix].
    """

    x: Floats
    y: Floats
    x_error: Floats
    y_error: Floats
    flux: Floats
    fwhm_x: Floats
    fwhm_y: Floats


def measure_centroids(image: Floats, stat: Floats, sigma: float, method: Centroid) -> Stars:
    """Return the stars in an image that stand out by ``sigma``.

    Pixels on the rim are not used: drops of one slice alone fill them, those of two all
    others, so that they show the sky up to half a pixel from their centre.

    Parameters
    ----------
    image, stat : float64[ny, nx]
        Values and variances, NaN where there is no data.
    sigma
        Least height above the median, in mean absolute deviations of the image from it
        (as the genuine pipeline measures them).
    method
        A Moffat function or a Gaussian is fitted, free in both widths, or the centre of
        gravity is taken in a box.
    """
    known = np.isfinite(image) & np.isfinite(stat) & (stat > 0)
    known = scipy.ndimage.binary_erosion(known, np.ones((3, 3)))
    if not known.any():
        return _sorted([])
    image = np.where(known, image, np.nan)
    level = float(np.median(image[known]))
    height = sigma * float(np.abs(image[known] - level).mean())
    fwhm = typical_width(image)
    found = SourceFinder(image, level, Shape(fwhm, ANY, ANY), MARGIN).above(height)
    guesses = np.stack([found.x, found.y, found.flux], axis=1)
    if method == "box":
        return _sorted([_gravity(image, *row) for row in guesses])
    field = _Field(image, stat, level, fwhm)
    profile = _gaussian if method == "gaussian" else _best_moffat(field, guesses)
    return _sorted([fit and fit.row() for fit in _fit_all(field, guesses, profile)])


def typical_width(image: Floats) -> float:
    """Return the median FWHM of the groups of bright pixels [pix]."""
    widths = [
        width
        for source in find_sources(image.astype(np.float32))
        for width in (source.fwhm_x, source.fwhm_y)
        if width > 0
    ]
    return float(np.median(widths)) if len(widths) > 4 else TYPICAL_FWHM


def _sorted(rows: list[Floats | None]) -> Stars:
    """Return stars ordered by flux; those that could not be measured are left out."""
    good = [row for row in rows if row is not None]
    table = np.array(good, np.float64).reshape(-1, 7)
    return Stars(*table[np.argsort(-table[:, 4], kind="stable")].T.copy())


# --- fits of profiles --------------------------------------------------------------


Profile = Callable[[Floats, Floats, Floats], Floats]
"""Unit volume; of x and y [pix] and the parameters centre x, y and FWHM x, y [pix]."""


def _gaussian(x: Floats, y: Floats, shape: Floats) -> Floats:
    """Return a Gaussian of unit volume."""
    a, b = shape[2:] / _FWHM_PER_SIGMA
    r2 = ((x - shape[0]) / a) ** 2 + ((y - shape[1]) / b) ** 2
    return np.asarray(np.exp(-0.5 * r2) / (2.0 * np.pi * a * b))


def _moffat(beta: float) -> Profile:
    """Return the Moffat function of unit volume of an exponent."""
    per_alpha = 2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0)

    def profile(x: Floats, y: Floats, shape: Floats) -> Floats:
        a, b = shape[2:] / per_alpha
        r2 = ((x - shape[0]) / a) ** 2 + ((y - shape[1]) / b) ** 2
        return np.asarray((beta - 1.0) / (np.pi * a * b) * (1.0 + r2) ** -beta)

    return profile


class _Field(NamedTuple):
    """An image, its variance, the level of its sky, and the typical FWHM [pix]."""

    image: Floats
    stat: Floats
    level: float
    fwhm: float


def _best_moffat(field: _Field, guesses: Floats) -> Profile:
    """Return the Moffat function that fits the brightest stars best."""
    profiles = [_moffat(beta) for beta in BETAS]
    fits = [_fit_all(field, guesses[:N_BRIGHTEST], profile) for profile in profiles]
    misfit = np.array([[f.misfit if f else np.nan for f in row] for row in fits])
    common = np.isfinite(misfit).all(axis=0)
    return profiles[int(np.argmin(misfit[:, common].sum(axis=1)))]


class _Fit(NamedTuple):
    """Level, flux, centre x and y, FWHM x and y of a star, and their errors.

    ``misfit``: half the sum of squares of the residuals.
    """

    values: Floats
    errors: Floats
    misfit: float

    def row(self) -> Floats:
        """Return its row of `Stars`."""
        _, flux, x, y, fwhm_x, fwhm_y = self.values
        return np.array([x, y, *self.errors[2:4], flux, fwhm_x, fwhm_y])


def _fit_all(field: _Field, guesses: Floats, profile: Profile) -> list[_Fit | None]:
    """Fit all stars, the brightest first, again and again without their neighbours."""
    image = field.image
    others = np.zeros_like(image)
    fits: list[_Fit | None] = [None] * len(guesses)
    y, x = np.indices(image.shape).astype(np.float64) + 1.0
    for _ in range(N_ROUNDS):
        for k, (gx, gy, top) in enumerate(guesses.tolist()):
            wide = _box(gx, gy, image.shape, 4 * HALF_BOX)
            box = _box(gx, gy, image.shape, HALF_BOX)
            others[wide] -= _light(fits[k], x[wide], y[wide], profile)
            start = [field.level, 1.13 * top * field.fwhm**2, gx, gy, *2 * (field.fwhm,)]
            values = image[box] - others[box]
            fits[k] = _fit(
                x[box], y[box], values, field.stat[box], np.array(start), profile
            )
            others[wide] += _light(fits[k], x[wide], y[wide], profile)
    return fits


def _light(fit: _Fit | None, x: Floats, y: Floats, profile: Profile) -> Floats:
    """Return the light of a fitted star without the level."""
    return (
        np.zeros_like(x) if fit is None else fit.values[1] * profile(x, y, fit.values[2:])
    )


def _fit(
    x: Floats, y: Floats, values: Floats, stat: Floats, start: Floats, profile: Profile
) -> _Fit | None:
    """Fit one star; None if what comes out is none."""
    from scipy.optimize import least_squares  # costs 0.1 s

    known = np.isfinite(values)
    if known.sum() < 4 * len(start):
        return None
    x, y, values, error = x[known], y[known], values[known], np.sqrt(stat[known])
    scale = np.array([abs(start[1]) / start[4] ** 2, abs(start[1]), 1.0, 1.0, 2.0, 2.0])

    def mismatch(p: Floats) -> Floats:
        return np.asarray((p[0] + p[1] * profile(x, y, p[2:]) - values) / error)

    found = least_squares(mismatch, start, method="lm", x_scale=scale, max_nfev=200)
    p = found.x.copy()
    p[4:] = np.abs(p[4:])
    near = np.hypot(p[2] - start[2], p[3] - start[3]) < HALF_BOX / 2
    if not near or p[1] <= 0 or p[4:].min() < 1.0 or p[4:].max() > 4 * HALF_BOX:
        return None
    normal = (found.jac * scale).T @ (found.jac * scale)
    if np.linalg.matrix_rank(normal) < len(p):
        return None
    errors = scale * np.sqrt(np.diag(np.linalg.inv(normal)))
    return _Fit(p, errors, float(found.cost)) if errors[2:4].max() < 1.0 else None


def _box(x: float, y: float, shape: tuple[int, ...], half: int) -> tuple[slice, slice]:
    """Return the rows and columns around a place [pix, 1-based], within the image."""
    i, j = round(y) - 1, round(x) - 1
    rows = slice(max(i - half, 0), min(i + half + 1, shape[0]))
    return rows, slice(max(j - half, 0), min(j + half + 1, shape[1]))


# --- centres of gravity ------------------------------------------------------------


def _gravity(image: Floats, x: float, y: float, _: float) -> Floats | None:
    """Return the row of `Stars` of the light above the median in a box."""
    box = _box(x, y, image.shape, HALF_BOX)
    light = image[box] - np.nanmedian(image[box])
    light = np.where(np.isfinite(light), light, 0.0)
    centre, width = [], []
    for axis, begin in ((0, box[1].start), (1, box[0].start)):
        along = np.maximum(light.sum(axis=axis), 0.0)
        if along.sum() <= 0:
            return None
        place = np.arange(len(along))
        middle = float((along * place).sum() / along.sum())
        spread = float((along * (place - middle) ** 2).sum() / along.sum())
        centre.append(begin + middle + 1.0)
        width.append(_FWHM_PER_SIGMA * np.sqrt(spread))
    flux = float(light.sum())
    return np.array([*centre, BOX_ERROR, BOX_ERROR, flux, *width]) if flux > 0 else None
