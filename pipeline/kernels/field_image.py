"""The field of view seen directly from pixels: images and mean spectra, no resampling."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel
from pipeline.kernels.spectrum import at_wavelength


@kernel
def add_to_image(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    dq: NDArray[np.uint32],
    corner: tuple[float, float],
    spectrum: tuple[float, float, NDArray[np.float64]],
    chunks: tuple[float, float, float],
    level: NDArray[np.float64],
    kappa: float,
    sums: NDArray[np.float64],
) -> None:
    """Add pixels to the image element that each lies in.

    Parameters
    ----------
    x, y, wavelength, data, stat, dq : [n]
        Pixels; flagged ones are left out.
    corner
        Coordinates of the centre of the first element.
    spectrum
        First wavelength, step [Angstrom] and values of a spectrum common to the field.
    chunks
        Blue edge of the first range of wavelengths, width of each and red edge of the
        last [Angstrom].
    level : float64[n_chunks, ny, nx]
        What elements have above the spectrum, per chunk.
    kappa
        Pixels further than this many errors from spectrum plus level are left out; not
        positive for no limit.
    sums : float64[n_chunks, ny, nx, 2]
        Increased by 1 and by the pixel's value.
    """
    n_chunks, ny, nx, _ = sums.shape
    first, step, values = spectrum
    for i in range(data.shape[0]):
        if dq[i] != 0 or not np.isfinite(data[i]):
            continue
        a = int(np.floor(x[i] - corner[0] + 0.5))
        b = int(np.floor(y[i] - corner[1] + 0.5))
        k = int((wavelength[i] - chunks[0]) / chunks[1])
        if a < 0 or a >= nx or b < 0 or b >= ny or k < 0 or k >= n_chunks:
            continue
        if wavelength[i] < chunks[0] or wavelength[i] > chunks[2]:
            continue
        if kappa > 0.0:
            expected = at_wavelength(wavelength[i], first, step, values) + level[k, b, a]
            if abs(data[i] - expected) > kappa * np.sqrt(stat[i]):
                continue
        sums[k, b, a, 0] += 1.0
        sums[k, b, a, 1] += data[i]


@kernel
def add_to_spectrum(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    dq: NDArray[np.uint32],
    corner: tuple[float, float],
    mask: NDArray[np.bool_],
    bins: tuple[float, float],
    reference: NDArray[np.float64],
    kappa: float,
    sums: NDArray[np.float64],
) -> None:
    """Add the pixels inside a mask to the bin of wavelength that each lies in.

    Parameters
    ----------
    x, y, wavelength, data, stat, dq, corner
        See `add_to_image`.
    mask : bool[ny, nx]
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
    ny, nx = mask.shape
    n_bins = sums.shape[0]
    for i in range(data.shape[0]):
        if dq[i] != 0 or not np.isfinite(data[i]):
            continue
        a = int(np.floor(x[i] - corner[0] + 0.5))
        b = int(np.floor(y[i] - corner[1] + 0.5))
        if a < 0 or a >= nx or b < 0 or b >= ny or not mask[b, a]:
            continue
        k = int(np.floor((wavelength[i] - bins[0]) / bins[1] + 0.5))
        if k < 0 or k >= n_bins:
            continue
        if kappa > 0.0 and abs(data[i] - reference[k]) > kappa * np.sqrt(stat[i]):
            continue
        sums[k, 0] += 1.0
        sums[k, 1] += data[i]
        sums[k, 2] += stat[i]
