"""Extremes of the columns of a pixel table."""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels._jit import kernel

_SLICE = np.uint32(0x3F)
_IFU = np.uint32(0x1F)
_BITS_OF_SLICE = np.uint32(6)


@kernel
def extremes(
    columns: tuple[NDArray[np.float32], ...], origin: NDArray[np.uint32]
) -> NDArray[np.float64]:
    """Return the lowest and highest values of some rows of a pixel table.

    Parameters
    ----------
    columns : tuple of float32[n]
        x, y and wavelength; there must be rows.
    origin : uint32[n]
        Where the pixels lie on which detector (MUSE pipeline manual, appendix A).

    Returns
    -------
    float64[2, n_columns + 2]
        Lowest and highest values of the columns, of the number of the IFU and of that of
        the slice.
    """
    n_columns = len(columns)
    found = np.empty((2, n_columns + 2))
    for i in range(n_columns):
        found[0, i], found[1, i] = _range(columns[i])
    found[:, n_columns], found[:, n_columns + 1] = _labels(origin)
    return found


@kernel
def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the lowest and the highest of some numbers.

    The bits of numbers above zero rise with them, those below zero fall: turned round,
    they compare as integers, which the processor does many at a time.
    """
    bits = values.view(np.int32)
    low, high = _in_order(bits[0]), _in_order(bits[0])
    for i in range(bits.shape[0]):
        bit = _in_order(bits[i])
        low, high = min(low, bit), max(high, bit)
    ends = np.empty(2, np.int32)
    ends[0], ends[1] = _in_order(low), _in_order(high)
    numbers = ends.view(np.float32)
    return float(numbers[0]), float(numbers[1])


@kernel
def _in_order(bit: np.int32) -> np.int32:
    """Return the bits of a number as an integer that rises with it, or the reverse."""
    return np.int32(bit ^ ((bit >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@kernel
def _labels(
    origin: NDArray[np.uint32],
) -> tuple[tuple[np.uint32, np.uint32], tuple[np.uint32, np.uint32]]:
    """Return the lowest and the highest number of an IFU and of a slice."""
    ifu_low, ifu_high = _IFU, np.uint32(0)
    slice_low, slice_high = _SLICE, np.uint32(0)
    for i in range(origin.shape[0]):
        ifu, number = (origin[i] >> _BITS_OF_SLICE) & _IFU, origin[i] & _SLICE
        ifu_low, ifu_high = min(ifu_low, ifu), max(ifu_high, ifu)
        slice_low, slice_high = min(slice_low, number), max(slice_high, number)
    return (ifu_low, ifu_high), (slice_low, slice_high)
