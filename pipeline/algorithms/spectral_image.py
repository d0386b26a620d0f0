"""The spectra of all slices side by side in one image, for a look at an exposure."""

import numpy as np

from pipeline.algorithms.pixels import SlicePixels
from pipeline.flags import Flag
from pipeline.kernels.binning import add_to_image
from pipeline.spec import Pixels, Planes, Value


def pixel_and_wavelength(start: float, step: float) -> dict[str, Value]:
    """Return the coordinates of an image that begins at ``start`` [Angstrom]."""
    return {
        "CTYPE1": "PIXEL",
        "CRPIX1": 1.0,
        "CRVAL1": 1.0,
        "CD1_1": 1.0,
        "CTYPE2": "AWAV",
        "CUNIT2": "Angstrom",
        "CRPIX2": 1.0,
        "CRVAL2": start,
        "CD2_2": step,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
    }


class SpectralImage:
    """An image [wavelength, column]; slices lie next to each other.

    Pixels are shared linearly between the two nearest wavelengths; each goes to the
    nearest column of its slice, in the direction of the detector.

    Parameters
    ----------
    pixels
        The pixel table whose parts will be added.
    step
        Step in wavelength [Angstrom].
    """

    def __init__(self, pixels: SlicePixels, step: float) -> None:
        slices = pixels.slices
        width = slices.right.sum(axis=1) - slices.left.sum(axis=1)
        n_columns = np.ceil(width).astype(np.int64) + 2
        self._first = np.concatenate([[0], np.cumsum(n_columns)])
        self._index = {int(number): i for i, number in enumerate(slices.numbers)}
        self._place = slices.place
        self._scale = slices.place[:, 4] / width
        self._start, self._step = pixels.shortest, step
        n_rows = int(np.floor((pixels.longest - pixels.shortest) / step)) + 2
        self.shape = n_rows, int(self._first[-1])
        self._sums = np.zeros((*self.shape, 3), np.float32)

    def add(self, part: Pixels) -> None:
        """Add pixels of one slice."""
        index = self._index[int(part.origin[0]) & 0x3F]
        x, y, cos, sin, _ = self._place[index]
        along = (part.xpos - x) * cos + (part.ypos - y) * sin
        middle = (self._first[index] + self._first[index + 1] - 1) / 2
        column = np.rint(middle - along / self._scale[index]).astype(np.int32)
        add_to_image(
            column,
            part.wavelength,
            part.data,
            part.dq,
            part.stat,
            self._start,
            self._step,
            self._sums,
        )

    def read(self, rows: slice) -> Planes:
        """Return some rows; pixels without data are NaN and flagged as missing."""
        weight, data, stat = np.moveaxis(self._sums[rows], -1, 0)
        empty = weight <= 0
        weight = np.where(empty, np.float32(np.nan), weight)
        flags = np.where(empty, np.uint32(Flag.MISSING_DATA), np.uint32(0))
        return Planes(data / weight, flags.astype(np.uint32), stat / weight**2)

    def keywords(self) -> dict[str, Value]:
        """Return the coordinates: pixels and wavelengths."""
        return pixel_and_wavelength(self._start, self._step)
