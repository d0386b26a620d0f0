"""The pixels of a field with the element of its image that each lies in.

Whoever looks at the field several times needs all positions only once: reading and moving
them is half of the work.
"""

from collections.abc import Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.pixels import LIGHT, SIGHT
from pipeline.kernels.field_image import find_elements
from pipeline.parallel import map_ordered, memory_gb

ElementPixels = tuple[
    NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]
]
"""Image element, wavelength [Angstrom], value and variance of pixels."""

_SHARE = 0.05
"""Part of the memory budget for elements that are kept, 4 bytes a pixel: by default 50
million of them, all of an exposure of three IFUs."""


class FieldElements:
    """The pixels of an exposure with their elements, to be walked over again and again.

    The elements of the blocks that are walked over first are kept, as many as the memory
    budget allows.
    """

    def __init__(self, field: FieldExposure) -> None:
        self.field = field
        self._known: dict[int, NDArray[np.int32]] = {}
        room = _SHARE * memory_gb() * 1e9 if field.light_is_apart else 0.0
        sizes = accumulate(4 * (rows.stop - rows.start) for rows in field.parts)
        self._n_kept = sum(size <= room for size in sizes)

    def walk(self) -> Iterator[ElementPixels]:
        """Yield the pixels in blocks; threads prepare them."""
        yield from map_ordered(self._block, enumerate(self.field.parts))

    def _block(self, part: tuple[int, slice]) -> ElementPixels:
        """Return the pixels of a block, given by number and rows."""
        number, rows = part
        element = self._known.get(number)
        if element is not None:
            pixels = self.field.processed(rows, LIGHT)
            return element, pixels.wavelength, pixels.data, pixels.stat
        x, y, wavelength, data, dq, stat, _ = self.field.processed(rows, SIGHT)
        grid = self.field.grid
        element = find_elements(x, y, data, dq, grid.corner, grid.shape[1:])
        if number < self._n_kept:
            self._known[number] = element
        return element, wavelength, data, stat
