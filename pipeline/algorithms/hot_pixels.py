"""Pixels of a master dark that are hotter or darker than the rest of their port."""

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.plane_statistics import plane_statistics
from pipeline.flags import Flag
from pipeline.instrument import Size
from pipeline.kernels.statistics import mean_distance


def flag_deviant(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    size: Size,
    *,
    high_sigma: float,
    low_sigma: float | None = None,
    first: int = 0,
) -> int:
    """Flag the pixels beyond a limit around the median of their port.

    Parameters
    ----------
    data, dq : float32, uint32[n_rows, nx]
        One half of the detector, or both; pixels that are flagged already do not count
        for median and deviation. ``dq`` is changed.
    size
        That of the detector.
    high_sigma, low_sigma
        Limits in units of the mean absolute deviation; without the lower one, pixels that
        are too low stay.
    first
        Trimmed row that ``data`` begins with.

    Returns
    -------
    int
        Number of pixels beyond the limits, flagged before or not.
    """
    n_found = 0
    for port in size.quadrants():
        rows = slice(port.trim_y.start - first, port.trim_y.stop - first)
        if rows.start < 0 or rows.stop > len(data):
            continue
        middle, deviation = _middle_and_deviation(data[rows], dq[rows], port.trim_x)
        here, flags = data[rows, port.trim_x], dq[rows, port.trim_x]
        hot = here > middle + high_sigma * deviation
        flags[hot] |= np.uint32(Flag.HOT_PIXEL)
        n_found += int(np.count_nonzero(hot))
        if low_sigma is not None:
            dark = here < middle - low_sigma * deviation
            flags[dark] |= np.uint32(Flag.PERMANENT_CAMERA_DEFECT)
            n_found += int(np.count_nonzero(dark))
    return n_found


def _middle_and_deviation(
    data: NDArray[np.float32], dq: NDArray[np.uint32], columns: slice
) -> tuple[float, float]:
    """Return median and mean absolute deviation of the pixels of a port without flags."""
    flagged = dq[:, columns] != 0
    part = data[:, columns]
    kept, part[flagged] = part[flagged], np.nan
    middle = plane_statistics(data, columns).median
    start, stop, _ = columns.indices(data.shape[1])
    deviation = mean_distance(data, start, stop, middle)
    part[flagged] = kept
    return middle, deviation
