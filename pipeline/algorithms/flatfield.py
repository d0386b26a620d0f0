"""Exposures divided by the lamp flat, without or with a search for cosmic rays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.modes import instrument_mode
from pipeline.flags import Flag
from pipeline.kernels.cosmics import flag_cosmics
from pipeline.kernels.flatfield import divide_by_flat
from pipeline.spec import BadInput, Header, ImageFrame, Planes

MODE = "ESO INS MODE"

LAMP_FLUX = "ESO DRS MUSE FLAT FLUX LAMP"
"""Integrated flux of the lamp flat that was divided out [count]."""

Places = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Row and column of pixels, int64[n] each, in order of the rows."""


@dataclass
class FlatFielded:
    """An image divided by a flat when it is read; a `pipeline.spec.ImageFrame`.

    ``cosmics``: pixels to be flagged as cosmic rays.
    The flat must be of the same instrument mode.
    """

    image: ImageFrame
    flat: ImageFrame
    cosmics: Places | None = None

    def __post_init__(self) -> None:
        check_mode(self.image, self.flat)
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
            flag_cosmics_at(self.cosmics, planes.dq, rows.indices(self.shape[0])[0])
        divide_by_flat(*planes, *self.flat.read(rows))
        return planes


def check_mode(image: ImageFrame, flat: ImageFrame) -> None:
    """Refuse a flat of another instrument mode; only ILLUM may differ.

    Raises
    ------
    BadInput
        If both say their mode and these are not the same.
    """
    if image.tag == "ILLUM" or not (MODE in image.header and MODE in flat.header):
        return
    mode = instrument_mode(image.header)
    if instrument_mode(flat.header) != mode:
        raise BadInput(
            f"is {flat.header[MODE]!r}, but {image.header[MODE]!r} in {image.name}",
            file=flat.name,
            keyword=MODE,
            remedy=f"give the {flat.tag} of mode {mode}",
        )


def flag_cosmics_at(places: Places, dq: NDArray[np.uint32], start: int) -> None:
    """Flag cosmic rays in ``dq``, whose first row is ``start`` of the image."""
    y, x = places
    here = slice(*np.searchsorted(y, (start, start + len(dq))))
    dq[y[here] - start, x[here]] |= np.uint32(Flag.COSMIC_RAY)


def find_cosmics(
    image: ImageFrame, box: tuple[int, int], n_passes: int, threshold: float
) -> Places:
    """Return the cosmic rays in an image.

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
