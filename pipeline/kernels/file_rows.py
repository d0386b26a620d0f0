"""Rows of a file read in pieces, without a word of Python between two of them.

Rows of a pixel table that belong together lie in hundreds of pieces of a few thousand bytes
each, about which Python needs as long as the system.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import CFunction, kernel
from pipeline.kernels.words import swap

_preadv2 = CFunction("preadv2", "intp(int32, uintp, int32, int64, int32)")
"""Of sys/uio.h: file, pieces of memory and their number, position, flags."""


@kernel
def read_rows(
    fd: int,
    offset: int,
    rows: NDArray[np.int64],
    bounds: NDArray[np.int64],
    flags: int,
    big: bool,
    out: NDArray[np.uint32],
    whole: NDArray[np.bool_],
) -> int:
    """Read ranges of rows of a column of words of four bytes.

    Parameters
    ----------
    fd, offset : int
        Of the file, and where the column begins in it [byte].
    rows : int64[n]
        First row of each range.
    bounds : int64[n + 1]
        Where each range begins in ``out``, and the end of the last.
    flags : int
        Of ``preadv2``; with ``RWF_NOWAIT`` it does not wait for the disk.
    big : bool
        Whether to reverse the bytes of the words.
    out : uint32[bounds[n]]
        Receives the words.
    whole : bool[n]
        Ranges that were read before; changed: those that are whole now.

    Returns
    -------
    int
        Number of ranges that are not.
    """
    piece, n_missing = np.empty(2, np.uint64), 0
    room = out.ctypes.data
    for i in range(rows.shape[0]):
        n_bytes = 4 * (bounds[i + 1] - bounds[i])
        if whole[i] or n_bytes == 0:
            continue
        piece[0], piece[1] = room + 4 * bounds[i], n_bytes
        place = offset + 4 * rows[i]
        n_read = _preadv2(
            np.int32(fd), piece.ctypes.data, np.int32(1), place, np.int32(flags)
        )
        whole[i] = n_read == n_bytes
        n_missing += int(not whole[i])
        if whole[i] and big:
            swap(out[bounds[i] : bounds[i + 1]])
    return n_missing
