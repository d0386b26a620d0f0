"""Slices cut out of an image, column by column, in 16 bits a value.

Counts are coded by the square root of what they exceed `LOWEST` by, in steps of 1/100
of their photon noise; their noise by its square root, right to 0.4 % from 1 to 65000 count.
Code 0 of the noise stands for a pixel that must not be used: it is flagged, not finite, or
its counts are beyond what codes can hold.
"""

import math

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
    last = CODES - 1
    for s in range(first.shape[0]):
        for column in range(n_columns[s]):
            x = first[s] + column
            for k in range(data.shape[0]):
                code, coded = 0.0, 0.0
                excess = data[k, x] - LOWEST
                if dq[k, x] == 0 and excess >= 0.0 and stat[k, x] >= 0.0:
                    code = LIGHT_STEPS * math.sqrt(excess) + 0.5
                    root = math.sqrt(math.sqrt(stat[k, x]))
                    coded = min(max(NOISE_STEPS * root + 0.5, 1.0), last)
                if code > last:
                    code, coded = last, 0.0
                light[s, column, row + k] = np.uint16(code)
                noise[s, column, row + k] = np.uint16(coded)
