"""Columns, or parts of them, that are darker or brighter than the rest of a port."""

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag

_BOX = 31
"""Rows that are averaged to find where a defect begins and ends [pix]."""

BAD = np.uint32(Flag.HOT_PIXEL | Flag.DARK_PIXEL)


def flag_bad_columns(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    noise: float,
    low_sigma: float,
    high_sigma: float,
) -> int:
    """Flag bad columns of one port of a master bias.

    A column is bright if its mean lies ``high_sigma`` mean deviations above the median
    column and it scatters more than one exposure does: so columns that are higher all
    along are left, as the bias subtraction corrects them. It is dark if its mean lies
    ``low_sigma`` below. What lies between the first and the last affected rows, the column
    being smoothed, is flagged. Follows ``muse_bias`` but for the smoothing.

    Parameters
    ----------
    data, dq : float32, uint32[ny, nx]
        The port of the master [adu]; ``dq`` is changed.
    noise
        Read-out noise of one exposure [adu].
    low_sigma, high_sigma
        Limits [mean absolute deviations].

    Returns
    -------
    int
        Number of flagged pixels.
    """
    if dq.any():  # saturated or known bad pixels say nothing about their column
        data = np.where(dq == 0, data, np.float32(np.median(data)))
    mean = data.mean(axis=0, dtype=np.float64)
    middle = float(np.median(mean))
    deviation = float(np.mean(np.abs(mean - middle)))
    high, low = middle + high_sigma * deviation, middle - low_sigma * deviation
    n_bad = 0
    for x in np.flatnonzero((mean > high) | (mean < low)):
        column = data[:, x].astype(float)
        if mean[x] > high and column.std(ddof=1) <= noise:
            continue
        box = np.ones(_BOX) / _BOX
        smooth = np.convolve(np.pad(column, _BOX // 2, mode="edge"), box, mode="valid")
        affected = smooth > high if mean[x] > high else smooth < low
        limit = 5 * noise / np.sqrt(_BOX)
        affected &= np.abs(smooth - middle) > limit
        rows = np.flatnonzero(affected)
        if len(rows):
            dq[rows[0] : rows[-1] + 1, x] |= BAD
            n_bad += int(rows[-1] + 1 - rows[0])
    return n_bad
