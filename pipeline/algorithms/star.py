"""The spectrum of a standard star from its pixels, without a model of the seeing.

All profiles of the genuine pipeline assume a form; a Moffat function that misses the
wings is wrong by several per cent. Here the radial profile is measured, in bands of
wavelength, out to 8 arcsec; where the field cuts the star, its roundness stands in for
the missing part. The spectrum is the fit of that profile in each bin.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.star_profiles import (
    PEDESTAL,
    REACH,
    ProfileKind,
    half_width,
    model_profile,
    seen_radii,
    smooth_over_bands,
    window_share,
    with_wings,
)
from pipeline.kernels.star import (
    farthest,
    pixels_near,
    radial_places,
    sample_beyond,
    windowed_moments,
)
from pipeline.kernels.star_light import (
    radial_sums,
    reject_deviant,
    spectrum_sums,
    star_spectrum,
)
from pipeline.parallel import map_ordered
from pipeline.spec import BadInput, Pixels

BAND = 300.0
"""Width of the bands in which the profile is constant in shape [Angstrom] (ours)."""

START_SIGMA, N_CENTRING = 3.0, 5
"""First width of the window that finds the centre [pix] and the rounds."""

EVERY = 7
"""Every so many pixels tell the level of the sky."""

EVERY_DISTANCE = 97
"""And every so many how far the field reaches."""

N_ROUNDS = 3
"""Rounds of spectrum, profile, rejection."""

KAPPA, TOLERANCE = 6.0, 0.25
"""Rejection of cosmic rays: errors, and share of the star's light (ours)."""


class StarPixels(NamedTuple):
    """Unflagged pixels around a star, each ``[n]``; ``dx``, ``dy`` from a guess [pix]."""

    dx: NDArray[np.float32]
    dy: NDArray[np.float32]
    wavelength: NDArray[np.float32]
    data: NDArray[np.float32]
    stat: NDArray[np.float32]
    used: NDArray[np.bool_]


@dataclass(frozen=True)
class StarSpectrum:
    """What was measured of a star.

    Attributes
    ----------
    wavelength, flux, variance, sky : float64[n_bins]
        Centres of the bins [Angstrom], total flux and its variance [count, count**2 per
        pixel of 1.25 Angstrom], sky level; NaN where there are too few pixels.
    bands : float64[n_bands]
        Centres of the bands [Angstrom].
    centre : float64[n_bands, 2]
        Offset of the star from the guess [pix].
    radii : float64[n_radii]
        Radii of the profile [pix].
    profile : float64[n_bands, n_radii]
        Share of the light per pixel at the radii.
    moments : float64[n_bands, 3]
        Variances of the core in x and y and their covariance [pix**2].
    """

    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    variance: NDArray[np.float64]
    sky: NDArray[np.float64]
    bands: NDArray[np.float64]
    centre: NDArray[np.float64]
    radii: NDArray[np.float64]
    profile: NDArray[np.float64]
    moments: NDArray[np.float64]

    @property
    def fwhm(self) -> NDArray[np.float64]:
        """Full width at half maximum in each band [pix]."""
        return np.array([half_width(row, self.radii) * 2 for row in self.profile])


def near_star(
    pixels: Pixels, x: float, y: float, others: Sequence[tuple[float, float]] = ()
) -> StarPixels:
    """Return the pixels around a position; flagged ones are not kept.

    Nor are those nearer to one of the ``others``: the light of a neighbour would be taken
    for wings and sky of the star.
    """
    place, elsewhere = np.array([x, y], np.float32), np.array(others, np.float32)
    found = pixels_near(*pixels[:6], place, elsewhere.reshape(-1, 2), REACH)
    return StarPixels(*found, np.ones(len(found[0]), np.bool_))


def measure_star(
    parts: Sequence[StarPixels],
    first: float,
    step: float,
    n_bins: int,
    kind: ProfileKind = "auto",
) -> StarSpectrum:
    """Measure the spectrum of a star.

    Parameters
    ----------
    parts
        Pixels around it, for instance slice by slice; ``used`` is changed.
    first, step, n_bins
        Centre of the first bin, step [Angstrom] and number of bins.
    kind
        ``auto``: total flux with the measured profile. ``gaussian``, ``moffat``,
        ``smoffat``: a function fitted to it (``smoffat``: its parameters smooth in
        wavelength). ``circle``, ``square``: the light inside a window of radius or half
        width 3 FWHM.

    Raises
    ------
    BadInput
        If there is no star.
    """
    bins = (first, step, n_bins)
    n_bands = max(round(n_bins * step / BAND), 1)
    bands = (first - step / 2, n_bins * step / n_bands, n_bands)
    centre, moments = locate(parts, bands)
    some = [(p.dx[::EVERY_DISTANCE], p.dy[::EVERY_DISTANCE]) for p in parts]
    radii = seen_radii(np.concatenate([np.hypot(dx, dy) for dx, dy in some]))
    positions = ((p.dx, p.dy, p.wavelength) for p in parts)
    places = in_parts(radial_places, positions, bands, centre, radii)
    light = [
        (place, p.wavelength, p.data, p.stat, p.used)
        for place, p in zip(places, parts, strict=True)
    ]
    without_errors = [(*columns[:3], columns[4]) for columns in light]
    profile = _gaussian_start(moments, radii)
    for _ in range(N_ROUNDS):
        fit = star_spectrum(sum(in_parts(spectrum_sums, light, bins, bands, profile)))
        flux, sky = fit[:, 0].copy(), fit[:, 2].copy()
        model = (bins, bands, flux, sky)
        sums = in_parts(radial_sums, without_errors, *model, radii.size)
        profile = _solve_profile(sum(sums))
        in_parts(reject_deviant, light, *model, profile, KAPPA, TOLERANCE)
        profile = with_wings(profile, radii)
    profile = model_profile(profile, radii, kind)
    fit = star_spectrum(sum(in_parts(spectrum_sums, light, bins, bands, profile)))
    wavelength = np.asarray(first + step * np.arange(n_bins), np.float64)
    middle = np.asarray(bands[0] + bands[1] * (np.arange(n_bands) + 0.5), np.float64)
    share = np.interp(wavelength, middle, window_share(profile, radii, kind))
    return StarSpectrum(
        wavelength,
        fit[:, 0] * share,
        fit[:, 1] * share**2,
        fit[:, 2],
        middle,
        centre,
        radii,
        profile,
        moments,
    )


def in_parts(
    function: Callable[..., Any], parts: Iterable[Sequence[NDArray[Any]]], *settings: Any
) -> list[Any]:
    """Call a kernel on each part of the pixels in threads.

    Parameters
    ----------
    function
        Kernel that takes columns of pixels and settings.
    parts
        Columns, arrays [n_pixels], of each; a kernel may change them in place.

    Returns
    -------
    list
        What it returned, in the order of the parts, whatever the number of threads.
    """
    return list(map_ordered(lambda columns: function(*columns, *settings), parts))


def locate(
    parts: Sequence[StarPixels], bands: tuple[float, float, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the star's centre and width in each band by adaptive Gaussian windows.

    Bernstein & Jarvis (2002, AJ 123, 583), section 3.1, with a round window.

    Parameters
    ----------
    parts
        Pixels around the star.
    bands
        Blue edge of the first band, width [Angstrom] and number of bands.

    Returns
    -------
    centre : float64[n_bands, 2]
        Offset from the guess [pix], a smooth function of wavelength.
    moments : float64[n_bands, 3]
        Variances in x and y and their covariance [pix**2].

    Raises
    ------
    BadInput
        If there is no light above the sky.
    """
    blue, width, n_bands = bands
    wavelength, data = _far_from_star(parts)
    number = np.clip((wavelength - blue) / width, 0, n_bands - 1).astype(np.int64)
    sky = np.array([np.median(data[number == b]) for b in range(n_bands)], np.float64)
    centre = np.zeros((n_bands, 2))
    sigma = START_SIGMA
    seen = [(p.dx, p.dy, p.wavelength, p.data, p.used) for p in parts]
    for _ in range(N_CENTRING):
        sums = sum(in_parts(windowed_moments, seen, bands, centre, sky, sigma))
        light = sums[:, :1]
        if not (light > 0).all():
            raise BadInput(
                "no star stands out from the sky",
                remedy="check the pointing and that the frame is a standard star exposure",
            )
        window = sums[:, 3:] / light
        centre = smooth_over_bands(centre + 2 * sums[:, 1:3] / light)
        mean = np.median(window[:, :2])
        sigma = float(np.sqrt(np.clip(mean * sigma**2 / (sigma**2 - mean), 0.5, 25.0)))
    narrowing = sigma**2 / np.maximum(sigma**2 - window[:, :2], 1e-6)
    return centre, np.column_stack([window[:, :2] * narrowing, window[:, 2]])


def _far_from_star(
    parts: Sequence[StarPixels],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return wavelength and data of a sample of the pixels that show hardly any star.

    Those in the outer half of the reach, or of what neighbours leave of it.
    """
    outermost = max(in_parts(farthest, [part[:2] for part in parts]))
    reach = min(REACH, outermost) / 2
    found = in_parts(sample_beyond, [part[:4] for part in parts], EVERY, reach)
    wavelength, data = np.concatenate(found, axis=1)
    return wavelength, data


def _gaussian_start(
    moments: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Gaussian profiles of the measured widths, float64[n_bands, n_radii]."""
    variance = moments[:, :2].mean(axis=1)[:, np.newaxis]
    return np.asarray(np.exp(-(radii**2) / (2 * variance)) / (2 * np.pi * variance))


def _solve_profile(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve the normal equations of all bands; the outermost light counts as sky."""
    profile = np.zeros((len(sums), sums.shape[2]))
    for row, (diagonal, right, target) in zip(profile, sums, strict=True):
        beside = np.diag(right[:-1], 1)
        matrix = np.diag(np.where(diagonal > 0, diagonal, 1.0)) + beside + beside.T
        row[:] = np.linalg.solve(matrix, target)
        row -= row[PEDESTAL].mean()
        row[-1] = 0.0
    return profile
