"""Noise that voxels share: what resampling does to sums over apertures and planes.

A pixel adds to several voxels, so their errors are correlated, and the sum over an
aperture is noisier than its variances say. How much is measured on the resampling
itself: white noise in place of the data of all pixels goes through the same grid, weights
and kernels, at a few places of the spectrum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.grid import ANGSTROM_PER_PIXEL, Grid
from pipeline.algorithms.resample import (
    PlacedExposure,
    Resampling,
    make_slab,
    voxel_size,
)
from pipeline.algorithms.slab import Step
from pipeline.parallel import map_ordered
from pipeline.spec import Pixels, Value

SIZES = (2, 3, 5, 10, 20)
"""Sides of square apertures [spaxel], and numbers of planes, whose factors are told."""

_RANGE = (0.1, 0.9)
"""Where the noise is measured, in parts of the spectrum."""

_VOXELS_PER_LAG = 12_000
"""Voxels that are looked at for each covariance: for 0.5 % in the factors."""

_PLACES = (3, 24)
"""Fewest and most places in the spectrum."""

_LOUDEST = 4.0
"""Variance over the median one from which voxels are left out: at the rim, and where
weights of both signs nearly cancel (``lanczos``), one of which would outweigh all."""

_TALLEST = 8
"""Planes of a place at most: never more than a slab of the cube takes."""


@dataclass(frozen=True)
class Covariance:
    """Mean covariance of two voxels, over the mean variance that their STAT tells.

    Parameters
    ----------
    by_lag : float64[2 lz + 1, 2 ly + 1, 2 lx + 1]
        By their distance in planes, rows and columns; at distance zero it is 1 if the
        variance is honest.
    """

    by_lag: NDArray[np.float64]

    def factor(self, n_planes: int, n_rows: int, n_columns: int) -> float:
        """Return the noise of the sum over a box over the root of its summed STAT.

        Of the voxels of a row of n, n - d have a partner at distance d.
        """
        total = self.by_lag
        for n in (n_planes, n_rows, n_columns):
            reach = total.shape[0] // 2
            pairs = np.maximum(1.0 - np.abs(np.arange(-reach, reach + 1)) / n, 0.0)
            total = np.tensordot(pairs, total, axes=1)
        return float(np.sqrt(max(float(total), 0.0)))

    def keywords(self, prefix: str) -> dict[str, Value]:
        """Return the factors of the usual apertures; ``prefix``: ``QC SCIPOST`` ..."""
        words: dict[str, Value] = {}
        for n in SIZES:
            words[f"{prefix} NOISE BOX{n}"] = self.factor(1, n, n)
        for n in SIZES:
            words[f"{prefix} NOISE BIN{n}"] = self.factor(n, 1, 1)
        return words


def noise_factor(
    header: Mapping[str, Value], n_spaxels: float, n_planes: float = 1.0
) -> float:
    """Return by how much the noise of a sum exceeds the root of its summed variances.

    Parameters
    ----------
    header
        Of a cube: its keywords ``QC ... NOISE BOXn`` and ``BINn``, with or without
        ``ESO``. Without any the factor is 1.
    n_spaxels
        Spaxels of the aperture, of any compact shape.
    n_planes
        Adjacent planes that are summed.

    Notes
    -----
    Noise is shared by near neighbours alone: a factor grows to its limit as 1 / n, n
    being the side of the aperture or the number of planes. The factors in space and
    along the spectrum multiply.
    """
    return _along(header, "BOX", n_spaxels**0.5) * _along(header, "BIN", n_planes)


def _along(header: Mapping[str, Value], kind: str, n: float) -> float:
    """Return the factor of a side or number of planes, from those in the header."""
    known = {1: 1.0}
    for size in SIZES:
        for keyword, value in header.items():
            if keyword.endswith(f" NOISE {kind}{size}") and not isinstance(value, str):
                known[size] = float(value)
    if len(known) == 1 or n <= 1.0:
        return 1.0
    sizes = sorted(known)
    if n > sizes[-1]:
        low, high = sizes[-2:]
        slope = (known[high] - known[low]) / (1.0 / high - 1.0 / low)
        return known[high] + slope * (1.0 / n - 1.0 / high)
    inverse = [1.0 / size for size in reversed(sizes)]
    return float(np.interp(1.0 / n, inverse, [known[size] for size in reversed(sizes)]))


def measure_covariance(
    exposures: Sequence[PlacedExposure],
    grid: Grid,
    settings: Resampling,
) -> Covariance:
    """Return the covariance of the voxels of a cube.

    Parameters
    ----------
    exposures, grid, settings
        As for the cube. Cosmic rays are not looked for: there are none in white noise,
        and the few pixels that they take from a cube do not matter.
    """
    settings = replace(settings, sigma=0.0)
    reach = lags(grid, settings)

    def sums(rows: slice) -> NDArray[np.float64]:
        noisy = [
            replace(e, steps=(*e.steps, _white_noise(rows.start * len(exposures) + k)))
            for k, e in enumerate(exposures)
        ]
        data, _, stat = make_slab(noisy, grid, settings, rows).planes
        loud = ~(stat < _LOUDEST * np.nanmedian(stat)) if np.isfinite(stat).any() else True
        return lagged_sums(np.where(loud, np.float32(np.nan), data), stat, reach)

    total = np.zeros((3, *(2 * n + 1 for n in reach)))
    for part in map_ordered(sums, _places(exposures, grid, reach)):
        total += part
    products, numbers, variances = total
    if not variances[reach] > 0:
        return Covariance(np.ones((1, 1, 1)))
    mean = variances[reach] / numbers[reach]
    return Covariance(products / np.maximum(numbers, 1.0) / mean)


def lags(grid: Grid, settings: Resampling) -> tuple[int, int, int]:
    """Return how far voxels that share a pixel can lie apart: planes, rows, columns."""
    if settings.method == "nearest":
        return 0, 0, 0
    farthest = 2 * settings.reach
    if settings.method != "drizzle":
        return farthest, farthest, farthest
    voxel = (*voxel_size(grid), grid.step / ANGSTROM_PER_PIXEL)
    drop = (size / length for size, length in zip(settings.pixfrac, voxel, strict=True))
    x, y, z = (min(ceil(size), farthest) for size in drop)
    return z, y, x


def _places(
    exposures: Sequence[PlacedExposure], grid: Grid, reach: tuple[int, int, int]
) -> list[slice]:
    """Return the planes to look at: in all as many as the wanted voxels need."""
    nz, ny, nx = grid.shape
    n_lags = int(np.prod([2 * n + 1 for n in reach]))
    n_pixels = sum(exposure.pixels.table.n_rows for exposure in exposures)
    filled = max(min(ny * nx, n_pixels / nz), 1.0)
    wanted = _VOXELS_PER_LAG * n_lags / filled
    height = min(int(np.clip(wanted / _PLACES[0], reach[0] + 1, _TALLEST)), nz)
    n_places = int(np.clip(wanted / height, *_PLACES))
    starts = np.linspace(*_RANGE, n_places) * (nz - height)
    return [slice(k, k + height) for k in np.unique(starts.astype(int)).tolist()]


def _white_noise(seed: int) -> Step:
    """Return a step that puts noise of one variance, the median one, in place of data."""

    def step(pixels: Pixels) -> Pixels:
        good = np.isfinite(pixels.data) & (pixels.stat > 0)
        level = np.float32(np.median(pixels.stat[good])) if good.any() else np.float32(0)
        noise = np.random.default_rng(seed).standard_normal(len(good), np.float32)
        data = np.where(good, noise * np.sqrt(level), np.float32(np.nan))
        return pixels._replace(data=data, stat=np.full_like(pixels.stat, level))

    return step


def lagged_sums(
    data: NDArray[np.float32], stat: NDArray[np.float32], reach: tuple[int, int, int]
) -> NDArray[np.float64]:
    """Return sums over all pairs of voxels by their distance.

    Parameters
    ----------
    data, stat : float32[nz, ny, nx]
        Noise around 0 and its variance; voxels that are not finite are left out.
    reach
        Largest distance in planes, rows and columns.

    Returns
    -------
    float64[3, 2 lz + 1, 2 ly + 1, 2 lx + 1]
        Products of data, their number, and, at distance zero alone, variances.
    """
    good = np.isfinite(data)
    values = np.where(good, data, np.float32(0))
    sums = np.zeros((3, *(2 * n + 1 for n in reach)))
    nz, ny, nx = data.shape
    lz, ly, lx = reach
    for dz, dy, dx in product(*(range(-n, n + 1) for n in reach)):
        if (dz, dy, dx) < (0, 0, 0):
            continue
        near, far = (
            (
                slice(max(-sign * dz, 0), nz - max(sign * dz, 0)),
                slice(max(-sign * dy, 0), ny - max(sign * dy, 0)),
                slice(max(-sign * dx, 0), nx - max(sign * dx, 0)),
            )
            for sign in (1, -1)
        )
        total = np.einsum("ijk,ijk", values[near], values[far], dtype=np.float64)
        number = np.count_nonzero(good[near] & good[far])
        for sign in (1, -1):
            sums[:2, lz + sign * dz, ly + sign * dy, lx + sign * dx] = total, number
    sums[2, lz, ly, lx] = stat[good].sum(dtype=np.float64)
    return sums
