"""Raw exposures of one IFU, calibrated and combined in one go, some rows at a time."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.combination import CombineParams, efficiency
from pipeline.algorithms.detector import CalibratedFrame
from pipeline.algorithms.statistics import FIRST, WIDTH, StackStatistics
from pipeline.kernels.raw_stack import combine_raw
from pipeline.spec import Planes


class Stack:
    """Exposures of one IFU that share master bias and bad pixels.

    What `combine` and `read` return equals ``combination.combine`` of
    ``exposure.read(rows)`` of each, multiplied by its factor, but no plane of an exposure
    is ever stored.

    Parameters
    ----------
    exposures
        Without master dark.
    params
        How to combine.
    factors
        What each exposure is multiplied by; default 1.
    shared
        Whether STAT includes what the variance of the bias, which the exposures have in
        common, does not lose by averaging.
    """

    def __init__(
        self,
        exposures: Sequence[CalibratedFrame],
        params: CombineParams,
        factors: Sequence[float] | None = None,
        *,
        shared: bool = True,
    ) -> None:
        self.exposures, self._params = exposures, params
        self.size = exposures[0].size
        self._factors = np.array(factors or [1.0] * len(exposures), np.float32)
        self._limits = np.array([params.nlow, params.nhigh, params.nkeep])
        self._sigma = np.array([params.lsigma, params.hsigma])
        self._efficiency = efficiency(len(exposures), params)
        self._bias_is_shared = shared and exposures[0].bias is not None

    def raw(self, rows: slice) -> NDArray[np.uint16]:
        """Return whole raw rows, uint16[n_frames, n_rows, nx + 4 scan] [adu].

        ``rows``: trimmed rows of one half of the detector.
        """
        shift = self.size.scan * (3 if rows.start >= self.size.quadrant_ny else 1)
        there = slice(rows.start + shift, rows.stop + shift)
        return np.stack([exposure.raw.read(there) for exposure in self.exposures])

    def combine(
        self,
        rows: slice,
        raw: NDArray[np.uint16] | None = None,
        out: Planes | None = None,
        statistics: StackStatistics | None = None,
    ) -> tuple[Planes, NDArray[np.int64]]:
        """Combine some rows of one half of the detector.

        Parameters
        ----------
        rows
            Trimmed rows.
        raw
            What `raw` returned for them, if it was called.
        out
            Takes the combination, if given.
        statistics
            Takes in the exposures, calibrated and multiplied.

        Returns
        -------
        planes, saturated
            The combination, and the number of saturated pixels of each exposure and,
            last, of the combination.
        """
        exposures, first = self.exposures, self.exposures[0]
        ports = [3, 2] if rows.start >= self.size.quadrant_ny else [0, 1]
        shape = rows.stop - rows.start, self.size.shape[1]
        bias = first.bias_rows(rows)
        if first.bad_pixels:
            bias = bias._replace(dq=bias.dq.copy())  # others may have it, too
            first.flag_known(bias.dq, rows.start)
        if out is None:
            data, stat = np.empty(shape, np.float32), np.empty(shape, np.float32)
            out = Planes(data, np.empty(shape, np.uint32), stat)
        described = statistics or StackStatistics(0)
        saturated = np.zeros(len(exposures) + 1, np.int64)
        combine_raw(
            self.raw(rows) if raw is None else raw,
            np.stack([exposure.overscan.rows[rows] for exposure in exposures]),
            self.size.scan,
            *bias,
            np.array([[e.gain[port] for port in ports] for e in exposures]),
            np.array([[e.read_noise[port] ** 2 for port in ports] for e in exposures]),
            first.photons,
            self._factors,
            self._shared(),
            self._params.method,
            self._limits,
            self._sigma,
            self._efficiency,
            *out,
            saturated,
            FIRST,
            WIDTH,
            described.sums,
            described.histograms,
        )
        return out, saturated

    def read(self, rows: slice) -> Planes:
        """Return the combination of some rows, of both halves if need be."""
        start, stop, _ = rows.indices(self.size.shape[0])
        shape = max(stop - start, 0), self.size.shape[1]
        data, stat = np.empty(shape, np.float32), np.empty(shape, np.float32)
        planes = Planes(data, np.empty(shape, np.uint32), stat)
        for half in self.halves():
            low, high = max(start, half.start), min(stop, half.stop)
            if low < high:
                part = Planes._make(p[low - start : high - start] for p in planes)
                self.combine(slice(low, high), out=part)
        return planes

    def _shared(self) -> float:
        """Return the share of the variance of the bias that does not average out."""
        if not self._bias_is_shared:
            return 0.0
        return (1 - 1 / len(self.exposures)) * float(np.mean(self._factors)) ** 2

    def halves(self) -> Iterator[slice]:
        """Yield the trimmed rows of the lower and of the upper half."""
        middle = self.size.quadrant_ny
        yield slice(0, middle)
        yield slice(middle, 2 * middle)
