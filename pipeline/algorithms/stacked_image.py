"""All slices of placed exposures side by side in one image, for a look at them.

Columns are bins of right ascension within a slice, rows are wavelengths. The image is
made in blocks of rows, so that memory stays bounded.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.positioned import on_sky
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.spectral_image import pixel_and_wavelength
from pipeline.flags import Flag
from pipeline.kernels.binning import add_to_image
from pipeline.parallel import run_all
from pipeline.spec import Frame, Header, Outputs, Pixels, Planes, Value, blocks

WIDER = 1.2
"""Size of a bin of right ascension [spaxel] (genuine pipeline)."""

_ROWS = 64

_N_LABELS = 1 << 11


class StackedImage:
    """The places of slices in an image [wavelength, column].

    Pixels are shared linearly between the two nearest wavelengths; slices of the same
    IFU and number of several exposures share their columns.

    Parameters
    ----------
    exposures
        What is shown.
    bin_width
        Size of a column [deg of right ascension].
    step
        Step in wavelength [Angstrom].
    """

    def __init__(
        self, exposures: Sequence[PlacedExposure], bin_width: float, step: float
    ) -> None:
        self._exposures, self._bin, self._step = exposures, bin_width, step
        self._reference = exposures[0].tangent
        left = np.full(_N_LABELS, np.inf)
        right = np.full(_N_LABELS, -np.inf)
        shortest, longest = np.inf, -np.inf
        for exposure in exposures:
            convert = partial(on_sky, exposure, reference=self._reference)
            for window in exposure.pixels.windows(convert):
                label = window.origin & np.uint32(_N_LABELS - 1)
                np.minimum.at(left, label, window.xpos)
                np.maximum.at(right, label, window.xpos)
                shortest = min(shortest, float(window.wavelength.min()))
                longest = max(longest, float(window.wavelength.max()))
        seen = np.isfinite(left)
        columns = np.zeros(_N_LABELS, np.int64)
        columns[seen] = np.ceil((right[seen] - left[seen]) / bin_width).astype(np.int64) + 1
        self._left, self._start = left, shortest
        self._first = np.concatenate([[0], np.cumsum(columns)])
        n_rows = int(np.ceil((longest - shortest) / step)) + 1
        self.shape = n_rows, int(self._first[-1])

    def rows(self, rows: slice) -> Planes:
        """Return some rows; pixels without data are NaN and flagged as missing."""
        n_rows = rows.stop - rows.start
        start = self._start + rows.start * self._step
        sums = np.zeros((n_rows, self.shape[1], 3), np.float32)
        low, high = start - self._step, start + n_rows * self._step
        for exposure in self._exposures:
            pixels = exposure.pixels.read(low / exposure.stretch, high / exposure.stretch)
            placed = on_sky(exposure, pixels, self._reference)
            add_to_image(
                self._columns(placed),
                placed.wavelength,
                placed.data,
                placed.dq,
                placed.stat,
                start,
                self._step,
                sums,
            )
        weight, data, stat = np.moveaxis(sums, -1, 0)
        empty = weight <= 0
        weight = np.where(empty, np.float32(np.nan), weight)
        flags = np.where(empty, np.uint32(Flag.MISSING_DATA), np.uint32(0))
        return Planes(data / weight, flags.astype(np.uint32), stat / weight**2)

    def _columns(self, pixels: Pixels) -> NDArray[np.int32]:
        """Return the column of each pixel, within those of its slice."""
        label = (pixels.origin & np.uint32(_N_LABELS - 1)).astype(np.int64)
        first, last = self._first[label], self._first[label + 1] - 1
        column = first + np.rint((pixels.xpos - self._left[label]) / self._bin)
        return np.asarray(np.clip(column, first, last), np.int32)

    def keywords(self) -> dict[str, Value]:
        """Return the coordinates: pixels and wavelengths."""
        axes = pixel_and_wavelength(self._start, self._step)
        return {"CTYPE1": "PIXEL", "CUNIT1": "pixel", **axes}


def write_stacked(
    out: Outputs,
    image: StackedImage,
    *,
    unit: str,
    like: Frame,
    keywords: Header,
) -> None:
    """Write OBJECT_RESAMPLED, block by block of rows."""
    words = {**keywords, **image.keywords()}
    writer = out.image("OBJECT_RESAMPLED", image.shape, unit=unit, header=words, like=like)
    run_all(
        lambda rows: writer.write(rows, image.rows(rows)), blocks(image.shape[0], _ROWS)
    )
