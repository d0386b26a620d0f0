"""One exposure made ready for resampling, and its pixel table PIXTABLE_REDUCED."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.algorithms.astrometry import Matrix, field_to_plane
from pipeline.algorithms.exposure import MergedPixels
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.slab import Sampled, Step, run_steps
from pipeline.kernels.project import native_from_plane, project
from pipeline.spec import Header, Outputs, Pixels, Value, blocks

_BLOCK = 1_000_000


@dataclass(frozen=True)
class ReducedExposure:
    """The pixels of an exposure, the steps of its reduction and its place on the sky.

    Parameters
    ----------
    pixels
        All IFUs.
    steps
        Applied to pixels as read.
    matrix : float64[3, 3]
        From field coordinates to the tangent plane [arcsec].
    tangent
        RA and DEC of the tangent point [deg].
    stretch
        Factor of the wavelengths.
    limits
        Wavelengths kept [Angstrom].
    keywords
        What was done, for the header.
    """

    pixels: MergedPixels
    steps: tuple[Step, ...]
    matrix: Matrix
    tangent: tuple[float, float]
    stretch: float
    limits: tuple[float, float]
    keywords: Mapping[str, Value]

    @property
    def header(self) -> Header:
        """Keywords of the exposure."""
        return self.pixels.header

    def placed(self, weight: float = 1.0, scale: float = 1.0) -> PlacedExposure:
        """Return the exposure with its weight and flux factor, to be resampled."""
        return PlacedExposure(
            Sampled(self.pixels, *self.limits),
            self.steps,
            self.matrix,
            self.tangent,
            self.stretch,
            weight,
            scale,
        )

    def write(self, out: Outputs, tag: str, unit: str, number: int) -> None:
        """Write the pixel table, with native spherical coordinates."""
        inside = [self._inside(rows) for rows in blocks(self.pixels.n_rows, _BLOCK)]
        writer = out.pixels(
            tag,
            int(sum(mask.sum() for mask in inside)),
            unit=unit,
            header=self.keywords,
            like=self.pixels.tables[0],
            number=number,
        )
        offsets = {k: v for k, v in self.header.items() if k.endswith(" XOFFSET")}
        writer.header.update(offsets)
        first = 0
        for rows, mask in zip(blocks(self.pixels.n_rows, _BLOCK), inside, strict=True):
            pixels = self._native(Pixels._make(c[mask] for c in self.pixels.read(rows)))
            writer.write(slice(first, first + len(pixels.data)), pixels)
            first += len(pixels.data)

    def _inside(self, rows: slice) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Tell which rows lie between the limits of wavelength."""
        wavelength = self.pixels.read(rows).wavelength
        return (wavelength >= self.limits[0]) & (wavelength <= self.limits[1])

    def _native(self, pixels: Pixels) -> Pixels:
        """Return pixels after all steps, in native coordinates."""
        pixels = run_steps(pixels, self.steps)
        x, y = project(pixels.xpos, pixels.ypos, self.matrix)
        phi, depth = native_from_plane(x.astype(np.float64), y.astype(np.float64))
        wavelength = (pixels.wavelength.astype(np.float64) * self.stretch).astype(
            np.float32
        )
        return pixels._replace(xpos=phi, ypos=depth, wavelength=wavelength)


def place_exposure(
    pixels: MergedPixels,
    steps: tuple[Step, ...],
    solution: Header,
    tangent: tuple[float, float],
    stretch: float,
    limits: tuple[float, float],
    keywords: Mapping[str, Value],
) -> ReducedExposure:
    """Return an exposure with its astrometry.

    The reference pixel is the middle of the extents before refraction is corrected.
    """
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for window in Sampled(pixels, *limits).windows():
        for axis, column in enumerate((window.xpos, window.ypos)):
            low[axis] = min(low[axis], column.min())
            high[axis] = max(high[axis], column.max())
    middle = 0.5 * (low + high)
    matrix, wcs = field_to_plane(
        pixels.header, solution, (float(middle[0]), float(middle[1]))
    )
    limits_before = {
        f"ESO DRS MUSE PIXTABLE PREDAR LIMITS {axis}{end}": float(value[k])
        for k, axis in enumerate("XY")
        for end, value in (("LO", low), ("HI", high))
    }
    words: dict[str, Value] = {
        "WCSAXES": 2,
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        **wcs,
        "CRVAL1": 0.0,
        "CRVAL2": 0.0,
        "ESO DRS MUSE PIXTABLE WCS": "projected (intermediate)",
        **limits_before,
    }
    return ReducedExposure(
        pixels, steps, matrix, tangent, stretch, limits, {**keywords, **words}
    )
