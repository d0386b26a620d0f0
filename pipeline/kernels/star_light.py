"""The light of one star in a pixel table: its spectrum and how it falls off.

The light is ``spectrum(wavelength) * profile(band, radius) + sky(wavelength)``. The profile
is a table of values at radii, linear in between, for each of some bands of wavelength,
linear in between as well; nothing is assumed about its form.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.steps import AT_ONCE, find_bands, find_steps


@kernel
def profile_values(
    profile: NDArray[np.float64],
    place: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    bands: tuple[float, float, int],
    values: NDArray[np.float64],
) -> None:
    """Interpolate the profile; at and beyond the last radius it is zero.

    Parameters
    ----------
    profile : float64[n_bands, n_radii]
        Share of the light in a pixel [1/pix**2].
    place, wavelength : float32[m]
        Of pixels, at most `AT_ONCE`: see `pipeline.kernels.star.radial_places`, and
        [Angstrom].
    bands
        Blue edge of the first band, width [Angstrom] and number of bands. The profile is
        that of the middles of the bands; beyond those of the first and the last it does not
        change.
    values : float64[AT_ONCE]
        Receives the profile at the pixels.
    """
    n_bands, n_radii = profile.shape
    table, last = profile.reshape(-1), np.int32(n_radii - 2)
    band, cell = np.empty(AT_ONCE, np.int32), np.empty(AT_ONCE, np.int32)
    outward, redward = np.empty(AT_ONCE), np.empty(AT_ONCE)
    find_bands(wavelength, bands, band, redward)
    for i in range(place.shape[0]):
        r = np.int32(place[i])
        r = r if r < last else last
        outward[i] = np.float64(place[i]) - r
        cell[i] = band[i] * np.int32(n_radii) + r
    one, row = np.uint64(1), np.uint64(n_radii if n_bands > 1 else 0)
    for i in range(place.shape[0]):
        k, t, u = np.uint64(cell[i]), outward[i], redward[i]
        lower = table[k] * (1.0 - t) + table[k + one] * t
        upper = table[k + row] * (1.0 - t) + table[k + row + one] * t
        values[i] = lower * (1.0 - u) + upper * u
    for i in range(place.shape[0]):
        values[i] = values[i] if place[i] < n_radii - 1 else 0.0


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
        Distance from the star (see `pipeline.kernels.star.radial_places`), wavelength
        [Angstrom], values and variances.
    used : bool[n]
        Pixels to fit.
    bins
        Wavelength of the first bin's centre, step [Angstrom] and number.
    bands, profile
        See `profile_values`.

    Returns
    -------
    float64[n_bins, 8]
        Number of pixels, sums of the profile p, of p**2, of the data and p times the data,
        of the variance and p and p**2 times it.
    """
    n_bins = bins[2]
    sums = np.zeros((n_bins, 8))
    number, values = np.empty(AT_ONCE, np.int32), np.empty(AT_ONCE)
    one = np.uint64(1)
    for start in range(0, data.shape[0], AT_ONCE):
        some = slice(start, min(start + AT_ONCE, data.shape[0]))
        light, variance, good = data[some], stat[some], used[some]
        find_steps(wavelength[some], bins, 0.5, number)
        profile_values(profile, place[some], wavelength[some], bands, values)
        i, m = np.uint64(0), np.uint64(light.shape[0])
        while i < m:
            j = number[i]
            if j < 0 or j >= n_bins:
                i += one
                continue
            n, p, pp, d, pd, v, pv, ppv = sums[j]
            while i < m and number[i] == j:  # most that follow, too
                if good[i]:
                    q = values[i]
                    n += 1.0
                    p += q
                    pp += q * q
                    d += light[i]
                    pd += q * light[i]
                    v += variance[i]
                    pv += q * variance[i]
                    ppv += q * q * variance[i]
                i += one
            sums[j, 0], sums[j, 1], sums[j, 2], sums[j, 3] = n, p, pp, d
            sums[j, 4], sums[j, 5], sums[j, 6], sums[j, 7] = pd, v, pv, ppv
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
    n_bins, n_bands = bins[2], bands[2]
    sums = np.zeros((n_bands, 3, n_radii))
    last = n_radii - 1
    number, band = np.empty(AT_ONCE, np.int32), np.empty(AT_ONCE, np.int32)
    for start in range(0, data.shape[0], AT_ONCE):
        some = slice(start, min(start + AT_ONCE, data.shape[0]))
        where, good, values = place[some], used[some], data[some]
        find_steps(wavelength[some], bins, 0.5, number)
        find_steps(wavelength[some], bands, 0.0, band)
        for i in range(values.shape[0]):
            j, b = number[i], band[i]
            beyond = j < 0 or j >= n_bins or b < 0 or b >= n_bands
            if beyond or not good[i] or where[i] >= last or not flux[j] > 0.0:
                continue
            r = np.uint32(where[i])
            t = where[i] - r
            light = flux[j] * (values[i] - sky[j])
            weight = flux[j] * flux[j]
            diagonal, right, target = sums[b, 0], sums[b, 1], sums[b, 2]
            diagonal[r] += weight * (1.0 - t) * (1.0 - t)
            diagonal[r + np.uint32(1)] += weight * t * t
            right[r] += weight * t * (1.0 - t)
            target[r] += light * (1.0 - t)
            target[r + np.uint32(1)] += light * t
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
    n_bins = bins[2]
    n_rejected = 0
    number = np.empty(AT_ONCE, np.int32)
    values, level = np.empty(AT_ONCE), np.empty(AT_ONCE)
    for start in range(0, data.shape[0], AT_ONCE):
        some = slice(start, min(start + AT_ONCE, data.shape[0]))
        good, seen, variance = used[some], data[some], stat[some]
        find_steps(wavelength[some], bins, 0.5, number)
        profile_values(profile, place[some], wavelength[some], bands, values)
        for i in range(seen.shape[0]):
            j = number[i]
            inside = 0 <= j < n_bins
            k = np.uint32(j) if inside else np.uint32(0)
            values[i] *= flux[k] if inside else np.nan
            level[i] = sky[k]
        for i in range(seen.shape[0]):
            off, error = seen[i] - level[i] - values[i], tolerance * values[i]
            deviant = off * off > kappa * kappa * (variance[i] + error * error)
            n_rejected += good[i] & deviant
            good[i] &= not deviant
    return n_rejected
