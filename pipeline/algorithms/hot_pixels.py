"""Pixels of a master dark that are hotter or darker than the rest of their port."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.plane_statistics import plane_statistics
from pipeline.flags import Flag
from pipeline.instrument import Size
from pipeline.kernels.statistics import mean_distance
from pipeline.spec import blocks


def flag_deviant(
    data: NDArray[np.float32],
    dq: NDArray[np.unsignedinteger],
    size: Size,
    *,
    high_sigma: float,
    low_sigma: float | None = None,
    first: int = 0,
) -> int:
    """Flag the pixels beyond a limit around the median of their port.

    Parameters
    ----------
    data, dq : float32, uint32 (or uint16)[n_rows, nx]
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
        middle, deviation = middle_and_deviation(data[rows], dq[rows], port.trim_x)
        here, flags = data[rows, port.trim_x], dq[rows, port.trim_x]
        hot = here > middle + high_sigma * deviation
        flags[hot] |= dq.dtype.type(Flag.HOT_PIXEL)
        n_found += int(np.count_nonzero(hot))
        if low_sigma is not None:
            dark = here < middle - low_sigma * deviation
            flags[dark] |= dq.dtype.type(Flag.PERMANENT_CAMERA_DEFECT)
            n_found += int(np.count_nonzero(dark))
    return n_found


def middle_and_deviation(
    data: NDArray[np.float32], dq: NDArray[np.unsignedinteger], columns: slice = slice(None)
) -> tuple[float, float]:
    """Return median and mean absolute deviation of the pixels without flags.

    ``columns``: those of the image that count, as of a port.
    """
    with _hidden(data, dq, columns):
        middle = plane_statistics(data, columns).median
        start, stop, _ = columns.indices(data.shape[1])
        return middle, mean_distance(data, start, stop, middle)


@contextmanager
def _hidden(
    data: NDArray[np.float32], dq: NDArray[np.unsignedinteger], columns: slice
) -> Iterator[None]:
    """Put NaN in the place of flagged pixels meanwhile."""
    kept = []
    for rows in blocks(len(data)):
        part, flagged = data[rows, columns], dq[rows, columns] != 0
        kept.append(part[flagged])
        part[flagged] = np.nan
    yield
    for rows, values in zip(blocks(len(data)), kept, strict=True):
        data[rows, columns][dq[rows, columns] != 0] = values
