"""Slices cut out of an image, column by column, in 16 bits a value.

Counts are coded by the square root of what they exceed `LOWEST` by, in steps of 1/100
of their photon noise; their noise by its square root, right to 0.4 % from 1 to 65000 count.
Code 0 of the noise stands for a pixel that must not be used: it is flagged, not finite, or
its counts are beyond what codes can hold.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

CODES = 65536
"""Number of codes."""
LOWEST, LIGHT_STEPS = -100.0, 200.0
"""Counts of code 0 [count] and steps of the code [count**-0.5]; up to 107 000 count."""
NOISE_STEPS = 256.0
"""Steps of the code of the noise [count**-0.5]."""
LIGHT = (LOWEST + (np.arange(CODES) / LIGHT_STEPS) ** 2).astype(np.float32)
"""Counts of every code [count]."""
NOISE = ((np.arange(CODES) / NOISE_STEPS) ** 2).astype(np.float32)
"""Standard deviation of every code [count]; infinite for 0."""
NOISE[0] = np.inf


@kernel
def fill_strips(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    row: int,
    first: NDArray[np.int64],
    n_columns: NDArray[np.int64],
    light: NDArray[np.uint16],
    noise: NDArray[np.uint16],
) -> None:
    """Cut rows of an image into strips.

    Parameters
    ----------
    data, dq, stat : float32[n, nx], uint32[n, nx], float32[n, nx]
        Counts, flags and variance [count, count**2] of ``n`` rows.
    row : int
        Number of the first of them [pix, 0-based].
    first, n_columns : int64[n_slices]
        First detector column [pix, 0-based] and width [pix] of each strip.
    light, noise : uint16[n_slices, n_most, ny]
        Receive the codes of the counts and of their noise.
    """
    # Row by row: neighbours in a row are read together, and the places where the columns
    # are written stay in the cache for the next row.
    codes = np.empty((2, light.shape[1]), np.uint16)
    for s in range(first.shape[0]):
        n, x = n_columns[s], first[s]
        for k in range(data.shape[0]):
            _encode(data[k, x : x + n], dq[k, x : x + n], stat[k, x : x + n], codes)
            for column in range(n):
                light[s, column, row + k] = codes[0, column]
                noise[s, column, row + k] = codes[1, column]


@kernel
def _encode(
    data: NDArray[np.float32],
    dq: NDArray[np.uint32],
    stat: NDArray[np.float32],
    codes: NDArray[np.uint16],
) -> None:
    """Code counts and noise of some pixels, uint16[2, n or more]."""
    last, lowest = np.float32(CODES - 1), np.float32(LOWEST)
    steps, noise_steps = np.float32(LIGHT_STEPS), np.float32(NOISE_STEPS)
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    for i in range(data.shape[0]):
        excess, variance = data[i] - lowest, stat[i]
        light = steps * np.sqrt(max(excess, zero)) + half
        noise = noise_steps * np.sqrt(np.sqrt(max(variance, zero))) + half
        good = dq[i] == 0 and excess >= zero and variance >= zero and light <= last
        codes[0, i] = np.uint16(light) if good else np.uint16(0)
        codes[1, i] = np.uint16(min(max(noise, one), last)) if good else np.uint16(0)
