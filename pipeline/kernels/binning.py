"""Spectra from scattered pixels."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def add_to_spectrum(
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    start: float,
    step: float,
    sums: NDArray[np.float64],
) -> None:
    """Share good pixels between the two nearest points of a regular spectrum.

    Parameters
    ----------
    wavelength, data, dq, stat : [n]
        Columns of a pixel table; flagged and not finite pixels are left out.
    start, step : float
        Wavelength of the first point and distance of the points [Angstrom].
    sums : float64[n_points, 3]
        Accumulates the sums of w, w d and w**2 v.
    """
    n_points = sums.shape[0]
    for i in range(wavelength.shape[0]):
        if dq[i] != 0 or not np.isfinite(data[i]):
            continue
        place = (wavelength[i] - start) / step
        point = int(np.floor(place))
        right = place - point
        for k in range(2):
            weight = right if k == 1 else 1.0 - right
            if 0 <= point + k < n_points:
                sums[point + k, 0] += weight
                sums[point + k, 1] += weight * data[i]
                sums[point + k, 2] += weight * weight * stat[i]


@kernel
def flag_outliers(
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    start: float,
    step: float,
    spectrum: NDArray[np.float64],
    high: float,
    low: float,
    flag: int,
) -> int:
    """Flag pixels that stray from a spectrum by many of their standard deviations.

    Parameters
    ----------
    wavelength, data, dq, stat : [n]
        Columns of a pixel table; ``dq`` is changed.
    start, step : float
        Grid of the spectrum [Angstrom].
    spectrum : float64[n_points]
        Expected data; not finite where unknown.
    high, low : float
        Limits above and below [standard deviations]; 0 for none.
    flag : int
        Bits to set.

    Returns
    -------
    int
        Number of pixels flagged.
    """
    n_flagged = 0
    last = spectrum.shape[0] - 1
    for i in range(wavelength.shape[0]):
        if dq[i] != 0:
            continue
        place = min(max((wavelength[i] - start) / step, 0.0), float(last))
        point = min(int(np.floor(place)), last - 1)
        right = place - point
        expected = (1.0 - right) * spectrum[point] + right * spectrum[point + 1]
        excess = data[i] - expected
        sigma = np.sqrt(stat[i])
        if (high > 0.0 and excess > high * sigma) or (low > 0.0 and -excess > low * sigma):
            dq[i] |= np.uint32(flag)
            n_flagged += 1
    return n_flagged


@kernel
def add_to_image(
    column: NDArray[np.int32],
    wavelength: NDArray[np.float32],
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    start: float,
    step: float,
    sums: NDArray[np.float32],
) -> None:
    """Share good pixels between the two nearest wavelengths of their column.

    Parameters
    ----------
    column : int32[n]
        Column of the image; others than those of the image are left out.
    wavelength, data, dq, stat : [n]
        Columns of a pixel table; flagged and not finite pixels are left out.
    start, step : float
        Wavelength of the first row and distance of the rows [Angstrom].
    sums : float32[ny, nx, 3]
        Accumulates the sums of w, w d and w**2 v.
    """
    ny, nx, _ = sums.shape
    for i in range(wavelength.shape[0]):
        if dq[i] != 0 or not np.isfinite(data[i]) or not 0 <= column[i] < nx:
            continue
        place = (wavelength[i] - start) / step
        row = int(np.floor(place))
        right = place - row
        for k in range(2):
            weight = right if k == 1 else 1.0 - right
            if 0 <= row + k < ny:
                sums[row + k, column[i], 0] += weight
                sums[row + k, column[i], 1] += weight * data[i]
                sums[row + k, column[i], 2] += weight * weight * stat[i]
