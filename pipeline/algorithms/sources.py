"""Sources in an image of the field: how many, where, how wide."""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

_THRESHOLDS = (5.0, 4.0, 3.0)
"""Tried one after the other until something is found [sigma] (genuine pipeline)."""


_DIP, _DIP_SIGMA = 0.8, 4.0
"""How deep the light between two peaks falls, relative to the fainter one and in units of
the noise, if they are two sources (ours)."""


class Source(NamedTuple):
    """Centre [pix, 1-based] and full widths at half maximum [pix], -1 if unknown."""

    x: float
    y: float
    fwhm_x: float
    fwhm_y: float


def background(image: NDArray[np.float32]) -> tuple[float, float]:
    """Return median and robust standard deviation of the finite pixels below the median.

    Sources only add light, so the lower half of the histogram is that of the sky.
    """
    values = image[np.isfinite(image)].astype(np.float64)
    if not len(values):
        return float("nan"), float("nan")
    middle = float(np.median(values))
    below = middle - values[values <= middle]
    return middle, 1.4826 * float(np.median(below))


def find_sources(image: NDArray[np.float32]) -> list[Source]:
    """Return the extended groups of bright pixels, ordered by row; blends are divided.

    Parameters
    ----------
    image : float32[ny, nx]
        NaN where there is no data.
    """
    level, sigma = background(image)
    if not sigma > 0:
        return []
    signal = np.where(np.isfinite(image), image - level, 0.0)
    for threshold in _THRESHOLDS:
        bright = scipy.ndimage.binary_opening(signal > threshold * sigma)
        labels, n = scipy.ndimage.label(bright)
        if n:
            break
    smooth = scipy.ndimage.uniform_filter(signal, 3)
    found = []
    for number, box in enumerate(scipy.ndimage.find_objects(labels), 1):
        group = labels[box] == number
        corner = box[0].start, box[1].start
        for own in _parts(group, smooth[box], sigma / 3):
            y, x = scipy.ndimage.center_of_mass(np.where(own, signal[box], 0.0))
            y, x = y + corner[0], x + corner[1]
            found.append(Source(x + 1, y + 1, *_widths(signal, round(x), round(y))))
    return found


def _parts(
    group: NDArray[np.bool_], smooth: NDArray[np.float64], sigma: float
) -> list[NDArray[np.bool_]]:
    """Return the parts of a group of bright pixels, one for each peak, in order of rows.

    Parameters
    ----------
    group : bool[ny, nx]
        The pixels of the group.
    smooth, sigma
        Smoothed image, without sky, and its noise.
    """
    top = scipy.ndimage.maximum_filter(smooth, size=5)
    peaks = np.argwhere(group & (smooth >= top))
    kept: list[NDArray[np.int64]] = []
    for peak in sorted(peaks, key=lambda p: -smooth[tuple(p)]):
        if all(_apart(smooth, peak, other, sigma) for other in kept):
            kept.append(peak)
    if len(kept) < 2:
        return [group]
    kept.sort(key=tuple)
    y, x = np.indices(group.shape)
    away = [np.hypot(y - peak[0], x - peak[1]) for peak in kept]
    nearest = np.argmin(away, axis=0)
    return [group & (nearest == k) for k in range(len(kept))]


def _apart(
    smooth: NDArray[np.float64],
    peak: NDArray[np.int64],
    brighter: NDArray[np.int64],
    sigma: float,
) -> bool:
    """Tell whether there is a dip between two peaks that neither noise nor a lump makes."""
    n = 2 * int(np.abs(peak - brighter).max()) + 1
    line = np.linspace(peak, brighter, n).T
    lowest = float(scipy.ndimage.map_coordinates(smooth, line, order=1).min())
    height = float(smooth[tuple(peak)])
    return lowest < min(_DIP * height, height - _DIP_SIGMA * sigma)


def _widths(signal: NDArray[np.float64], x: int, y: int) -> tuple[float, float]:
    """Return the widths at half maximum along both axes through a pixel; -1 if none."""
    box = signal[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
    top = np.unravel_index(int(np.argmax(box)), box.shape)
    y, x = max(y - 1, 0) + int(top[0]), max(x - 1, 0) + int(top[1])
    widths = []
    for line, centre in ((signal[y], x), (signal[:, x], y)):
        right = _half_maximum(line[centre:])
        left = _half_maximum(line[centre::-1])
        widths.append(left + right if left > 0 and right > 0 else -1.0)
    return (widths[0], widths[1]) if min(widths) > 0 else (-1.0, -1.0)


def _half_maximum(line: NDArray[np.float64]) -> float:
    """Return how far from its first pixel a profile falls to half; -1 if it does not."""
    half = 0.5 * line[0]
    below = np.flatnonzero(line < half)
    if not len(below) or half <= 0:
        return -1.0
    k = int(below[0])
    return float(k - 1 + (line[k - 1] - half) / (line[k - 1] - line[k]))


def source_qc(
    sources: list[Source], wavelength: float, spaxel: tuple[float, float]
) -> dict[str, float | int]:
    """Return the QC values of sources, named as after ``QC SCIPOST``.

    Parameters
    ----------
    sources
        From `find_sources`.
    wavelength
        Of the image [Angstrom].
    spaxel
        Size of a pixel along x and y [arcsec].
    """
    qc: dict[str, float | int] = {"LAMBDA": wavelength, "NDET": len(sources)}
    widths = []
    for k, source in enumerate(sources, 1):
        fwhm = [source.fwhm_x * spaxel[0], source.fwhm_y * spaxel[1]]
        if source.fwhm_x < 0:
            fwhm = [-1.0, -1.0]
        else:
            widths += fwhm
        qc |= {f"POS{k} X": float(round(source.x)), f"POS{k} Y": float(round(source.y))}
        qc |= {f"FWHM{k} X": fwhm[0], f"FWHM{k} Y": fwhm[1]}
    if not sources:
        qc |= {f"{name}": -1.0 for name in ("POS0 X", "POS0 Y", "FWHM0 X", "FWHM0 Y")}
    middle = float(np.median(widths)) if widths else 0.0
    spread = float(np.median(np.abs(np.array(widths) - middle))) if widths else 0.0
    return qc | {"FWHM NVALID": len(widths) // 2, "FWHM MEDIAN": middle, "FWHM MAD": spread}
