"""FITS checksums, accumulated block by block.

Source: FITS standard 4.0, section 4.4.2.7 and appendix J. The ones'-complement sum of
32-bit words is a sum modulo 2**32 - 1, so sums of blocks may be added in any order.
"""

import numpy as np

_MODULUS = 0xFFFFFFFF
_PUNCTUATION = frozenset((*range(0x3A, 0x41), *range(0x5B, 0x61)))


def bytes_sum(data: bytes) -> int:
    """Return the plain sum of the big-endian words of some bytes (a multiple of 4)."""
    return int(np.frombuffer(data, ">u4").sum(dtype=np.uint64))


def fold(total: int) -> int:
    """Return a plain sum as ones'-complement sum of 32 bits."""
    return 0 if total == 0 else (total - 1) % _MODULUS + 1


def encode(checksum: int) -> str:
    """Return the 16 letters and digits that make an HDU sum to minus zero."""
    value = _MODULUS - checksum
    text = [""] * 16
    for i, byte in enumerate(value.to_bytes(4, "big")):
        letters = [byte // 4 + byte % 4 + 48] + [byte // 4 + 48] * 3
        while any(letter in _PUNCTUATION for letter in letters):
            for j in (0, 2):
                if letters[j] in _PUNCTUATION or letters[j + 1] in _PUNCTUATION:
                    letters[j] += 1
                    letters[j + 1] -= 1
        for j, letter in enumerate(letters):
            text[4 * j + i] = chr(letter)
    return "".join(text[-1:] + text[:-1])


def seal(block: bytes, data_sum: int) -> bytes:
    """Return a header with its CHECKSUM card filled in.

    Parameters
    ----------
    block
        Header whose CHECKSUM is sixteen zeros, so that it sums as if there were none.
    data_sum
        Sum of the data unit, as in DATASUM.
    """
    at = block.index(b"CHECKSUM= '0000000000000000'") + 11
    letters = encode(fold(bytes_sum(block) + data_sum))
    return block[:at] + letters.encode("ascii") + block[at + 16 :]
