"""Division of detector rows by a flat field."""

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.kernels._jit import kernel

_UNUSABLE = np.uint32(Flag.BAD_OTHER)


@kernel
def divide_by_flat(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    flat: NDArray[np.float32],
    flat_dq: NDArray[np.uint32],
    flat_stat: NDArray[np.float32],
) -> None:
    """Divide data by a flat in place; flags add up, variances follow.

    Parameters
    ----------
    data, dq, stat : [ny, nx]
        Counts, flags and variances, changed. Where the flat is 0 or not finite they
        become 0, `Flag.BAD_OTHER` and 0.
    flat, flat_dq, flat_stat : [ny, nx]
        The flat field, its flags and variances.

    Notes
    -----
    ``var(d / f) = (var(d) + (d / f)**2 var(f)) / f**2`` to first order.
    """
    ny, nx = data.shape
    for y in range(ny):
        for x in range(nx):
            f = float(flat[y, x])
            dq[y, x] |= flat_dq[y, x]
            if f == 0.0 or not np.isfinite(f):
                data[y, x] = 0.0
                stat[y, x] = 0.0
                dq[y, x] |= _UNUSABLE
                continue
            ratio = data[y, x] / f
            data[y, x] = ratio
            stat[y, x] = (stat[y, x] + ratio * ratio * flat_stat[y, x]) / (f * f)
