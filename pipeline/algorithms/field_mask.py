"""Masks of the field of view: read onto the grid of an exposure, made from an image."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.astrometry import apply, cd_matrix, change_of_tangent
from pipeline.algorithms.field import FieldExposure
from pipeline.spec import BadInput, Header, ImageFrame

Mask = NDArray[np.bool_]

BLANK_LIMIT = 5.0
"""Blank sky differs from the median of the image by less than this many median absolute
deviations (genuine pipeline)."""

GROWTH = 2
"""By how many elements sources are enlarged (genuine pipeline)."""

_NEIGHBOURS = np.ones((3, 3), np.bool_)


class BlankSky(NamedTuple):
    """Where there is no source, bool[ny, nx], and the limits of its brightness."""

    mask: Mask
    limits: tuple[float, float]


def blank_sky(image: NDArray[np.float32]) -> BlankSky:
    """Return where an image shows blank sky in one piece.

    Elements that deviate from the median are sources, if they are not alone, with
    `GROWTH` elements around them.

    Parameters
    ----------
    image : float32[ny, nx]
        White light; NaN where there is none, which is no sky.
    """
    from scipy import ndimage  # costs 0.1 s, which reading a mask does not need

    known = np.isfinite(image)
    median = float(np.median(image[known]))
    deviation = float(np.median(np.abs(image[known] - median)))
    limits = median - BLANK_LIMIT * deviation, median + BLANK_LIMIT * deviation
    sources = known & ~((image >= limits[0]) & (image <= limits[1]))
    sources = ndimage.binary_opening(sources, _NEIGHBOURS)
    sources = ndimage.binary_dilation(sources, _NEIGHBOURS, iterations=GROWTH)
    return BlankSky(np.asarray(known & ~sources), limits)


def mask_on_field(mask: ImageFrame, field: FieldExposure) -> Mask:
    """Return a mask file on the grid of an exposure; outside of it nothing is allowed.

    Its axes are those of the field [pix], or right ascension and declination (TAN); then
    the astrometric solution of the exposure says where it lies.

    Raises
    ------
    BadInput
        If the axes are celestial and not tangential, or the exposure has no position.
    """
    _, ny, nx = field.grid.shape
    x0, y0 = field.grid.corner
    y, x = np.indices((ny, nx), np.float64)
    x, y = x + x0, y + y0
    if str(mask.header.get("CTYPE1", "")).startswith("RA---"):
        columns, rows = _celestial(mask, field, x, y)
    else:
        columns, rows = (
            place - float(mask.header.get(f"CRVAL{axis}", start))
            + float(mask.header.get(f"CRPIX{axis}", 1.0)) - 1.0
            for axis, place, start in ((1, x, x0), (2, y, y0))
        )  # fmt: skip
    planes = mask.read(slice(0, mask.shape[0]))
    chosen = (planes.data != 0) & np.isfinite(planes.data)
    a = np.floor(columns + 0.5).astype(np.int64)
    b = np.floor(rows + 0.5).astype(np.int64)
    inside = (a >= 0) & (a < mask.shape[1]) & (b >= 0) & (b < mask.shape[0])
    return np.asarray(inside & chosen[np.where(inside, b, 0), np.where(inside, a, 0)])


def _celestial(
    mask: ImageFrame, field: FieldExposure, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the columns and rows of a celestial mask (from 0) at places of the field."""
    header: Header = mask.header
    kinds = str(header.get("CTYPE1", "")), str(header.get("CTYPE2", ""))
    if kinds != ("RA---TAN", "DEC--TAN") or field.position is None:
        raise BadInput(
            f"axes {kinds[0]}, {kinds[1]} cannot be brought to the exposure",
            file=mask.name,
            keyword="CTYPE1",
            remedy="give a mask with RA---TAN, DEC--TAN to muse_scipost, or one whose "
            "axes are those of the field",
        )
    matrix, tangent = field.position.of(field)
    there = float(header["CRVAL1"]), float(header["CRVAL2"])
    plane = change_of_tangent(tangent, there) @ matrix
    east, north = apply(plane, x.ravel(), y.ravel())
    inverse = np.linalg.inv(cd_matrix(header) * 3600.0)
    columns, rows = (
        (inverse @ np.stack([east, north]))[k].reshape(x.shape)
        + float(header.get(f"CRPIX{k + 1}", 1.0))
        - 1.0
        for k in (0, 1)
    )
    return columns, rows
