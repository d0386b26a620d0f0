"""The field of view seen directly from pixels: images and mean spectra, no resampling."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spectrum import interval_at


@kernel
def find_elements(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    corner: tuple[float, float],
    shape: tuple[int, int],
) -> NDArray[np.int32]:
    """Return the image element that each pixel lies in.

    Parameters
    ----------
    x, y, data, dq : [n]
        Pixels.
    corner
        Coordinates of the centre of the first element.
    shape
        Rows and columns of the image.

    Returns
    -------
    int32[n]
        Number of the element, row by row; -1 outside of the image and for pixels that
        are flagged or have no value.
    """
    ny, nx = shape
    element = np.empty(data.shape[0], np.int32)
    for i in range(data.shape[0]):
        a = np.floor(x[i] - corner[0] + 0.5)
        b = np.floor(y[i] - corner[1] + 0.5)
        inside = (a >= 0) & (a < nx) & (b >= 0) & (b < ny)
        use = inside & (dq[i] == 0) & np.isfinite(data[i])
        element[i] = np.int32(b * nx + a) if use else np.int32(-1)
    return element


@kernel
def add_to_image(
    element: NDArray[np.int32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    spectrum: tuple[float, float, NDArray[np.float64]],
    chunks: tuple[float, float, float],
    level: NDArray[np.float64],
    kappa: float,
    sums: NDArray[np.float64],
) -> None:
    """Add pixels to the elements of an image.

    Parameters
    ----------
    element : int32[n]
        Of each pixel, see `find_elements`.
    wavelength, data, stat : float32[n]
        Pixels.
    spectrum
        First wavelength, step [Angstrom] and values of a spectrum common to the field.
    chunks
        Blue edge of the first range of wavelengths, width of each and red edge of the
        last [Angstrom].
    level : float64[n_chunks, n_elements]
        What elements have above the spectrum, per chunk.
    kappa
        Pixels further than this many errors from spectrum plus level are left out; not
        positive for no limit.
    sums : float64[n_chunks, n_elements, 2]
        Increased by 1 and by the pixel's value.
    """
    first, step, values = spectrum
    blue, width, red = chunks
    low, high, value, slope = 0.0, 0.0, 0.0, 0.0
    for i in range(data.shape[0]):
        e = element[i]
        if e < 0 or not blue <= wavelength[i] <= red:
            continue
        k = int((wavelength[i] - blue) / width)
        if k >= sums.shape[0]:
            continue
        if kappa > 0.0:
            if not low <= wavelength[i] < high:
                a, b, low, high = interval_at(wavelength[i], first, step, values.shape[0])
                value, slope = values[a], (values[b] - values[a]) / step
            off = data[i] - (value + slope * (wavelength[i] - low)) - level[k, e]
            if off * off > kappa * kappa * stat[i]:
                continue
        sums[k, e, 0] += 1.0
        sums[k, e, 1] += data[i]


@kernel
def add_to_spectrum(
    element: NDArray[np.int32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    mask: NDArray[np.bool_],
    bins: tuple[float, float],
    reference: NDArray[np.float64],
    kappa: float,
    sums: NDArray[np.float64],
) -> None:
    """Add the pixels inside a mask to the bin of wavelength that each lies in.

    Parameters
    ----------
    element, wavelength, data, stat
        See `add_to_image`.
    mask : bool[n_elements]
        Elements that count.
    bins
        Centre of the first bin and step [Angstrom].
    reference : float64[n_bins]
        Expected values, for the rejection.
    kappa
        Limit in errors; not positive for none.
    sums : float64[n_bins, 3]
        Increased by 1, by the pixel's value and by its variance.
    """
    first, step = bins[0] - 0.5 * bins[1], bins[1]
    k, low, high = 0, 0.0, 0.0
    n, total, variance = 0.0, 0.0, 0.0
    for i in range(data.shape[0]):
        e = element[i]
        if e < 0 or not mask[e]:
            continue
        if not low <= wavelength[i] < high:
            if n > 0.0:
                sums[k, 0] += n
                sums[k, 1] += total
                sums[k, 2] += variance
            n, total, variance = 0.0, 0.0, 0.0
            k = int(np.floor((wavelength[i] - first) / step))
            low, high = first + k * step, first + (k + 1) * step
        if k < 0 or k >= sums.shape[0]:
            continue
        if kappa > 0.0:
            off = data[i] - reference[k]
            if off * off > kappa * kappa * stat[i]:
                continue
        n += 1.0
        total += data[i]
        variance += stat[i]
    if n > 0.0:
        sums[k, 0] += n
        sums[k, 1] += total
        sums[k, 2] += variance
