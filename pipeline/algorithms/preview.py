"""Images of several exposures put on one grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.algorithms.astrometry import Matrix, apply, cd_matrix, change_of_tangent
from pipeline.algorithms.grid import Extent, Grid, natural_grid
from pipeline.flags import Flag
from pipeline.spec import Header, Planes

Image = NDArray[np.float64]


@dataclass(frozen=True)
class SkyImage:
    """An image with its coordinate system.

    ``data``: float64[ny, nx], NaN where there is none; ``tangent``: RA and DEC of its
    tangent point [deg]; ``to_plane``: from pixels (0-based) to the tangent plane [arcsec].
    """

    data: Image
    tangent: tuple[float, float]
    to_plane: Matrix
    exposure_time: float

    @classmethod
    def of(cls, planes: Planes, header: Header) -> "SkyImage":
        """Return an image as read; flagged pixels count as missing."""
        data = np.where(planes.dq == 0, planes.data, np.nan).astype(np.float64)
        matrix = np.eye(3)
        matrix[:2, :2] = cd_matrix(header) * 3600.0
        reference = np.array([float(header[f"CRPIX{i}"]) - 1.0 for i in (1, 2)])
        matrix[:2, 2] = -matrix[:2, :2] @ reference
        tangent = (float(header["CRVAL1"]), float(header["CRVAL2"]))
        return cls(data, tangent, matrix, float(header.get("EXPTIME", 1.0)))

    @property
    def spaxel(self) -> tuple[float, float]:
        """Size of a pixel along x and y [arcsec]."""
        return float(np.hypot(*self.to_plane[:2, 0])), float(
            np.hypot(*self.to_plane[:2, 1])
        )

    def sky(self, x: Image, y: Image, tangent: tuple[float, float]) -> tuple[Image, Image]:
        """Return places of pixels (0-based) in the plane that touches at ``tangent``."""
        return apply(change_of_tangent(self.tangent, tangent) @ self.to_plane, x, y)

    def moved(self, ra: float, dec: float) -> "SkyImage":
        """Return the image with an offset [deg] taken out of its position."""
        tangent = (self.tangent[0] - ra, self.tangent[1] - dec)
        return SkyImage(self.data, tangent, self.to_plane, self.exposure_time)


def common_grid(images: Sequence[SkyImage]) -> Grid:
    """Return the grid, north up, that holds all images."""
    tangent = images[0].tangent
    total: Extent | None = None
    for image in images:
        ny, nx = image.data.shape
        right, top = nx - 1.0, ny - 1.0
        corners = np.array([[0.0, right, 0.0, right], [0.0, 0.0, top, top]])
        x, y = image.sky(corners[0], corners[1], tangent)
        extent = Extent((x.min(), x.max()), (y.min(), y.max()), (0.0, 0.0))
        total = extent if total is None else total | extent
    assert total is not None
    return natural_grid(total, tangent, images[0].spaxel, 1.0)


def stack(images: Sequence[SkyImage], grid: Grid) -> tuple[Planes, NDArray[np.float32]]:
    """Return the mean of images on a grid, weighted by exposure time, and that time.

    Pixels are interpolated linearly between the four around them; all of these must have
    data.
    """
    _, ny, nx = grid.shape
    total, time = np.zeros((ny, nx)), np.zeros((ny, nx))
    rows, columns = np.indices((ny, nx), dtype=np.float64)
    for image in images:
        to_grid = grid.from_plane(image.tangent) @ image.to_plane
        to_pixels = np.asarray(np.linalg.inv(to_grid), np.float64)
        x, y = apply(to_pixels, columns.ravel(), rows.ravel())
        values = ndimage.map_coordinates(image.data, [y, x], order=1, cval=np.nan)
        good = np.isfinite(values).reshape(ny, nx)
        total += image.exposure_time * np.where(good, values.reshape(ny, nx), 0.0)
        time += image.exposure_time * good
    mean = np.full((ny, nx), np.nan)
    np.divide(total, time, out=mean, where=time > 0)
    missing = np.where(time > 0, np.uint32(0), np.uint32(Flag.MISSING_DATA))
    planes = Planes(
        mean.astype(np.float32),
        missing.astype(np.uint32),
        np.full((ny, nx), np.nan, np.float32),
    )
    return planes, time.astype(np.float32)
