"""Noise that voxels share: what resampling does to sums over apertures and planes.

A pixel adds to several voxels, so their errors are correlated, and the sum over an
aperture is noisier than its variances say. How much is measured on the resampling
itself: white noise in place of the data of all pixels goes through the same grid, weights
and kernels, at a few places of the spectrum.

Where pixels lie halfway between voxels STAT is up to two times lower, along each axis,
than where they lie on them, but a sum over many voxels has the same noise. So the ratio of
the two varies over the field and the spectrum, and its mean is what a sum anywhere needs:
the noise is divided by STAT around it before products are averaged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import ceil

import numpy as np
import scipy
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

PARTS = 8
"""Parts of the spectrum in which the factor of `PART_SIZE` is told, too."""

PART_SIZE = 10
"""Side of the aperture whose factor is told in parts of the spectrum [spaxel]."""

_RANGE = (0.02, 0.98)
"""Where the noise is measured, in parts of the spectrum."""

_VOXELS_PER_LAG = 12_000
"""Voxels that are looked at for each covariance: for 0.5 % in the factors."""

_PLACES = 3 * PARTS
"""Places in the spectrum: the lie of slices on the rows of the grid changes along it."""

_LOUDEST = 4.0
"""Variance over the median one from which voxels are left out: at the rim, and where
weights of both signs nearly cancel (``lanczos``), one of which would outweigh all."""

_AROUND = 5
"""Side of the box in which the variance around a voxel is averaged [voxel]."""

_TALLEST = 8
"""Planes of a place at most: never more than a slab of the cube takes."""


@dataclass(frozen=True)
class Covariance:
    """Mean covariance of two voxels, over the variance that STAT tells around them.

    Parameters
    ----------
    by_lag : float64[2 lz + 1, 2 ly + 1, 2 lx + 1]
        By their distance in planes, rows and columns; at distance zero it is 1 if the
        variance is honest.
    parts
        The same of parts of the spectrum, by their mean wavelength [Angstrom].
    """

    by_lag: NDArray[np.float64]
    parts: Mapping[float, "Covariance"] = field(default_factory=dict)

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
        for k, (wavelength, part) in enumerate(sorted(self.parts.items()), 1):
            words[f"{prefix} NOISE LAM{k}"] = wavelength
            factor = part.factor(1, PART_SIZE, PART_SIZE)
            words[f"{prefix} NOISE LAM{k} BOX{PART_SIZE}"] = factor
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


def spectrum_factors(
    header: Mapping[str, Value], n_spaxels: float, wavelengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the `noise_factor` of an aperture in single planes of a cube.

    Parameters
    ----------
    header, n_spaxels
        As for `noise_factor`.
    wavelengths : float64[n]
        Of the planes [Angstrom].

    Notes
    -----
    What a factor exceeds 1 by varies along the spectrum by the same share for apertures
    of all sizes. A header without factors of parts of the spectrum has the mean one.
    """
    factor = noise_factor(header, n_spaxels)
    usual = noise_factor(header, PART_SIZE**2)
    known = {}
    for keyword, value in header.items():
        place, _, name = keyword.partition(" BOX")
        if "NOISE LAM" in place and name == str(PART_SIZE) and place in header:
            known[float(header[place])] = float(value)
    if not known or usual <= 1.0:
        return np.full(len(wavelengths), factor)
    places = sorted(known)
    there = np.interp(wavelengths, places, [known[place] for place in places])
    return np.asarray(1.0 + (factor - 1.0) * (there - 1.0) / (usual - 1.0))


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
        if np.isfinite(stat).any():
            stat[~(stat < _LOUDEST * np.nanmedian(stat))] = np.nan
        level = around(stat)
        noise = np.divide(data, np.sqrt(level), dtype=np.float32)
        return lagged_sums(noise, stat / level, reach)

    places = _places(exposures, grid, reach)
    found = np.array(list(map_ordered(sums, places)))
    parts = {}
    for of_part in np.array_split(np.arange(len(places)), min(PARTS, len(places))):
        planes = [0.5 * (places[k].start + places[k].stop - 1) for k in of_part]
        part = _covariance(found[of_part].sum(axis=0))
        if part is not None:
            parts[float(grid.wavelength(np.array(planes)).mean())] = part
    whole = _covariance(found.sum(axis=0))
    return replace(whole, parts=parts) if whole else Covariance(np.ones((1, 1, 1)))


def _covariance(sums: NDArray[np.float64]) -> Covariance | None:
    """Return the mean products of `lagged_sums` over the mean variance, if there is any."""
    products, numbers, variances = sums
    middle = tuple(n // 2 for n in numbers.shape)
    if not variances[middle] > 0:
        return None
    mean = variances[middle] / numbers[middle]
    return Covariance(products / np.maximum(numbers, 1.0) / mean)


def around(stat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the finite neighbours of each finite voxel, NaN for others.

    It follows how pixels lie on the grid, but not a single voxel of low variance, which
    would outweigh the others.
    """
    there = np.isfinite(stat)
    share = scipy.ndimage.uniform_filter(there.astype(np.float32), _AROUND, mode="constant")
    mean = scipy.ndimage.uniform_filter(np.where(there, stat, 0), _AROUND, mode="constant")
    return np.where(there, mean / np.where(there, share, 1), np.nan).astype(np.float32)


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
    height = min(int(np.clip(wanted / _PLACES, reach[0] + 1, _TALLEST)), nz)
    starts = np.linspace(*_RANGE, _PLACES) * (nz - height)
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
