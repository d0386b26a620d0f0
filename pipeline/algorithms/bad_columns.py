"""Columns, or parts of them, that are darker or brighter than the rest of a port."""

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.plane_statistics import PlaneStatistics
from pipeline.flags import Flag

_BOX = 31
"""Rows that are averaged to find where a defect begins and ends [pix]."""

BAD = np.uint32(Flag.PERMANENT_CAMERA_DEFECT)
"""The flag of the genuine pipeline for them."""


def flag_bad_columns(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    port: PlaneStatistics,
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
    port
        Statistics of ``data``.
    noise
        Read-out noise of one exposure [adu].
    low_sigma, high_sigma
        Limits [mean absolute deviations].

    Returns
    -------
    int
        Number of flagged pixels.
    """
    mean, scatter = port.columns.copy(), port.scatter.copy()
    for x in np.flatnonzero(dq.any(axis=0)).tolist():
        column = _column(data, dq, x, port.median)
        mean[x], scatter[x] = column.mean(), _stdev(column)
    middle = float(np.median(mean))
    deviation = float(np.mean(np.abs(mean - middle)))
    high, low = middle + high_sigma * deviation, middle - low_sigma * deviation
    n_bad = 0
    suspect = ((mean > high) & (scatter > noise)) | (mean < low)
    for x in np.flatnonzero(suspect).tolist():
        column = _column(data, dq, x, port.median)
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


def _column(
    data: NDArray[np.float32], dq: NDArray[np.uint32], x: int, middle: float
) -> NDArray[np.float64]:
    """Return a column; saturated or known bad pixels say nothing about the others."""
    return np.where(dq[:, x] == 0, data[:, x].astype(float), middle)


def _stdev(column: NDArray[np.float64]) -> float:
    """Return the standard deviation, 0 of one row."""
    return float(column.std(ddof=1)) if len(column) > 1 else 0.0
