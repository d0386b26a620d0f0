"""Noise factors of a cube's header against sums over boxes of many realisations."""

from collections.abc import Iterator

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from pipeline.algorithms.covariance import noise_factor

BOXES = ((2, 1), (3, 1), (5, 1), (1, 2), (1, 5), (1, 20), (3, 5))
"""Sides of an aperture [spaxel] and planes of a sum."""
OUTLIER = 6.0
"""Sums so far out [sigma] hold a cosmic ray that was not recognised."""


def noise_factors(
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
    header: fits.Header,
    blank: NDArray[np.bool_],
) -> Iterator[tuple[str, int, float, float]]:
    """Yield the sum's name, the number of sums, and its factor: found, and of the header.

    Parameters
    ----------
    data, stat : float32[n, nz, ny, nx]
        Cubes of all realisations.
    header
        Primary header of one.
    blank : bool[nz, ny, nx]
        Voxels that count; sums with another one are left out.
    """
    n = len(data)
    deviation = (data - np.nanmean(data, axis=0)) * np.sqrt(n / (n - 1))
    deviation[:, ~blank] = np.nan
    mean = np.nanmean(stat, axis=0)
    for side, n_planes in BOXES:
        told = noise_factor(header, side**2, n_planes)
        expected = summed(mean, n_planes, side)
        pulls = np.stack([summed(off, n_planes, side) for off in deviation])
        pulls /= np.sqrt(expected)
        good = np.abs(pulls) < OUTLIER * told
        if good.any():
            found = float(np.sqrt(np.mean(pulls[good] ** 2)))
            label = f"{side} x {side} x {n_planes} planes"
            yield label, int(good.sum()), found, told


def summed(values: NDArray[np.float32], n_planes: int, side: int) -> NDArray[np.float64]:
    """Return sums over boxes; NaN where one of the voxels is."""
    nz, ny, nx = (
        n // size * size
        for n, size in zip(values.shape, (n_planes, side, side), strict=True)
    )
    parts = values[:nz, :ny, :nx].reshape(
        nz // n_planes, n_planes, ny // side, side, nx // side, side
    )
    return np.asarray(parts.sum(axis=(1, 3, 5), dtype=np.float64))
