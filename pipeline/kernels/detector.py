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
            first = port * half
            shift = scan * (1 + 2 * port)
            g, variance, zero = gain[port], read_variance[port], level[y, port]
            for x in range(first, first + half):
                counts = raw[y, x + shift]
                value = (counts - zero - bias[y, x]) * g
                flags = bias_dq[y, x]
                if counts == 0 or counts > _LIMIT:
                    flags |= _SATURATED
                total = variance + bias_stat[y, x] * g * g
                if photons:
                    total += max(value, -0.5 * variance)
                data[y, x] = value
                dq[y, x] = flags
                stat[y, x] = max(total, 1e-30)
