"""Where an exposure shows sky, and the spectrum of the sky there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.field_elements import ElementPixels, FieldElements
from pipeline.algorithms.field_mask import mask_on_field
from pipeline.flags import Flag
from pipeline.kernels.field_image import add_to_image, add_to_spectrum
from pipeline.spec import BadInput, ImageFrame, Planes

CHUNK = 150.0
"""Width of the ranges of wavelength in which elements of the image are compared with
pixels to find cosmic rays [Angstrom] (ours)."""

WHITE = (4650.0, 9300.0)
"""Range of the white-light image [Angstrom] (genuine pipeline)."""


@dataclass(frozen=True)
class FieldSky:
    """The sky of one exposure.

    Attributes
    ----------
    image : float32[ny, nx]
        White light [unit of the data], NaN where there is none.
    mask : bool[ny, nx]
        Where the spectrum was taken.
    limits
        Values between which the mask lies.
    wavelength, data, stat : float64[n]
        Mean spectrum in bins [Angstrom] and its variance; NaN where there are no pixels.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    limits: tuple[float, float]
    wavelength: NDArray[np.float64]
    data: NDArray[np.float64]
    stat: NDArray[np.float64]

    @property
    def planes(self) -> Planes:
        """The image with its flags."""
        missing = np.where(np.isfinite(self.image), 0, np.uint32(Flag.MISSING_DATA))
        return Planes(self.image, missing.astype(np.uint32), np.zeros_like(self.image))

    def columns(self) -> dict[str, NDArray[np.float64] | NDArray[np.int32]]:
        """Return the columns of a SKY_SPECTRUM."""
        good = np.isfinite(self.data)
        dq = np.where(good, 0, np.uint32(Flag.MISSING_DATA)).astype(np.uint32)
        return {
            "lambda": self.wavelength,
            "data": np.where(good, self.data, 0.0),
            "stat": np.where(good, self.stat, 0.0),
            "dq": dq.view(np.int32),
        }


def rejection_limits(keyword: str, text: str) -> tuple[float, float]:
    """Return the rejection limits of image and spectrum [sigma].

    Raises
    ------
    BadInput
        If the text is not two numbers separated by a comma.
    """
    try:
        image, spectrum = (float(word) for word in text.split(","))
    except ValueError as error:
        raise BadInput(
            f"{text!r} are not two numbers",
            keyword=keyword,
            remedy="give two limits separated by a comma, such as 15.,15.",
        ) from error
    return image, spectrum


def sky_limits(
    image: NDArray[np.float32], ignore: float, fraction: float
) -> tuple[float, float]:
    """Return the values between which an element of the image counts as sky.

    Parameters
    ----------
    image : float32[ny, nx]
        White light; NaN where there is none.
    ignore
        Fraction of the elements, the darkest, to leave out.
    fraction
        Fraction of the rest to take.
    """
    values = image[np.isfinite(image)]
    low, high = np.quantile(values, [ignore, ignore + fraction * (1.0 - ignore)])
    return float(low), float(high)


def observe_sky(
    field: FieldExposure,
    *,
    ignore: float,
    fraction: float,
    sampling: float,
    kappa: tuple[float, float],
    mask: ImageFrame | None = None,
) -> FieldSky:
    """Find the sky in an exposure and take its spectrum.

    Three passes over the pixels: image and spectrum of everything; the image without
    pixels that deviate from both (cosmic rays); the spectrum of what is sky, without
    pixels that deviate from what the first look makes expect.

    Parameters
    ----------
    field
        The exposure; its pixels are flux-calibrated by its steps.
    ignore, fraction
        See `sky_limits`.
    sampling
        Bins of the spectrum [Angstrom].
    kappa
        Rejection limits of image and spectrum [errors]; not positive for none.
    mask
        A mask of the field, inside which to look.

    Raises
    ------
    BadInput
        If no sky is left.
    """
    allowed = None if mask is None else mask_on_field(mask, field)
    elements = FieldElements(field)
    look = look_at_field(elements, sampling, kappa[0], allowed)
    image = look.image
    if allowed is not None:
        image[~allowed] = np.nan
    if not np.isfinite(image).any():
        raise BadInput(
            "no pixels are left to look for sky",
            file=field.pixels.name,
            remedy="check SKY_MASK and the range of wavelengths",
        )
    limits = sky_limits(image, ignore, fraction)
    chosen = np.isfinite(image) & (image >= limits[0]) & (image <= limits[1])
    bins, _ = _bins(field, sampling)
    total = _spectrum_sums(elements, chosen, bins, look.expected(chosen), kappa[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        data, stat = total[:, 1] / total[:, 0], total[:, 2] / total[:, 0] ** 2
    wavelength = np.asarray(bins[0] + sampling * np.arange(data.size), np.float64)
    return FieldSky(image, chosen, limits, wavelength, data, stat)


Chunks = tuple[float, float, float]
Bins = tuple[float, float]


@dataclass(frozen=True)
class FieldLook:
    """What an exposure looks like, without resampling.

    Attributes
    ----------
    image : float32[ny, nx]
        White light without cosmic rays; NaN where there are no pixels.
    spectrum : float64[n_bins]
        Mean of the field, in bins of wavelength.
    level : float64[n_chunks, ny, nx]
        How much brighter each element is than the field, in ranges of wavelength; NaN
        where it is not seen.
    ranges : int64[n_bins]
        The range of each bin; the nearest one beyond their ends.
    """

    image: NDArray[np.float32]
    spectrum: NDArray[np.float64]
    level: NDArray[np.float64]
    ranges: NDArray[np.int64]

    def expected(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the spectrum to expect of chosen elements, float64[n_bins]."""
        level = self.level[:, chosen]
        seen = np.isfinite(level)
        mean = np.where(seen, level, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
        return np.asarray(self.spectrum + mean[self.ranges])


def look_at_field(
    elements: FieldElements,
    sampling: float,
    kappa: float,
    allowed: NDArray[np.bool_] | None = None,
) -> FieldLook:
    """Return what an exposure looks like.

    Two passes over the pixels: image and spectrum of everything, then the image without
    pixels that deviate from both (cosmic rays).

    Parameters
    ----------
    elements
        The exposure.
    sampling
        Bins of the spectrum [Angstrom].
    kappa
        Rejection limit [errors]; not positive for none.
    allowed : bool[ny, nx]
        Where the spectrum is taken; None for everywhere.
    """
    field = elements.field
    if allowed is None:
        allowed = np.ones(field.grid.shape[1:], np.bool_)
    bins, n_bins = _bins(field, sampling)
    high = field.extent.wavelength[1]
    chunks = (max(bins[0], WHITE[0]), CHUNK, min(high, WHITE[1]))
    n_chunks = max(int(np.ceil((chunks[2] - chunks[0]) / CHUNK)), 1)
    nothing = np.zeros((n_chunks, *allowed.shape))
    sums, spectrum = _first_look(elements, allowed, bins, n_bins, chunks, nothing)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums[..., 1] / sums[..., 0]
    wavelength = bins[0] + bins[1] * np.arange(n_bins)
    number = np.floor((wavelength - chunks[0]) / chunks[1]).astype(np.int64)
    level = means - _range_means(spectrum, number, n_chunks)[:, None, None]
    if kappa > 0:
        sums = _image_sums(elements, bins, spectrum, chunks, level, kappa)
    ranges = np.clip(number, 0, n_chunks - 1)
    return FieldLook(_white_light(sums, chunks), spectrum, level, ranges)


def _bins(field: FieldExposure, sampling: float) -> tuple[Bins, int]:
    """Return the bins of a spectrum of an exposure, and their number."""
    low, high = field.grid.first, field.extent.wavelength[1]
    return (low, sampling), int(np.floor((high - low) / sampling + 1e-6)) + 1


def _first_look(
    elements: FieldElements,
    allowed: NDArray[np.bool_],
    bins: Bins,
    n_bins: int,
    chunks: Chunks,
    level: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sums of the image and the mean spectrum of the whole field."""
    image = np.zeros((*level.shape, 2))
    spectrum = np.zeros((n_bins, 3))
    none = np.zeros(n_bins)
    for columns in elements.walk():
        _add_to_image(columns, (*bins, none), chunks, level, 0.0, image)
        add_to_spectrum(*columns, allowed.ravel(), bins, none, 0.0, spectrum)
    return image, np.asarray(spectrum[:, 1] / np.maximum(spectrum[:, 0], 1.0))


def _add_to_image(
    columns: ElementPixels,
    spectrum: tuple[float, float, NDArray[np.float64]],
    chunks: Chunks,
    level: NDArray[np.float64],
    kappa: float,
    sums: NDArray[np.float64],
) -> None:
    """Add pixels to an image, float64[n_chunks, ny, nx, 2]."""
    n_chunks = len(sums)
    flat = level.reshape(n_chunks, -1), kappa, sums.reshape(n_chunks, -1, 2)
    add_to_image(*columns, spectrum, chunks, *flat)


def _white_light(sums: NDArray[np.float64], chunks: Chunks) -> NDArray[np.float32]:
    """Return the mean over wavelength of the means of all chunks, NaN without pixels."""
    edges = np.minimum(chunks[0] + chunks[1] * np.arange(len(sums) + 1), chunks[2])
    widths = np.diff(edges)[:, None, None] * (sums[..., 0] > 0)
    means = sums[..., 1] / np.maximum(sums[..., 0], 1.0)
    total = widths.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((widths * means).sum(axis=0) / total, np.float32)


def _image_sums(
    elements: FieldElements,
    bins: Bins,
    spectrum: NDArray[np.float64],
    chunks: Chunks,
    level: NDArray[np.float64],
    kappa: float,
) -> NDArray[np.float64]:
    """Return the sums of the image without deviant pixels."""
    image = np.zeros((*level.shape, 2))
    for columns in elements.walk():
        _add_to_image(columns, (*bins, spectrum), chunks, level, kappa, image)
    return image


def _spectrum_sums(
    elements: FieldElements,
    chosen: NDArray[np.bool_],
    bins: Bins,
    reference: NDArray[np.float64],
    kappa: float,
) -> NDArray[np.float64]:
    """Return the sums of the spectrum inside a mask."""
    sums = np.zeros((reference.size, 3))
    for columns in elements.walk():
        add_to_spectrum(*columns, chosen.ravel(), bins, reference, kappa, sums)
    return sums


def _range_means(
    spectrum: NDArray[np.float64], number: NDArray[np.int64], n_ranges: int
) -> NDArray[np.float64]:
    """Return the mean of a spectrum over each range of wavelengths, given by number."""
    inside = (number >= 0) & (number < n_ranges)
    total = np.bincount(number[inside], spectrum[inside], n_ranges)
    return np.asarray(total / np.maximum(np.bincount(number[inside], None, n_ranges), 1))
