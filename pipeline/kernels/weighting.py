"""Weights of pixels in voxels, by distance or by the overlap of a drop."""

import numpy as np

from pipeline.kernels._jit import kernel

NEAREST, LINEAR, QUADRATIC, RENKA, LANCZOS, DRIZZLE = range(6)
"""Methods of resampling (MUSE pipeline manual, resampling)."""

_EXACT = 3.4028234663852886e38
"""Weight of a pixel in the very centre of a voxel: the largest float32."""


@kernel
def overlap(offset: float, drop: float) -> float:
    """Return the fraction of a drop that falls into a voxel of size one.

    Parameters
    ----------
    offset : float
        Distance of the centres [voxel].
    drop : float
        Size of the drop [voxel].
    """
    return shared(offset, drop) / drop


@kernel
def shared(offset: float, drop: float) -> float:
    """Return the length that a drop shares with a voxel of size one, see `overlap`."""
    return max(min(0.5 * (drop + 1.0) - abs(offset), drop, 1.0), 0.0)


@kernel
def _sinc(d: float) -> float:
    """Return sin(pi d) / (pi d)."""
    return float(np.sin(np.pi * d) / (np.pi * d)) if abs(d) > 1e-15 else 1.0


@kernel
def _lanczos(d: float, reach: int) -> float:
    """Return the window of Lanczos (1964) in one direction."""
    return _sinc(d) * _sinc(d / reach)


@kernel
def distance_weight(
    method: int, dx: float, dy: float, dz: float, radius: float, reach: int
) -> float:
    """Return the weight of a pixel at a distance from the centre of a voxel.

    Parameters
    ----------
    method : int
        `NEAREST` and `LINEAR`: the inverse distance; `QUADRATIC`: its square; `RENKA`:
        as quadratic, but falling to zero at ``radius``; `LANCZOS`: a windowed sinc in each
        direction, zero from ``reach`` on; negative where the sinc is.
    dx, dy, dz : float
        Distances [detector pixel].
    radius : float
        Critical radius of `RENKA` [detector pixel].
    reach : int
        Half the width of the window of `LANCZOS` [detector pixel].
    """
    if method == LANCZOS:
        if abs(dx) >= reach or abs(dy) >= reach or abs(dz) > reach:
            return 0.0
        return _lanczos(dx, reach) * _lanczos(dy, reach) * _lanczos(dz, reach)
    squared = dx * dx + dy * dy + dz * dz
    if squared == 0.0:
        return _EXACT
    if method == QUADRATIC:
        return 1.0 / squared
    r = np.sqrt(squared)
    if method == RENKA:
        root = 1.0 / r - 1.0 / radius
        return float(root * root) if r < radius else 0.0
    return float(1.0 / r)
