"""Medians of the raw counts of each port: roughly, or exact while all rows come by."""

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Quadrant, Size, size_of
from pipeline.kernels.read_noise import count_values
from pipeline.spec import RawFrame

_HALF = 512
"""Counts around the expected level that are told apart [adu]."""

N_BANDS = 16
"""Bands of rows over a port of which a part is looked at."""


def bands(port: Quadrant, share: int) -> list[slice]:
    """Return the first rows, one in ``share``, of each of `N_BANDS` bands of a port."""
    step = (port.raw_y.stop - port.raw_y.start) // N_BANDS
    starts = [port.raw_y.start + band * step for band in range(N_BANDS)]
    return [slice(start, start + max(step // share, 1)) for start in starts]


def sampled_quantiles(
    raws: Sequence[RawFrame], parts: Sequence[float]
) -> NDArray[np.float64]:
    """Return quantiles of some rows of raw exposures [adu].

    Parameters
    ----------
    raws
        The exposures, of one size.
    parts
        Which quantiles, 0 to 1.

    Returns
    -------
    float64[n_parts, n_ports, n_exposures]
    """
    found = [
        [
            np.quantile([raw.read(rows, port.raw_x) for rows in bands(port, 64)], parts)
            for raw in raws
        ]
        for port in size_of(raws[0].shape).quadrants()
    ]
    return np.moveaxis(np.array(found, np.float64), 2, 0)


class RawLevels:
    """Medians of the light-sensitive parts of raw exposures, by port and exposure.

    Parameters
    ----------
    size
        That of the detector.
    expected
        By port and exposure, the medians to within some hundred adu.
    """

    def __init__(self, size: Size, expected: Sequence[Sequence[float]]) -> None:
        self._columns = [port.raw_x for port in size.quadrants()]
        first = np.maximum(np.array(expected).astype(np.int64) - _HALF, 0)
        self._first = first
        self._counts = np.zeros((*first.shape, 2 * _HALF), np.int64)
        self._lock = Lock()

    def add(self, raw: NDArray[np.uint16], upper: bool) -> None:
        """Take in whole raw rows of one half, uint16[n_frames, n_rows, nx] [adu]."""
        for port in [3, 2] if upper else [0, 1]:
            columns = self._columns[port]
            found = np.zeros(self._counts.shape[1:], np.int64)
            count_values(raw, columns.start, columns.stop, self._first[port], found)
            with self._lock:
                self._counts[port] += found

    def of_port(self, port: int) -> list[float]:
        """Return the median of each exposure [adu]; ``port`` counts from 0."""
        below = np.cumsum(self._counts[port], axis=1)
        middle = (below[:, -1] - 1) // 2
        return [
            float(first + np.searchsorted(row, rank, side="right"))
            for first, row, rank in zip(self._first[port], below, middle, strict=True)
        ]
