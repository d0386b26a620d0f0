"""Raw exposures of one detector, calibrated and combined row by row.

A row of all exposures stays in the cache of the processor from its raw counts to the
combined value, so that each pixel is fetched once and stored once.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.kernels._jit import kernel
from pipeline.kernels.combine import combine
from pipeline.kernels.detector import calibrate
from pipeline.kernels.statistics import add_row, fold_columns, row_space

_SATURATED = np.uint32(Flag.AD_SATURATED)


@kernel
def combine_raw(
    raw: NDArray[np.uint16],
    level: NDArray[np.float64],
    scan: int,
    bias: NDArray[np.float32],
    bias_dq: NDArray[np.uint32],
    bias_stat: NDArray[np.float32],
    gain: NDArray[np.float64],
    read_variance: NDArray[np.float64],
    photons: bool,
    factor: NDArray[np.float32],
    shared: float,
    method: int,
    limits: NDArray[np.int64],
    sigma: NDArray[np.float64],
    efficiency: NDArray[np.float64],
    out: NDArray[np.float32],
    out_dq: NDArray[np.uint32],
    out_stat: NDArray[np.float32],
    saturated: NDArray[np.int64],
    first: float,
    width: float,
    sums: NDArray[np.float64],
    histograms: NDArray[np.int32],
) -> None:
    """Combine raw rows of one half of the detector.

    Parameters
    ----------
    raw : uint16[n_frames, n_rows, nx + 4 scan]
        Whole raw rows [adu].
    level : float64[n_frames, n_rows, 2]
        Overscan level of the left and the right port [adu].
    scan : int
        Width of pre- and overscan [pix].
    bias, bias_dq, bias_stat : [n_rows, nx]
        Master bias [adu], flags that all exposures share, its variance [adu**2].
    gain, read_variance : float64[n_frames, 2]
        By exposure and port, see `pipeline.kernels.detector.calibrate`.
    photons : bool
        Whether to add the photon noise.
    factor : float32[n_frames]
        What each exposure is multiplied by before it is combined.
    shared : float
        Share of the variance of the bias [of the first exposure] that is added to that of
        the result, since it does not average out.
    method, limits, sigma, efficiency
        See `pipeline.kernels.combine.combine`: ``limits`` are ``n_low, n_high, n_keep``,
        ``sigma`` the low and the high limit.
    out, out_dq, out_stat : [n_rows, nx]
        Combined values, flags and variances.
    saturated : int64[n_frames + 1]
        Saturated pixels by exposure and, last, of the result are added to it.
    first, width, sums, histograms
        See `pipeline.kernels.statistics.add_to_statistics`; of each exposure, [n_frames,
        ...], or empty if no statistics are wanted.
    """
    n_frames = raw.shape[0]
    n_rows, nx = out.shape
    data = np.empty((n_frames, 1, nx), np.float32)
    dq = np.empty((n_frames, 1, nx), np.uint32)
    stat = np.empty((n_frames, 1, nx), np.float32)
    n_described = sums.shape[0]
    columns, extremes, bins = row_space(n_described, nx)
    for y in range(n_rows):
        row = slice(y, y + 1)
        for i in range(n_frames):
            calibrate(
                raw[i, row],
                level[i, row],
                scan,
                bias[row],
                bias_dq[row],
                bias_stat[row],
                gain[i],
                read_variance[i],
                photons,
                data[i],
                dq[i],
                stat[i],
            )
            if factor[i] != np.float32(1.0):
                _scale(data[i, 0], stat[i, 0], factor[i])
            saturated[i] += _n_saturated(dq[i, 0])
            if i < n_described:
                values = data[i, 0]
                add_row(values, first, width, histograms[i], columns[i], extremes[i], bins)
        combine(
            data,
            dq,
            stat,
            method,
            limits[0],
            limits[1],
            limits[2],
            sigma[0],
            sigma[1],
            efficiency,
            out[row],
            out_dq[row],
            out_stat[row],
        )
        if shared > 0.0:
            _add_shared(out_stat[y], bias_stat[y], gain[0], shared)
        saturated[n_frames] += _n_saturated(out_dq[y])
    for i in range(n_described):
        fold_columns(columns[i], extremes[i], sums[i])


@kernel
def _scale(
    data: NDArray[np.float32], stat: NDArray[np.float32], factor: np.float32
) -> None:
    """Multiply a row by a factor, its variance by the square."""
    for x in range(data.shape[0]):
        data[x] *= factor
        stat[x] *= factor * factor


@kernel
def _add_shared(
    stat: NDArray[np.float32],
    bias_stat: NDArray[np.float32],
    gain: NDArray[np.float64],
    shared: float,
) -> None:
    """Add the part of the variance that all exposures have in common to a row."""
    half = stat.shape[0] // 2
    for port in range(2):
        share = np.float32(shared * gain[port] * gain[port])
        there = stat[port * half : (port + 1) * half]
        here = bias_stat[port * half : (port + 1) * half]
        for x in range(half):
            there[x] += share * here[x]


@kernel
def _n_saturated(dq: NDArray[np.uint32]) -> int:
    """Count the saturated pixels of a row."""
    n = np.uint32(0)
    for x in range(dq.shape[0]):
        n += np.uint32((dq[x] & _SATURATED) != 0)
    return int(n)
