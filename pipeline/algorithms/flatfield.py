"""Exposures divided by the lamp flat, without or with a search for cosmic rays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.flags import Flag
from pipeline.kernels.cosmics import flag_cosmics
from pipeline.kernels.flatfield import divide_by_flat
from pipeline.spec import Header, ImageFrame, Planes

LAMP_FLUX = "ESO DRS MUSE FLAT FLUX LAMP"
"""Integrated flux of the lamp flat that was divided out [count]."""


@dataclass
class FlatFielded:
    """An image divided by a flat when it is read; a `pipeline.spec.ImageFrame`.

    ``cosmics``: row and column of pixels to be flagged as cosmic rays, int64[n] each.
    """

    image: ImageFrame
    flat: ImageFrame
    cosmics: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def __post_init__(self) -> None:
        self.name, self.tag, self.ifu = self.image.name, self.image.tag, self.image.ifu
        self.shape = self.image.shape
        self.header: Header = dict(self.image.header)
        flux = self.flat.header.get("ESO QC FLAT MASTER INTFLUX")
        if flux is not None:
            self.header = {**self.header, LAMP_FLUX: float(flux)}

    def read(self, rows: slice) -> Planes:
        """Return flat-fielded data, flags and variance of some rows."""
        planes = self.image.read(rows)
        if self.cosmics is not None:
            y, x = self.cosmics
            start, stop, _ = rows.indices(self.shape[0])
            here = slice(*np.searchsorted(y, (start, stop)))
            planes.dq[y[here] - start, x[here]] |= np.uint32(Flag.COSMIC_RAY)
        divide_by_flat(*planes, *self.flat.read(rows))
        return planes


def find_cosmics(
    image: ImageFrame, box: tuple[int, int], n_passes: int, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of the cosmic rays in an image, in order of the rows.

    Parameters
    ----------
    image
        Exposure before it is divided by the flat [count]; read whole.
    box
        Columns and rows of the boxes that are searched [pix].
    n_passes
        Number of searches.
    threshold
        Gap between sky and cosmic rays [standard deviations].
    """
    planes = image.read(slice(0, image.shape[0]))
    known = planes.dq & np.uint32(Flag.COSMIC_RAY)
    flag_cosmics(planes.data, planes.dq, box[0], box[1], n_passes, threshold)
    y, x = np.nonzero((planes.dq & np.uint32(Flag.COSMIC_RAY)) & ~known)
    return y, x
