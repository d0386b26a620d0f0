"""Illumination of the field, from the twilight sky: smoothing it and applying it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.twilight import divide_by_cube, median_filter
from pipeline.spec import BadInput, CubeFrame, Pixels

MEDIAN_BOX = (5, 7)
"""Columns and rows of the median filter before the fit [pix]: wider than one slice of a
strange level (genuine pipeline)."""

BORDER = 2
"""Columns beside the field that are left out of the fit [pix] (genuine pipeline)."""


@dataclass(frozen=True)
class Twilight:
    """A smooth sky flat as a correction of `pipeline.algorithms.pixels.SlicePixels`.

    Parameters
    ----------
    cube : float32[nz, ny, nx]
        Relative illumination.
    origin, step : float64[3]
        Coordinates of the first voxel and their increments: x, y [pix], wavelength
        [Angstrom].
    flux
        Integrated flux of this IFU in the sky flat [count].
    """

    cube: NDArray[np.float32]
    origin: NDArray[np.float64]
    step: NDArray[np.float64]
    flux: float

    def __call__(self, number: int, pixels: Pixels) -> None:  # noqa: ARG002
        """Divide pixels by the illumination at their place."""
        divide_by_cube(
            pixels.xpos,
            pixels.ypos,
            pixels.wavelength,
            pixels.data,
            pixels.stat,
            self.cube,
            self.origin,
            self.step,
        )


def read_twilight(frame: CubeFrame, ifu: int) -> Twilight:
    """Return the correction held by a TWILIGHT_CUBE.

    Raises
    ------
    BadInput
        If its axes are not those of a cube in pixels, or the IFU was not in it.
    """
    header = frame.header
    flux = header.get(f"ESO DRS MUSE FLAT FLUX SKY{ifu}")
    if flux is None:
        raise BadInput(
            f"knows no sky flux of IFU {ifu}",
            file=frame.name,
            keyword=f"ESO DRS MUSE FLAT FLUX SKY{ifu}",
            remedy="make the twilight cube with the sky flats of this IFU",
        )
    axes = []
    for i in (1, 2, 3):
        keywords = (f"CRVAL{i}", f"CRPIX{i}", f"CD{i}_{i}")
        missing = [keyword for keyword in keywords if keyword not in header]
        if missing:
            raise BadInput(
                "has no linear coordinates",
                file=frame.name,
                keyword=missing[0],
                remedy="give a TWILIGHT_CUBE written by muse_twilight",
            )
        value, pixel, step = (float(header[keyword]) for keyword in keywords)
        axes.append((value + (1.0 - pixel) * step, step))
    origin, step = np.array(axes).T
    cube = frame.read(slice(0, frame.shape[0])).data
    return Twilight(
        np.ascontiguousarray(cube, np.float32), origin.copy(), step.copy(), float(flux)
    )


def outside_field(white: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where a white-light image, float32[ny, nx], must not be fitted.

    That is where it has no light, and the columns next to it.
    """
    bad = ~np.isfinite(white) | (white == 0)
    outside = bad.copy()
    for k in range(1, BORDER + 1):
        outside[:, k:] |= bad[:, :-k]
        outside[:, :-k] |= bad[:, k:]
    return np.asarray(outside, bool)


def smooth_plane(
    plane: NDArray[np.float32], bad: NDArray[np.bool_], orders: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the smooth illumination of one plane, with mean 1 over the good pixels.

    Parameters
    ----------
    plane : float32[ny, nx]
        Sky flat.
    bad : bool[ny, nx]
        Pixels that take no part.
    orders
        Order of the polynomial in x and in y; all products of the powers are fitted.

    Raises
    ------
    ValueError
        If no good pixel is left.
    """
    good = ~bad & np.isfinite(plane) & (plane != 0)
    if not good.any():
        raise ValueError("no light in this plane of the sky flat")
    image = np.where(good, plane, np.float32(np.nan)).astype(np.float32)
    filtered = median_filter(image, *MEDIAN_BOX)
    ny, nx = plane.shape
    x = np.polynomial.chebyshev.chebvander(np.linspace(-1, 1, nx), orders[0])
    y = np.polynomial.chebyshev.chebvander(np.linspace(-1, 1, ny), orders[1])
    terms = np.einsum("bj,ai->baji", y, x).reshape(ny, nx, -1)
    fit = terms @ np.linalg.lstsq(terms[good], filtered[good].astype(float), rcond=None)[0]
    return np.asarray(fit / fit[good].mean(), np.float32)
