"""Sources in an image of the field: how many, where, how wide."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_THRESHOLDS = (5.0, 4.0, 3.0)
"""Tried one after the other until something is found [sigma] (genuine pipeline)."""


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
    """Return the extended groups of bright pixels, ordered by row.

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
        bright = ndimage.binary_opening(signal > threshold * sigma)
        labels, n = ndimage.label(bright)
        if n:
            break
    found = []
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        own = np.where(labels[box] == number, signal[box], 0.0)
        y, x = ndimage.center_of_mass(own)
        y, x = y + box[0].start, x + box[1].start
        found.append(Source(x + 1, y + 1, *_widths(signal, round(x), round(y))))
    return found


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
