"""Kernels that read a detector out: shot noise, read noise and digitisation."""

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel


@kernel
def _next(state: NDArray[np.uint64]) -> float:
    """Advance a xoroshiro128+ generator and return a uniform number in (0, 1)."""
    a, b = state[0], state[1]
    total = a + b
    b ^= a
    state[0] = ((a << np.uint64(24)) | (a >> np.uint64(40))) ^ b ^ (b << np.uint64(16))
    state[1] = (b << np.uint64(37)) | (b >> np.uint64(27))
    return (float(total >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@kernel
def _normal(state: NDArray[np.uint64]) -> float:
    """Return a standard normal number (Marsaglia's polar method, one of the pair)."""
    while True:
        a = 2.0 * _next(state) - 1.0
        b = 2.0 * _next(state) - 1.0
        s = a * a + b * b
        if 0.0 < s < 1.0:
            return a * math.sqrt(-2.0 * math.log(s) / s)


@kernel
def _photons(mean: float, state: NDArray[np.uint64]) -> float:
    """Return a Poisson number; above 30 a normal one with the right skewness."""
    if mean <= 0.0:
        return 0.0
    if mean > 30.0:
        z = _normal(state)
        return max(math.floor(mean + math.sqrt(mean) * z + (z * z - 1.0) / 6.0 + 0.5), 0.0)
    limit = math.exp(-mean)
    count, product = -1, 1.0
    while product > limit or count < 0:
        product *= _next(state)
        count += 1
    return float(count)


@kernel
def read_out(
    raw: NDArray[np.uint16],
    electrons: NDArray[np.float32],
    bias: NDArray[np.float64],
    gain: float,
    read_noise: float,
    seeds: NDArray[np.uint64],
) -> None:
    """Turn electrons of one port into counts: shot noise, read noise, bias, clipping.

    Parameters
    ----------
    raw
        uint16[ny, nx], result [adu].
    electrons
        float32[ny, nx], expected light [electrons].
    bias
        float64[ny], level of each row [adu].
    gain, read_noise
        [electrons/adu], [electrons].
    seeds
        uint64[ny, 2], state of the generator of each row.
    """
    ny, nx = raw.shape
    state = np.empty(2, np.uint64)
    for y in range(ny):
        state[0], state[1] = seeds[y, 0], seeds[y, 1]
        for x in range(nx):
            light = _photons(float(electrons[y, x]), state) + read_noise * _normal(state)
            count = math.floor(bias[y] + light / gain + 0.5)
            raw[y, x] = np.uint16(min(max(count, 0.0), 65535.0))
