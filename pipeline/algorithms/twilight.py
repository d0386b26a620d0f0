"""Illumination of the field, from the twilight sky: smoothing it and applying it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.polynomial_image import Image, Mask, polynomial_image
from pipeline.algorithms.vignetting import Smoothing, Vignetting, smoothed_region
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


def outside_field(white: Image) -> Mask:
    """Return where a white-light image, float32[ny, nx], must not be fitted.

    That is where it has no light, the columns next to it, and the first and last column.
    """
    bad = ~np.isfinite(white) | (white == 0)
    outside = bad.copy()
    for k in range(1, BORDER + 1):
        outside[:, k:] |= bad[:, :-k]
        outside[:, :-k] |= bad[:, k:]
    outside[:, [0, -1]] = True
    return np.asarray(outside, bool)


def smooth_plane(plane: Image, good: Mask, fitted: Mask, orders: tuple[int, int]) -> Image:
    """Return the smooth illumination of one plane, with mean 1 over the fitted pixels.

    Parameters
    ----------
    plane : float32[ny, nx]
        Sky flat.
    good : bool[ny, nx]
        Pixels that enter the median filter.
    fitted : bool[ny, nx]
        Pixels, good ones, that the polynomial is fitted to.
    orders
        Order of the polynomial in x and in y; all products of the powers are fitted.

    Raises
    ------
    ValueError
        If no pixel is left.
    """
    good = good & np.isfinite(plane) & (plane != 0)
    fitted = fitted & good
    if not fitted.any():
        raise ValueError("no light in this plane of the sky flat")
    image = np.where(good, plane, np.float32(np.nan)).astype(np.float32)
    fit = polynomial_image(median_filter(image, *MEDIAN_BOX, False), fitted, orders)
    return np.asarray(fit / fit[fitted].mean(dtype=np.float64), np.float32)


@dataclass(frozen=True)
class SmoothField:
    """The smooth illumination of the field and how it was made.

    Attributes
    ----------
    cube : float32[nz, ny, nx]
        Relative illumination, each plane with a mean of one.
    white_fit : float32[ny, nx]
        Mean of the fitted planes, before the vignetting.
    ratio : float32[ny, nx]
        White light, with a mean of one, over ``white_fit``.
    bad : bool[ny, nx]
        Pixels outside the field.
    vignetting
        What the vignetted region added, if there is one.
    """

    cube: NDArray[np.float32]
    white_fit: Image
    ratio: Image
    bad: Mask
    vignetting: Vignetting | None


def smooth_field(
    cube: NDArray[np.float32],
    white: Image,
    orders: tuple[int, int],
    vignetted: Mask | None,
    smoothing: Smoothing,
    *,
    whole: bool = True,
) -> SmoothField:
    """Smooth the planes of a sky flat.

    Parameters
    ----------
    cube : float32[nz, ny, nx]
        Sky flat.
    white : float32[ny, nx]
        Its white light.
    orders
        Orders of the polynomials in x and y.
    vignetted : bool[ny, nx] or None
        A region that the polynomials leave out and that is smoothed by itself.
    smoothing
        How that is done.
    whole
        Whether the white light has a mean of one over the whole field, as in the genuine
        pipeline, or over what is fitted. Of the whole field the region is part, so that
        it seems less vignetted than it is.
    """
    bad = outside_field(white)
    fitted = ~bad if vignetted is None else ~bad & ~vignetted
    smooth = np.stack([smooth_plane(plane, ~bad, fitted, orders) for plane in cube])
    white_fit = smooth.mean(axis=0, dtype=np.float64).astype(np.float32)
    level = white[~bad if whole else fitted].mean(dtype=np.float64)
    ratio = white / np.float32(level) / white_fit
    if vignetted is None:
        return SmoothField(smooth, white_fit, ratio, bad, None)
    vignetting = smoothed_region(ratio, vignetted, bad, smoothing)
    smooth *= vignetting.factor
    smooth /= smooth.mean(axis=(1, 2), dtype=np.float64, keepdims=True).astype(np.float32)
    return SmoothField(smooth, white_fit, ratio, bad, vignetting)
