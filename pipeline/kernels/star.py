"""One star in a pixel table: where it is, how its light falls off, its spectrum.

The light of a star is ``spectrum(wavelength) * profile(band, radius) + sky(wavelength)``.
The profile is a table of values at radii, linear in between, for each of some bands of
wavelength, linear in between as well; nothing is assumed about its form.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def position_on(nodes: NDArray[np.float64], value: float) -> float:
    """Return the fractional index of ``value`` among rising ``nodes``, kept in range."""
    n = nodes.shape[0]
    if value <= nodes[0]:
        return 0.0
    if value >= nodes[n - 1]:
        return float(n - 1)
    low, high = 0, n - 1
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= value:
            low = middle
        else:
            high = middle
    return float(low + (value - nodes[low]) / (nodes[high] - nodes[low]))


@kernel
def radial_places(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    bands: tuple[float, float, int],
    centre: NDArray[np.float64],
    radii: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return where the distance of each pixel from the star lies among the radii.

    Parameters
    ----------
    dx, dy : float32[n]
        Coordinates relative to a first guess [pix].
    wavelength : float32[n]
        Of the pixels [Angstrom].
    bands
        Blue edge of the first band, width [Angstrom] and number of bands.
    centre : float64[n_bands, 2]
        The star at the middle of each band, linear in between.
    radii : float64[n_radii]
        From 0 [pix].

    Returns
    -------
    place : float32[n]
        Fractional index of the distance in ``radii``.
    """
    blue, width, n_bands = bands
    place = np.empty(dx.shape[0], np.float32)
    for i in range(dx.shape[0]):
        band = min(max((wavelength[i] - blue) / width - 0.5, 0.0), n_bands - 1.0)
        b = max(min(int(band), n_bands - 2), 0)
        c = min(b + 1, n_bands - 1)
        u = band - b
        x = dx[i] - (centre[b, 0] * (1.0 - u) + centre[c, 0] * u)
        y = dy[i] - (centre[b, 1] * (1.0 - u) + centre[c, 1] * u)
        place[i] = position_on(radii, np.sqrt(x * x + y * y))
    return place


@kernel
def profile_at(profile: NDArray[np.float64], band: float, place: float) -> float:
    """Interpolate the profile; at and beyond the last radius it is zero.

    Parameters
    ----------
    profile : float64[n_bands, n_radii]
        Share of the light in a pixel [1/pix**2].
    band
        Fractional number of the band; kept within its range.
    place
        See `radial_places`.
    """
    n_bands, n_radii = profile.shape
    if place >= n_radii - 1:
        return 0.0
    r = int(place)
    t = place - r
    band = min(max(band, 0.0), n_bands - 1.0)
    b = max(min(int(band), n_bands - 2), 0)
    c = min(b + 1, n_bands - 1)
    u = band - b
    lower = profile[b, r] * (1.0 - t) + profile[b, r + 1] * t
    upper = profile[c, r] * (1.0 - t) + profile[c, r + 1] * t
    return float(lower * (1.0 - u) + upper * u)


@kernel
def windowed_moments(
    dx: NDArray[np.float32],
    dy: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    used: NDArray[np.bool_],
    bands: tuple[float, float, int],
    centre: NDArray[np.float64],
    sky: NDArray[np.float64],
    sigma: float,
) -> NDArray[np.float64]:
    """Sum the light under a round Gaussian window in each band.

    Parameters
    ----------
    dx, dy : float32[n]
        Coordinates relative to a first guess [pix].
    wavelength, data : float32[n]
        Of the pixels.
    used : bool[n]
        Pixels to count.
    bands
        Wavelength of the first band's blue edge, width [Angstrom] and number.
    centre : float64[n_bands, 2]
        Centre of the window.
    sky : float64[n_bands]
        Subtracted from the data.
    sigma
        Width of the window [pix].

    Returns
    -------
    float64[n_bands, 6]
        Sums of the windowed light: itself and times x, y, x**2, y**2, x*y about the centre.
    """
    first, width, n_bands = bands
    sums = np.zeros((n_bands, 6))
    for i in range(data.shape[0]):
        if not used[i]:
            continue
        band = int((wavelength[i] - first) / width)
        if band < 0 or band >= n_bands:
            continue
        x, y = dx[i] - centre[band, 0], dy[i] - centre[band, 1]
        exponent = (x * x + y * y) / (2.0 * sigma * sigma)
        if exponent > 8.0:
            continue
        light = np.exp(-exponent) * (data[i] - sky[band])
        sums[band, 0] += light
        sums[band, 1] += light * x
        sums[band, 2] += light * y
        sums[band, 3] += light * x * x
        sums[band, 4] += light * y * y
        sums[band, 5] += light * x * y
    return sums


@kernel
def spectrum_sums(
    place: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    used: NDArray[np.bool_],
    bins: tuple[float, float, int],
    bands: tuple[float, float, int],
    profile: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Sum what `star_spectrum` needs; sums over parts of the pixels add up.

    Parameters
    ----------
    place, wavelength, data, stat : float32[n]
        Distance from the star (see `radial_places`), wavelength [Angstrom], values and
        variances.
    used : bool[n]
        Pixels to fit.
    bins
        Wavelength of the first bin's centre, step [Angstrom] and number.
    bands
        Blue edge of the first band, width [Angstrom] and number of bands.
    profile
        See `profile_at`.

    Returns
    -------
    float64[n_bins, 8]
        Number of pixels, sums of the profile p, of p**2, of the data and p times the data,
        of the variance and p and p**2 times it.
    """
    first, step, n_bins = bins
    blue, width, _ = bands
    sums = np.zeros((n_bins, 8))
    for i in range(data.shape[0]):
        if not used[i]:
            continue
        j = int(np.floor((wavelength[i] - first) / step + 0.5))
        if j < 0 or j >= n_bins:
            continue
        p = profile_at(profile, (wavelength[i] - blue) / width - 0.5, place[i])
        sums[j, 0] += 1.0
        sums[j, 1] += p
        sums[j, 2] += p * p
        sums[j, 3] += data[i]
        sums[j, 4] += p * data[i]
        sums[j, 5] += stat[i]
        sums[j, 6] += p * stat[i]
        sums[j, 7] += p * p * stat[i]
    return sums


@kernel
def star_spectrum(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit flux and sky in every bin of wavelength, all pixels with equal weight.

    Parameters
    ----------
    sums : float64[n_bins, 8]
        See `spectrum_sums`.

    Returns
    -------
    float64[n_bins, 4]
        Flux, its variance, sky level, and the light of the profile that was seen
        (sum of the profile over the fitted pixels); NaN where that cannot be told.
    """
    n_bins = sums.shape[0]
    result = np.full((n_bins, 4), np.nan)
    for j in range(n_bins):
        n, p, pp, d, pd, v, pv, ppv = sums[j]
        determinant = n * pp - p * p
        if n < 10.0 or not determinant > 1e-9 * n * pp:
            continue
        result[j, 0] = (n * pd - p * d) / determinant
        result[j, 1] = (n * n * ppv - 2.0 * n * p * pv + p * p * v) / determinant**2
        result[j, 2] = (pp * d - p * pd) / determinant
        result[j, 3] = p
    return result


@kernel
def radial_sums(
    place: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    used: NDArray[np.bool_],
    bins: tuple[float, float, int],
    bands: tuple[float, float, int],
    flux: NDArray[np.float64],
    sky: NDArray[np.float64],
    n_radii: int,
) -> NDArray[np.float64]:
    """Sum the normal equations of the profile of each band.

    Parameters
    ----------
    place, wavelength, data, used, bins, bands
        See `spectrum_sums`.
    flux, sky : float64[n_bins]
        Spectrum of the star and sky level.
    n_radii
        Number of radii of the profile.

    Returns
    -------
    float64[n_bands, 3, n_radii]
        Diagonal, the element to its right, and the right-hand side.
    """
    first, step, n_bins = bins
    blue, width, n_bands = bands
    sums = np.zeros((n_bands, 3, n_radii))
    last = n_radii - 1
    for i in range(data.shape[0]):
        if not used[i] or place[i] >= last:
            continue
        j = int(np.floor((wavelength[i] - first) / step + 0.5))
        band = int((wavelength[i] - blue) / width)
        if j < 0 or j >= n_bins or band < 0 or band >= n_bands or not flux[j] > 0.0:
            continue
        r = int(place[i])
        t = place[i] - r
        light = flux[j] * (data[i] - sky[j])
        weight = flux[j] * flux[j]
        sums[band, 0, r] += weight * (1.0 - t) * (1.0 - t)
        sums[band, 0, r + 1] += weight * t * t
        sums[band, 1, r] += weight * t * (1.0 - t)
        sums[band, 2, r] += light * (1.0 - t)
        sums[band, 2, r + 1] += light * t
    return sums


@kernel
def reject_deviant(
    place: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    used: NDArray[np.bool_],
    bins: tuple[float, float, int],
    bands: tuple[float, float, int],
    flux: NDArray[np.float64],
    sky: NDArray[np.float64],
    profile: NDArray[np.float64],
    kappa: float,
    tolerance: float,
) -> int:
    """Take pixels far from the model out of ``used``; return how many.

    Parameters
    ----------
    place, wavelength, data, stat, used, bins, bands, flux, sky, profile
        See `spectrum_sums`; ``used`` is changed.
    kappa
        Limit in units of the pixel's error.
    tolerance
        Share of the star's light in the pixel by which the model may be wrong; added to
        the error, so that a star that is not quite round loses no pixels.
    """
    first, step, n_bins = bins
    blue, width, _ = bands
    n_rejected = 0
    for i in range(data.shape[0]):
        if not used[i]:
            continue
        j = int(np.floor((wavelength[i] - first) / step + 0.5))
        if j < 0 or j >= n_bins or not np.isfinite(flux[j]):
            continue
        p = profile_at(profile, (wavelength[i] - blue) / width - 0.5, place[i])
        light = flux[j] * p
        variance = stat[i] + (tolerance * light) ** 2
        if (data[i] - sky[j] - light) ** 2 > kappa * kappa * variance:
            used[i] = False
            n_rejected += 1
    return n_rejected
