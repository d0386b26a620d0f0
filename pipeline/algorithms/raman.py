"""Raman lines of O2 and N2 around the laser guide stars: fitted over the field, removed.

Each of the two features is a group of lines with fixed relative fluxes, as each slice's
line spread function shows them. Both have the same distribution over the field, a
polynomial of order 2, and each its own brightness, on a constant background.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.field import FieldExposure, mean_image
from pipeline.algorithms.lsf import Lsf, lsf_of
from pipeline.algorithms.oh_lines import listed_lines
from pipeline.algorithms.sky_spectrum import sky_limits
from pipeline.algorithms.slab import run_steps
from pipeline.kernels.raman import line_light, subtract_uneven
from pipeline.spec import BadInput, Columns, Pixels, TableFrame

Array = NDArray[np.float64]

FEATURES = {"O2": 6484.0, "N2": 6827.0}
"""Wavelengths in the middle of the features, in the order of their groups of lines in
RAMAN_LINES [Angstrom] (genuine pipeline)."""

NARROWEST = 2.61
"""Least width of the range around a feature [Angstrom]: that of the slit (genuine)."""

STEP = 0.05
"""Sampling of the lines [Angstrom]."""

REACH = 10.0
"""Lines are drawn this far beyond the first and the last [Angstrom]."""

N_ROUNDS = 3
"""Rounds of fit and rejection of pixels that deviate."""

N_MASKS = 3
"""The sky is looked for so often, each time without the light that was found (ours; the
genuine pipeline does it once, with the light)."""

N_ALTERNATIONS = 50
"""Steps between brightness and distribution; some five are enough."""


class Feature(NamedTuple):
    """One feature as it is in the pixels.

    ``spectra`` float64[n_slices, n]: its lines for each slice, from wavelength ``first``
    [Angstrom] in steps of `STEP`; ``total``: the sum of the fluxes of its lines.
    """

    first: float
    spectra: Array
    total: float


class FeatureSky(NamedTuple):
    """Image of a feature, float32[ny, nx], where it is sky, and between which values."""

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    limits: tuple[float, float]


@dataclass(frozen=True)
class RamanLight:
    """The light of the features; a step of `pipeline.algorithms.slab` that removes it.

    Parameters
    ----------
    features
        By name.
    row_of : int32[2048]
        Row of an IFU and slice in their spectra; negative for none.
    shape : float64[5]
        Factors of x^2, x y, y^2, x and y [pix] in the distribution, which is 1 at 0.
    flux
        Brightness of each feature in the middle of the field, in units of RAMAN_LINES.
    skies
        What the fit looked at.
    """

    features: dict[str, Feature]
    row_of: NDArray[np.int32]
    shape: Array
    flux: dict[str, float]
    skies: dict[str, FeatureSky]

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return the pixels without the light."""
        for name, feature in self.features.items():
            light = _light(pixels, feature, self.row_of) * self.flux[name]
            subtract_uneven(pixels.xpos, pixels.ypos, pixels.data, light, self.shape)
        return pixels

    def total_flux(self, name: str) -> float:
        """Return the flux of all lines of a feature in the middle of the field."""
        return self.flux[name] * self.features[name].total if name in self.flux else 0.0

    def distribution(self, field: FieldExposure) -> NDArray[np.float32]:
        """Return the distribution on the grid of the field, float32[ny, nx]."""
        _, ny, nx = field.grid.shape
        y, x = np.indices((ny, nx), np.float64)
        x, y = x + field.grid.corner[0], y + field.grid.corner[1]
        return np.asarray(_powers(x, y) @ np.append(self.shape, 1.0), np.float32)


def raman_light(
    field: FieldExposure,
    lines: TableFrame,
    lsf: Lsf,
    *,
    width: float,
    ignore: float,
    fraction: float,
    kappa: float,
    allowed: NDArray[np.bool_] | None = None,
) -> RamanLight | None:
    """Return the Raman light of an exposure; None if the data do not cover it.

    Parameters
    ----------
    field
        The exposure, calibrated in flux.
    lines
        RAMAN_LINES: fluxes of the lines of O2 (group 0) and N2 (group 1).
    lsf
        Line spread functions.
    width
        Of the range of wavelengths around each feature that is fitted [Angstrom].
    ignore, fraction
        Part of the image of a feature that is taken, see `sky_limits`.
    kappa
        Pixels that deviate by so many errors are left out; not positive for none.
    allowed : bool[ny, nx]
        Where to look; None for everywhere.

    Raises
    ------
    BadInput
        If the range is narrower than the slit, or there is no line spread function.
    """
    if width < NARROWEST:
        raise BadInput(
            f"{width} Angstrom are less than the width of the slit",
            keyword="--raman_width",
            remedy=f"give at least {NARROWEST}",
        )
    columns = listed_lines(lines)
    places = sorted({(s.ifu, s.slice) for s in field.pixels.segments})
    row_of = np.full(2048, -1, np.int32)
    for row, (ifu, number) in enumerate(places):
        row_of[ifu << 6 | number] = row
    low, high = field.extent.wavelength
    features, pixels = {}, {}
    for group, (name, middle) in enumerate(FEATURES.items()):
        start, stop = middle - width / 2, middle + width / 2
        chosen = np.asarray(columns["group"]) == group
        if stop < low or start > high or not chosen.any():
            continue
        part = run_steps(field.placed.pixels.read(start, stop), field.steps)
        if part.data.size:
            features[name] = _feature(columns, chosen, lsf, places)
            pixels[name] = part
    if not features:
        return None
    light = RamanLight(features, row_of, np.zeros(5), dict.fromkeys(features, 0.0), {})
    for _ in range(N_MASKS):
        skies = {
            name: _sky(field, part, light, ignore, fraction, allowed)
            for name, part in pixels.items()
        }
        mask = np.all([sky.mask for sky in skies.values()], axis=0)
        inside = {name: _inside(part, mask, field) for name, part in pixels.items()}
        samples = [_sample(inside[name], features[name], row_of) for name in features]
        shape, flux = _fit(samples, kappa)
        named = dict(zip(features, (float(f) for f in flux), strict=True))
        light = RamanLight(features, row_of, shape, named, skies)
    return light


def _feature(
    columns: Columns,
    chosen: NDArray[np.bool_],
    lsf: Lsf,
    places: Sequence[tuple[int, int]],
) -> Feature:
    """Return a feature drawn for all slices."""
    wavelength = np.asarray(columns["lambda"], np.float64)[chosen]
    flux = np.asarray(columns["flux"], np.float64)[chosen]
    first = float(wavelength.min()) - REACH
    n = int((wavelength.max() + REACH - first) / STEP) + 1
    spectra = []
    for ifu, number in places:
        shape = lsf_of(lsf, ifu, number)
        if shape is None:
            raise BadInput(
                f"there is none for IFU {ifu}, slice {number}",
                keyword="LSF_PROFILE",
                remedy="give the LSF_PROFILE of all IFUs, or the shipped static one",
            )
        spectra.append(shape.draw(wavelength, flux, first, STEP, n))
    return Feature(first, np.array(spectra), float(flux.sum()))


def _light(pixels: Pixels, feature: Feature, row_of: NDArray[np.int32]) -> Array:
    """Return the lines of a feature at pixels."""
    return np.asarray(
        line_light(
            pixels.wavelength, pixels.origin, feature.first, STEP, feature.spectra, row_of
        )
    )


def _sky(
    field: FieldExposure,
    pixels: Pixels,
    light: RamanLight,
    ignore: float,
    fraction: float,
    allowed: NDArray[np.bool_] | None,
) -> FeatureSky:
    """Return the image of a range of wavelengths, and where it shows sky without light.

    The light as far as it is known does not count: otherwise the sky would be where there
    is little of it, and it would be underestimated.
    """
    image = mean_image(field.grid, [pixels])
    without = mean_image(field.grid, [light(pixels._replace(data=pixels.data.copy()))])
    limits = sky_limits(without, ignore, fraction)
    mask = np.isfinite(without) & (without >= limits[0]) & (without <= limits[1])
    return FeatureSky(image, mask if allowed is None else mask & allowed, limits)


def _inside(pixels: Pixels, mask: NDArray[np.bool_], field: FieldExposure) -> Pixels:
    """Return the pixels inside a mask of the field."""
    ny, nx = mask.shape
    a = np.floor(pixels.xpos - field.grid.corner[0] + 0.5).astype(int)
    b = np.floor(pixels.ypos - field.grid.corner[1] + 0.5).astype(int)
    seen = (a >= 0) & (a < nx) & (b >= 0) & (b < ny)
    seen[seen] = mask[b[seen], a[seen]]
    if not seen.any():
        raise BadInput(
            "no sky is left to measure Raman light",
            file=field.pixels.name,
            keyword="SKY_MASK",
            remedy="take a larger skymodel_fraction, or another SKY_MASK",
        )
    return Pixels._make(column[seen] for column in pixels)


def _powers(x: Array, y: Array) -> Array:
    """Return x^2, x y, y^2, x, y and 1, [..., 6]."""
    return np.stack([x * x, x * y, y * y, x, y, np.ones_like(x)], axis=-1)


class _Sample(NamedTuple):
    """Terms of the fit at pixels, float64[n, 7] (the last one is the background)."""

    terms: Array
    data: Array
    error: Array


def _sample(pixels: Pixels, feature: Feature, row_of: NDArray[np.int32]) -> _Sample:
    """Return what a feature adds to the fit."""
    x, y = pixels.xpos.astype(np.float64), pixels.ypos.astype(np.float64)
    terms = _powers(x, y) * _light(pixels, feature, row_of)[:, np.newaxis]
    terms = np.column_stack([terms, np.ones(len(x))])
    data = pixels.data.astype(np.float64)
    return _Sample(terms, data, np.sqrt(pixels.stat.astype(np.float64)))


def _fit(samples: Sequence[_Sample], kappa: float) -> tuple[Array, Array]:
    """Return the distribution, float64[5], and the brightness of each feature."""
    kept = [np.ones(len(sample.data), np.bool_) for sample in samples]
    for _ in range(N_ROUNDS):
        normal = [s.terms[k].T @ s.terms[k] for s, k in zip(samples, kept, strict=True)]
        target = [s.terms[k].T @ s.data[k] for s, k in zip(samples, kept, strict=True)]
        shape, flux, level = _alternate(normal, target)
        if kappa <= 0:
            break
        for n, sample in enumerate(samples):
            model = sample.terms @ [*(shape * flux[n]), flux[n], level[n]]
            kept[n] = np.abs(sample.data - model) < kappa * sample.error
    return shape, flux


def _alternate(
    normal: Sequence[Array], target: Sequence[Array]
) -> tuple[Array, Array, Array]:
    """Return distribution, brightness and background from the normal equations.

    In turns: brightness and background of each feature for a distribution, then the
    distribution, common to all, for these.
    """
    shape = np.zeros(5)
    flux, level = np.zeros(len(normal)), np.zeros(len(normal))
    for _ in range(N_ALTERNATIONS):
        before = shape
        for n, (matrix, vector) in enumerate(zip(normal, target, strict=True)):
            turn = np.zeros((7, 2))
            turn[:5, 0], turn[5, 0], turn[6, 1] = shape, 1.0, 1.0
            flux[n], level[n] = np.linalg.solve(turn.T @ matrix @ turn, turn.T @ vector)
        total, side = np.zeros((5, 5)), np.zeros(5)
        for n, (matrix, vector) in enumerate(zip(normal, target, strict=True)):
            rest = vector[:5] - matrix[:5, 5] * flux[n] - matrix[:5, 6] * level[n]
            total += flux[n] ** 2 * matrix[:5, :5]
            side += flux[n] * rest
        scale = np.sqrt(np.diag(total))
        scale[scale == 0] = 1.0
        shape = np.linalg.lstsq(total / np.outer(scale, scale), side / scale, None)[0]
        shape = np.asarray(shape / scale)
        if np.allclose(shape * scale, before * scale, rtol=1e-9, atol=1e-12):
            break
    return shape, flux, level
