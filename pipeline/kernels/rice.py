"""Rice decompression of rows of 16-bit counts.

Source: FITS standard 4.0, section 10.4.1; R. F. Rice et al. (1993). A row begins with its
first value; differences of neighbours follow in blocks, each with the number of bits that
it splits off. A difference is written as zeros, a one and the bits split off.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

_FIRST_BITS = np.uint64(16)
"""Bits of the first value and of differences that are not compressed."""
_SPLIT_BITS = np.uint64(4)
"""Bits that tell how a block is split; 0: all differences are zero."""
_NOT_SPLIT = np.uint64(15)
"""What stands there if the differences of a block are stored as they are."""
_SEEN = np.uint64(57)
"""Bits that are there at least wherever one looks, see `_bits`."""
_0, _1, _3, _4, _8 = (np.uint64(k) for k in (0, 1, 3, 4, 8))
_63, _64 = np.uint64(63), np.uint64(64)
_SIGN = np.uint64(0x8000)


def spare_bytes(block: int) -> int:
    """Return how far behind the last row a damaged one may be followed [byte]."""
    return 16 * (block + 1)


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
        Compressed rows, and `spare_bytes` of anything.
    starts, stops : int64[n_rows]
        Where each row begins and ends in ``packed``.
    block : int
        Differences in a block.
    out : uint16[n_rows, n_values]
        The first values of each row [adu]; the stored signed integers are 32768 less.
    """
    n_values = np.uint64(out.shape[1])
    for y in range(out.shape[0]):
        row = out[y]
        place, end = _8 * np.uint64(starts[y]), _8 * np.uint64(stops[y])  # in bits
        value = (_bits(packed, place) >> (_64 - _FIRST_BITS)) ^ _SIGN
        place += _FIRST_BITS
        x = _0
        while x < n_values:
            split = _bits(packed, place) >> (_64 - _SPLIT_BITS)
            place += _SPLIT_BITS
            last = min(x + np.uint64(block), n_values)
            if split == _0:
                row[x:last] = np.uint16(value)
            elif split == _NOT_SPLIT:
                place, value = _stored(packed, place, value, row[x:last])
            else:
                place, value = _split(packed, place, end, split - _1, value, row[x:last])
            x = last
            if place > end:
                return False
    return True


@kernel
def _stored(
    packed: NDArray[np.uint8], place: np.uint64, value: np.uint64, out: NDArray[np.uint16]
) -> tuple[np.uint64, np.uint64]:
    """Read a block that is not compressed; return the next place and the last value."""
    for x in range(out.shape[0]):
        value += _signed(_bits(packed, place) >> (_64 - _FIRST_BITS))
        place += _FIRST_BITS
        out[x] = np.uint16(value)
    return place, value


@kernel
def _split(
    packed: NDArray[np.uint8],
    place: np.uint64,
    end: np.uint64,
    n_low: np.uint64,
    value: np.uint64,
    out: NDArray[np.uint16],
) -> tuple[np.uint64, np.uint64]:
    """Read a block of which ``n_low`` bits are split off, like `_stored`.

    Four differences at a time mostly are among the bits that one look shows.
    """
    n, x = np.uint64(out.shape[0]), _0
    while x < n:
        if x + _3 < n:
            bits = _bits(packed, place)
            a, used_a = _difference(bits, n_low)
            bits <<= used_a & _63
            b, used_b = _difference(bits, n_low)
            bits <<= used_b & _63
            c, used_c = _difference(bits, n_low)
            bits <<= used_c & _63
            d, used_d = _difference(bits, n_low)
            used = used_a + used_b + used_c + used_d
            if used <= _SEEN:
                place += used
                b += a
                c += b
                d += c
                out[x] = np.uint16(value + a)
                out[x + _1] = np.uint16(value + b)
                out[x + _1 + _1] = np.uint16(value + c)
                out[x + _3] = np.uint16(value + d)
                value += d
                x += _4
                continue
        high, bits = _0, _bits(packed, place)
        zeros = _zeros_before(bits)
        while zeros >= _SEEN and place < end:
            high += _SEEN
            place += _SEEN
            bits = _bits(packed, place)
            zeros = _zeros_before(bits)
        place += zeros + _1
        low = (_bits(packed, place) >> _1) >> (_63 - n_low)  # in two steps: may be no bit
        value += _signed(((high + zeros) << n_low) | low)
        place += n_low
        out[x] = np.uint16(value)
        x += _1
    return place, value


@kernel
def _bits(packed: NDArray[np.uint8], place: np.uint64) -> np.uint64:
    """Return the bits from a place on, the first one highest; those not seen are zero."""
    first = place >> _3
    word = _0
    for k in range(8):
        word = (word << _8) | np.uint64(packed[first + np.uint64(k)])
    return word << (place & np.uint64(7))


@kernel
def _difference(bits: np.uint64, n_low: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the difference that bits begin with, and how many bits it takes.

    It is of no use if they are more than `_SEEN`.
    """
    zeros = _zeros_before(bits)
    one_and_low = (bits << (zeros & _63)) >> (_63 - n_low)
    return _signed(one_and_low + ((zeros - _1) << n_low)), zeros + _1 + n_low


@kernel
def _signed(folded: np.uint64) -> np.uint64:
    """Return 0, -1, 1, -2 ... for 0, 1, 2, 3 ..., modulo 2**64."""
    return (folded >> _1) ^ (_0 - (folded & _1))


@kernel
def _zeros_before(bits: np.uint64) -> np.uint64:
    """Return how many zeros 64 bits begin with; the compiler knows one instruction."""
    n = _64
    while bits != _0:
        bits >>= _1
        n -= _1
    return n
