"""One exposure made ready for resampling, and its pixel table PIXTABLE_REDUCED."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.algorithms.astrometry import Matrix, field_to_plane
from pipeline.algorithms.exposure import MergedPixels
from pipeline.algorithms.pixel_rows import copy_rows, plan_rows
from pipeline.algorithms.resample import PlacedExposure
from pipeline.algorithms.slab import Sampled, Step, run_steps
from pipeline.kernels.project import native_from_plane, project
from pipeline.spec import Header, Outputs, Pixels, Value

EXTENTS = "ESO DRS MUSE PIXTABLE PREDAR LIMITS"
"""First words of the keywords of the extents before refraction is corrected."""


@dataclass(frozen=True)
class ReducedExposure:
    """The pixels of an exposure, the steps of its reduction and its place on the sky.

    Parameters
    ----------
    pixels
        All IFUs.
    sampled
        They, to be read by wavelength, cut to the limits.
    steps
        Applied to pixels as read.
    matrix : float64[3, 3]
        From field coordinates to the tangent plane [arcsec].
    tangent
        RA and DEC of the tangent point [deg].
    stretch
        Factor of the wavelengths.
    keywords
        What was done, for the header.
    """

    pixels: MergedPixels
    sampled: Sampled
    steps: tuple[Step, ...]
    matrix: Matrix
    tangent: tuple[float, float]
    stretch: float
    keywords: Mapping[str, Value]

    @property
    def header(self) -> Header:
        """Keywords of the exposure."""
        return self.pixels.header

    def placed(self, weight: float = 1.0, scale: float = 1.0) -> PlacedExposure:
        """Return the exposure with its weight and flux factor, to be resampled."""
        return PlacedExposure(
            self.sampled,
            self.steps,
            self.matrix,
            self.tangent,
            self.stretch,
            weight,
            scale,
        )

    def open(self, out: Outputs, tag: str, unit: str, number: int) -> Callable[[], None]:
        """Open the pixel table, of native spherical coordinates; return what fills it."""
        plan = plan_rows([self.sampled])
        writer = out.pixels(
            tag,
            plan[-1].target.stop,
            unit=unit,
            header=self.keywords,
            like=self.pixels.tables[0],
            number=number,
        )
        offsets = {k: v for k, v in self.header.items() if k.endswith(" XOFFSET")}
        writer.header.update(offsets)

        def native(_: int, pixels: Pixels) -> Pixels:
            return self._native(pixels)

        return partial(copy_rows, writer, [self.sampled], plan, native)

    def _native(self, pixels: Pixels) -> Pixels:
        """Return pixels after all steps, in native coordinates."""
        pixels = run_steps(pixels, self.steps)
        x, y = project(pixels.xpos, pixels.ypos, self.matrix)
        phi, depth = native_from_plane(x, y)
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
    sampled = Sampled(pixels, *limits)
    before = extents(sampled)
    matrix, wcs = field_to_plane(pixels.header, solution, middle_of(before))
    words = {**projected_keywords(wcs), **before}
    return ReducedExposure(
        pixels, sampled, steps, matrix, tangent, stretch, {**keywords, **words}
    )


def extents(sampled: Sampled) -> dict[str, float]:
    """Return the extents of pixels before refraction is corrected, as keywords [pix]."""
    low, high = sampled.extremes()
    return {
        f"{EXTENTS} {axis}{end}": float(value[k])
        for k, axis in enumerate("XY")
        for end, value in (("LO", low), ("HI", high))
    }


def middle_of(words: Mapping[str, float]) -> tuple[float, float]:
    """Return the middle of extents given as keywords [pix]."""
    x, y = (0.5 * (words[f"{EXTENTS} {a}LO"] + words[f"{EXTENTS} {a}HI"]) for a in "XY")
    return x, y


def projected_keywords(wcs: Mapping[str, float]) -> dict[str, Value]:
    """Return the keywords of a table in native coordinates; ``wcs``: CRPIXi and CDi_j."""
    return {
        "WCSAXES": 2,
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        **wcs,
        "CRVAL1": 0.0,
        "CRVAL2": 0.0,
        "ESO DRS MUSE PIXTABLE WCS": "projected (intermediate)",
    }
