"""Point sources in an image: found by a matched filter, centred, judged by their shape.

The filter and the shape numbers are those of DAOFIND (Stetson 1987, PASP 99, 191).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

_SIGMA_PER_FWHM = 0.42466

_LEAST_SIGNIFICANCE = 5.0
"""Peaks of the filtered image below this are noise [sigma]."""

Image = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """What a source must look like: FWHM of the filter [pix], limits of its shape."""

    fwhm: float
    sharp: tuple[float, float]
    round: tuple[float, float]


class PointSources(NamedTuple):
    """Sources, float64[n] each: centres [pix, 1-based], flux of the fit, shape."""

    x: Image
    y: Image
    flux: Image
    sharpness: Image
    roundness: Image


def sky_level(image: Image, ignore: float, fraction: float) -> tuple[float, float]:
    """Return median and median absolute deviation of the dark part of an image.

    Parameters
    ----------
    image : float64[ny, nx]
        NaN where there is no data.
    ignore, fraction
        Part of the pixels, the darkest, that is left out, and the part after it that is
        taken as sky.
    """
    values = np.sort(image[np.isfinite(image)])
    if not len(values):
        return 0.0, 0.0
    first = int(ignore * len(values))
    dark = values[first : max(first + int(fraction * len(values)), first + 1)]
    level = float(np.median(dark))
    return level, float(np.median(np.abs(dark - level)))


def _spread(values: Image) -> float:
    """Return the robust standard deviation of values about their median."""
    return (
        1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0
    )


class SourceFinder:
    """An image filtered once, from which sources can be taken above any threshold.

    Parameters
    ----------
    image : float64[ny, nx]
        NaN where there is no data.
    level
        Brightness of the sky.
    shape
        What sources must look like.
    bad_distance
        Sources closer to a pixel without data are left out [pix].
    """

    def __init__(
        self, image: Image, level: float, shape: Shape, bad_distance: float
    ) -> None:
        self._shape = shape
        self._sigma = shape.fwhm * _SIGMA_PER_FWHM
        self._known = np.isfinite(image)
        self._signal = np.where(self._known, image - level, 0.0)
        self._height = scipy.ndimage.correlate(self._signal, self._kernel(), mode="nearest")
        distance = scipy.ndimage.distance_transform_edt(np.isfinite(image))
        top = scipy.ndimage.maximum_filter(self._height, footprint=self._footprint())
        peaks = (self._height >= top) & (distance >= bad_distance)
        self._floor = _LEAST_SIGNIFICANCE * _spread(self._height[np.isfinite(image)])
        tops, n = scipy.ndimage.label(peaks & (self._height > self._floor), np.ones((3, 3)))
        places = scipy.ndimage.maximum_position(self._height, tops, range(1, n + 1))
        self._peaks = [self._measure(int(y), int(x)) for y, x in places]

    def _grid(self) -> tuple[Image, Image]:
        """Return the offsets of the pixels of the filter, within 1.5 sigma or 2 pix."""
        radius = int(max(2.0, 1.5 * self._sigma))
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
        return y, x

    def _footprint(self) -> NDArray[np.bool_]:
        """Return which pixels the filter uses."""
        y, x = self._grid()
        return np.asarray(np.hypot(x, y) <= max(2.0, 1.5 * self._sigma))

    def _kernel(self) -> Image:
        """Return the filter whose output is the height of a Gaussian on any level."""
        y, x = self._grid()
        used = self._footprint()
        gauss = np.where(used, np.exp(-0.5 * (x**2 + y**2) / self._sigma**2), 0.0)
        n = used.sum()
        norm = (gauss**2).sum() - gauss.sum() ** 2 / n
        return np.where(used, (gauss - gauss.sum() / n) / norm, 0.0)

    def _measure(self, y: int, x: int) -> tuple[float, float, float, float, float]:
        """Return centre, flux, sharpness and roundness of a peak."""
        radius = self._grid()[0].shape[0] // 2
        padded = np.pad(self._signal, radius, mode="edge")
        box = padded[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
        ring = self._footprint().copy()
        ring[radius, radius] = False
        height = float(self._height[y, x])
        sharpness = (float(box[radius, radius]) - float(box[ring].mean())) / height
        h_x, h_y = self._marginal(box, 1), self._marginal(box, 0)
        roundness = 2.0 * (h_x - h_y) / (h_x + h_y) if h_x > 0 and h_y > 0 else np.inf
        centre_x, centre_y = self._centre(float(x), float(y))
        if np.hypot(centre_x - x, centre_y - y) > radius:  # lost to a brighter neighbour
            centre_x, centre_y = float(x), float(y)
        return centre_x, centre_y, height, sharpness, roundness

    def _marginal(self, box: Image, axis: int) -> float:
        """Return the height of a Gaussian fitted to the sums along the other axis."""
        offsets = np.arange(box.shape[0]) - box.shape[0] // 2
        weight = np.maximum(box.shape[0] // 2 + 1 - np.abs(offsets), 0).astype(np.float64)
        along = weight[:, None] if axis == 1 else weight[None, :]
        line = (box * along).sum(axis=1 - axis) / weight.sum()
        gauss = np.exp(-0.5 * (offsets / self._sigma) ** 2)
        mean = (weight * gauss).sum() / weight.sum()
        norm = (weight * (gauss - mean) ** 2).sum()
        return float((weight * (gauss - mean) * line).sum() / norm)

    def _centre(self, x: float, y: float) -> tuple[float, float]:
        """Return the centre by moments in a Gaussian window that follows it.

        Next to missing data a pixel counts only if the one opposite to it is known.
        """
        reach = int(np.ceil(3 * self._sigma))
        ny, nx = self._signal.shape
        for _ in range(50):
            a0, a1 = max(round(x) - reach, 0), min(round(x) + reach + 1, nx)
            b0, b1 = max(round(y) - reach, 0), min(round(y) + reach + 1, ny)
            if a1 - a0 < 3 or b1 - b0 < 3:
                break
            rows, columns = np.mgrid[b0:b1, a0:a1]
            r2 = (columns - x) ** 2 + (rows - y) ** 2
            weight = self._signal[b0:b1, a0:a1] * np.exp(-0.5 * r2 / self._sigma**2)
            weight = np.where(self._has_opposite(rows, columns, y, x), weight, 0.0)
            total = weight.sum()
            if total <= 0:
                break
            step_x = 2.0 * float((weight * (columns - x)).sum() / total)
            step_y = 2.0 * float((weight * (rows - y)).sum() / total)
            x, y = x + np.clip(step_x, -1, 1), y + np.clip(step_y, -1, 1)
            if np.hypot(step_x, step_y) < 1e-4:
                break
        return x, y

    def _has_opposite(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], y: float, x: float
    ) -> NDArray[np.bool_]:
        """Tell which pixels have data opposite to a centre."""
        ny, nx = self._known.shape
        b = np.floor(2 * y - rows + 0.5).astype(np.int64)
        a = np.floor(2 * x - columns + 0.5).astype(np.int64)
        inside = (b >= 0) & (b < ny) & (a >= 0) & (a < nx)
        known = self._known[np.clip(b, 0, ny - 1), np.clip(a, 0, nx - 1)]
        return np.asarray(inside & known)

    @property
    def floor(self) -> float:
        """Lowest threshold that makes sense: what is fainter drowns in noise."""
        return self._floor

    def above(self, threshold: float) -> PointSources:
        """Return the sources higher than a threshold, the brightest first."""
        found = sorted(
            (
                p
                for p in self._peaks
                if p[2] > threshold
                and self._shape.sharp[0] <= p[3] <= self._shape.sharp[1]
                and self._shape.round[0] <= p[4] <= self._shape.round[1]
            ),
            key=lambda p: -p[2],
        )
        columns = np.array(found, np.float64).reshape(-1, 5).T.copy()
        columns[:2] += 1.0
        return PointSources(*columns)


def find_enough(
    finder: SourceFinder,
    threshold: float,
    step: float,
    limits: tuple[int, int],
    n_rounds: int,
) -> tuple[PointSources, float]:
    """Lower (or raise) the threshold until the number of sources is right.

    It is never lowered into the noise, though fewer sources may be found then.

    Parameters
    ----------
    finder
        The image.
    threshold, step
        Where to begin, and by how much to go on.
    limits
        Least and largest number of sources wanted.
    n_rounds
        How often at most.

    Returns
    -------
    sources, threshold
        What was found and the threshold in use.
    """
    sources = finder.above(threshold)
    for _ in range(n_rounds):
        if len(sources.x) < limits[0] and threshold > finder.floor:
            threshold = max(threshold - step, finder.floor)
        elif len(sources.x) > limits[1]:
            threshold += step
        else:
            break
        sources = finder.above(threshold)
    return sources, threshold
