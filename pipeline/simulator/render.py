"""Kernels that turn spectra into the light on a detector."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

MARGIN = 5
"""Reach of the blurred edge of a slice [pix]."""


@kernel
def smear(
    spectrum: NDArray[np.float64],
    taps: NDArray[np.float64],
    step: float,
    smeared: NDArray[np.float32],
) -> None:
    """Convolve a spectrum with a kernel that varies along it.

    Parameters
    ----------
    spectrum
        float64[n], light per sample.
    taps
        float64[n_nodes, n_taps], kernel at each node (symmetric index range).
    step
        Samples between two nodes.
    smeared
        float32[n], result.
    """
    n, n_nodes, n_taps = spectrum.shape[0], taps.shape[0], taps.shape[1]
    half = n_taps // 2
    for i in range(n):
        place = i / step
        node = min(int(place), n_nodes - 2)
        share = place - node
        low, high = 0.0, 0.0
        for k in range(n_taps):
            j = i - (k - half)
            if j < 0:
                j = 0
            elif j >= n:
                j = n - 1
            low += taps[node, k] * spectrum[j]
            high += taps[node + 1, k] * spectrum[j]
        smeared[i] = (1.0 - share) * low + share * high


@kernel
def add_lines(
    lines: NDArray[np.float64],
    fluxes: NDArray[np.float64],
    parameters: NDArray[np.float64],
    pixel: float,
    wing_weight: float,
    wing_width: float,
    first: float,
    step: float,
    out: NDArray[np.float32],
) -> None:
    """Add emission lines, seen through line spread and pixel, to a sampled spectrum.

    Parameters
    ----------
    lines, fluxes
        float64[n], wavelengths [Angstrom] and total light.
    parameters
        float64[n, 3], centre, sigma and displacement of the wing [Angstrom].
    pixel
        Width of a pixel [Angstrom].
    wing_weight, wing_width
        Share and relative width of the second component.
    first, step
        Wavelength of sample 0 and sampling [Angstrom].
    out
        float32[m], light in a pixel centred at each sample, increased in place.
    """
    root = math.sqrt(2.0)
    for i in range(lines.shape[0]):
        centre, sigma, shift = parameters[i]
        reach = 6.0 * wing_width * sigma
        start = max(math.ceil((lines[i] - reach - first) / step), 0)
        stop = min(int((lines[i] + reach - first) / step) + 1, out.shape[0])
        core_scale, wing_scale = root * sigma, root * sigma * wing_width
        for k in range(start, stop):
            high = first + k * step - lines[i] + 0.5 * pixel - centre
            low = high - pixel
            core = math.erf(high / core_scale) - math.erf(low / core_scale)
            wing = math.erf((high - shift) / wing_scale) - math.erf(
                (low - shift) / wing_scale
            )
            share = 0.5 * ((1.0 - wing_weight) * core + wing_weight * wing)
            out[k] += fluxes[i] * share


@kernel
def _cubic(values: NDArray[np.float32], place: float) -> float:
    """Interpolate a row of samples with a Catmull-Rom spline; 0 outside."""
    i = math.floor(place)
    if i < 1 or i + 2 >= values.shape[0]:
        return 0.0
    t = place - i
    a, b, c, d = values[i - 1], values[i], values[i + 1], values[i + 2]
    value: float = b + 0.5 * t * (
        c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a))
    )
    return value


@kernel
def _below(x: float) -> float:
    """Return the cumulative normal distribution."""
    if x > 5.0:
        return 1.0
    if x < -5.0:
        return 0.0
    return 0.5 * (1.0 + math.erf(x * 0.7071067811865476))


@kernel
def paint_slice(
    image: NDArray[np.float32],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    wave: NDArray[np.float64],
    spectrum: NDArray[np.float32],
    first: float,
    step: float,
    slit: NDArray[np.float64],
    level: float,
    blur: float,
) -> None:
    """Add a slice that is lit evenly, through edges blurred by the optics.

    Parameters
    ----------
    image
        float32[ny, nx], light [electrons], increased in place.
    left, right
        float64[ny], edges [pix, 1-based].
    wave
        float64[ny, n], wavelength along the slice, powers of u.
    spectrum
        float32[m], light in a pixel by wavelength [electrons].
    first, step
        Wavelength of sample 0 and sampling [Angstrom].
    slit
        float64[2], linear and square change of the light along the slice.
    level
        Factor on everything.
    blur
        Gaussian sigma of an edge, pixel included [pix].
    """
    ny, nx = image.shape
    n_wave = wave.shape[1]
    for y in range(ny):
        width = right[y] - left[y]
        middle = 0.5 * (left[y] + right[y])
        start = max(int(left[y]) - MARGIN, 1)
        stop = min(int(right[y]) + MARGIN + 1, nx)
        for x in range(start, stop + 1):
            u = 2.0 * (x - middle) / width
            wavelength = 0.0
            for k in range(n_wave - 1, -1, -1):
                wavelength = wavelength * u + wave[y, k]
            light = _cubic(spectrum, (wavelength - first) / step)
            inside = _below((x - left[y]) / blur) - _below((x - right[y]) / blur)
            image[y, x - 1] += level * light * inside * (1.0 + u * (slit[0] + u * slit[1]))


SPOT_ROWS, SPOT_COLUMNS = 9, 6
"""Reach of the image of a pinhole in one line [pix]."""


@kernel
def paint_spots(
    image: NDArray[np.float32],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    wave: NDArray[np.float64],
    lines: NDArray[np.float64],
    fluxes: NDArray[np.float64],
    parameters: NDArray[np.float64],
    rows: NDArray[np.float64],
    spots: NDArray[np.float64],
    blur: float,
    wing_weight: float,
    wing_width: float,
) -> None:
    """Add the images of pinholes in all arc lines to one slice.

    Parameters
    ----------
    image
        float32[ny, nx], light [electrons], increased in place.
    left, right
        float64[ny], edges of the slice [pix, 1-based].
    wave
        float64[ny, n], wavelength along the slice, powers of u.
    lines, fluxes
        float64[n_lines], wavelengths [Angstrom] and electrons in a whole pinhole.
    parameters
        float64[n_lines, 3], centre, sigma and displacement of the wing of the line
        spread [Angstrom].
    rows
        float64[n_lines], where the lines are in the middle of the slice [pix, 1-based].
    spots
        float64[n_spots, 3], place along the slice (-0.5 to 0.5, from left to right),
        share of the light, displacement in wavelength [Angstrom].
    blur
        Gaussian sigma along the slice, without the pixel [pix].
    wing_weight, wing_width
        Share and relative width of the second component of the line spread.
    """
    ny, nx = image.shape
    n_wave = wave.shape[1]
    root = math.sqrt(2.0)
    for k in range(lines.shape[0]):
        sigma, shift = parameters[k, 1], parameters[k, 2]
        for i in range(spots.shape[0]):
            light, line = fluxes[k] * spots[i, 1], lines[k] + spots[i, 2]
            if light < 0.01:
                continue
            for y in range(
                max(int(rows[k]) - SPOT_ROWS - 2, 0), min(int(rows[k]) + SPOT_ROWS + 2, ny)
            ):
                width = right[y] - left[y]
                middle = 0.5 * (left[y] + right[y])
                centre = middle + spots[i, 0] * width
                low, high = 0.0, 0.0
                for j in range(n_wave - 1, -1, -1):
                    low = low * 2.0 * spots[i, 0] + wave[max(y - 1, 0), j]
                    high = high * 2.0 * spots[i, 0] + wave[min(y + 1, ny - 1), j]
                wavelength = 0.5 * (low + high)
                half = 0.25 * (high - low)
                offset = wavelength - line - parameters[k, 0]
                if abs(offset) > 8.0 * wing_width * sigma:
                    continue
                core = math.erf((offset + half) / (root * sigma)) - math.erf(
                    (offset - half) / (root * sigma)
                )
                wing = math.erf(
                    (offset + half - shift) / (root * sigma * wing_width)
                ) - math.erf((offset - half - shift) / (root * sigma * wing_width))
                here = 0.5 * light * ((1.0 - wing_weight) * core + wing_weight * wing)
                first = max(int(centre) - SPOT_COLUMNS, 1)
                below = math.erf((first - 0.5 - centre) / (root * blur))
                for x in range(first, min(int(centre) + SPOT_COLUMNS + 1, nx) + 1):
                    above = math.erf((x + 0.5 - centre) / (root * blur))
                    image[y, x - 1] += 0.5 * here * (above - below)
                    below = above
