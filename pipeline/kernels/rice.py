"""Rice decompression of rows of 16-bit counts.

Source: FITS standard 4.0, section 10.4.1; R. F. Rice et al. (1993). A row begins with its
first value; differences of neighbours follow in blocks, each with the number of bits that
it splits off.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

_FIRST_BITS = 16
"""Bits of the first value and of differences that are not compressed."""
_SPLIT_BITS = 4
"""Bits that tell how a block is split."""
_NOT_SPLIT = 14
"""Split of a block whose differences are stored as they are."""


@kernel
def decode_rows(
    packed: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    block: int,
    out: NDArray[np.uint16],
) -> bool:
    """Decompress rows, each as far as it is asked for; tell whether all bits were there.

    Parameters
    ----------
    packed : uint8[n_bytes]
        Compressed rows.
    starts, stops : int64[n_rows]
        Where each row begins and ends in ``packed``.
    block : int
        Differences in a block.
    out : uint16[n_rows, n_values]
        The first values of each row [adu]; the stored signed integers are 32768 less.
    """
    n_values = out.shape[1]
    for y in range(out.shape[0]):
        position, stop = starts[y], stops[y]
        bits, n_bits = np.uint64(0), 0  # the next bit is the highest one
        position, bits, n_bits = _fill(packed, position, stop, bits, n_bits)
        value = np.int64(bits >> np.uint64(64 - _FIRST_BITS))
        bits, n_bits = bits << np.uint64(_FIRST_BITS), n_bits - _FIRST_BITS
        x = 0
        while x < n_values:
            position, bits, n_bits = _fill(packed, position, stop, bits, n_bits)
            split = np.int64(bits >> np.uint64(64 - _SPLIT_BITS)) - np.int64(1)
            bits, n_bits = bits << np.uint64(_SPLIT_BITS), n_bits - _SPLIT_BITS
            last = min(x + block, n_values)
            while x < last:
                difference = np.int64(0)
                if split >= 0:
                    if n_bits < 32:
                        position, bits, n_bits = _fill(packed, position, stop, bits, n_bits)
                    high, n = np.int64(0), np.int64(split)
                    if split == _NOT_SPLIT:
                        n = np.int64(_FIRST_BITS)
                    else:
                        zeros = _zeros_before(bits)
                        while zeros >= n_bits:
                            high += n_bits
                            bits, n_bits = bits << np.uint64(n_bits), 0
                            position, bits, n_bits = _fill(
                                packed, position, stop, bits, n_bits
                            )
                            if n_bits <= 0:
                                return False
                            zeros = _zeros_before(bits)
                        high += zeros
                        bits, n_bits = bits << np.uint64(zeros + 1), n_bits - zeros - 1
                        if n_bits < n:
                            position, bits, n_bits = _fill(
                                packed, position, stop, bits, n_bits
                            )
                    # in two steps, since n may be 0
                    low = np.int64((bits >> np.uint64(1)) >> np.uint64(63 - n))
                    bits, n_bits = bits << np.uint64(n), n_bits - int(n)
                    folded = (high << n) | low
                    difference = (folded >> 1) ^ -(folded & 1)
                value += difference
                out[y, x] = np.uint16((value + 32768) & 0xFFFF)
                x += 1
            if n_bits < 0:
                return False
    return True


@kernel
def _fill(
    packed: NDArray[np.uint8], position: int, stop: int, bits: np.uint64, n_bits: int
) -> tuple[int, np.uint64, int]:
    """Append bytes while there is room in the 64 bits in hand.

    While eight bytes are left they are taken at once; what has no room comes again.
    """
    if position + 8 <= stop and n_bits >= 0:
        word = np.uint64(0)
        for k in range(8):
            word = (word << np.uint64(8)) | np.uint64(packed[position + k])
        n_bytes = (63 - n_bits) >> 3
        bits |= word >> np.uint64(n_bits)
        return position + n_bytes, bits, n_bits + 8 * n_bytes
    while n_bits <= 56 and position < stop:
        bits |= np.uint64(packed[position]) << np.uint64(56 - n_bits)
        position += 1
        n_bits += 8
    return position, bits, n_bits


@kernel
def _zeros_before(bits: np.uint64) -> int:
    """Return how many zeros 64 bits begin with; the compiler knows one instruction."""
    n = 64
    while bits != np.uint64(0):
        bits >>= np.uint64(1)
        n -= 1
    return n
