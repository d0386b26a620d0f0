"""From raw counts of one port pair to calibrated counts with flags and variance."""

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.instrument import SATURATION
from pipeline.kernels._jit import kernel

_SATURATED = np.uint32(Flag.AD_SATURATED)
_LIMIT = SATURATION


@kernel
def calibrate(
    raw: NDArray[np.uint16],
    level: NDArray[np.float64],
    scan: int,
    bias: NDArray[np.float32],
    bias_dq: NDArray[np.uint32],
    bias_stat: NDArray[np.float32],
    gain: NDArray[np.float64],
    read_variance: NDArray[np.float64],
    photons: bool,
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
) -> None:
    """Trim rows, subtract overscan level and bias, convert to counts, make the variance.

    Parameters
    ----------
    raw : uint16[n_rows, nx + 4 scan]
        Whole raw rows of one half of the detector [adu].
    level : float64[n_rows, 2]
        Overscan level of the left and the right port [adu].
    scan : int
        Width of pre- and overscan [pix].
    bias, bias_dq, bias_stat : [n_rows, nx]
        Master bias [adu], its flags and its variance [adu**2].
    gain : float64[2]
        Left and right gain [count/adu].
    read_variance : float64[2]
        Square of the read-out noise of both ports [count**2].
    photons : bool
        Whether to add the photon noise.
    data, dq, stat : [n_rows, nx]
        Results [count], flags and variance [count**2].

    Notes
    -----
    The photon variance is the signal itself, down to minus half of the read variance: a
    cut at zero would make the mean variance of dark pixels 16 % too large.
    """
    n_rows, nx = data.shape
    half = nx // 2
    for y in range(n_rows):
        for port in range(2):
            here = slice(port * half, (port + 1) * half)
            shift = scan * (1 + 2 * port)
            counts = raw[y, here.start + shift : here.stop + shift]
            _flag_row(counts, bias_dq[y, here], dq[y, here])
            _calibrate_row(
                counts,
                level[y, port],
                bias[y, here],
                bias_stat[y, here],
                gain[port],
                read_variance[port],
                photons,
                data[y, here],
                stat[y, here],
            )


@kernel
def _flag_row(
    counts: NDArray[np.uint16], known: NDArray[np.uint32], dq: NDArray[np.uint32]
) -> None:
    """Copy flags and add that of saturated counts."""
    for x in range(counts.shape[0]):
        value = counts[x]
        saturated = _SATURATED if value == 0 or value > _LIMIT else np.uint32(0)
        dq[x] = known[x] | saturated


@kernel
def _calibrate_row(
    counts: NDArray[np.uint16],
    level: float,
    bias: NDArray[np.float32],
    bias_stat: NDArray[np.float32],
    gain: float,
    read_variance: float,
    photons: bool,
    data: NDArray[np.float32],
    stat: NDArray[np.float32],
) -> None:
    """Calibrate one row of one port."""
    floor = -0.5 * read_variance
    for x in range(counts.shape[0]):
        value = (counts[x] - level - bias[x]) * gain
        total = read_variance + bias_stat[x] * gain * gain
        if photons:
            total += value if value > floor else floor
        data[x] = value
        stat[x] = total if total > 1e-30 else 1e-30
