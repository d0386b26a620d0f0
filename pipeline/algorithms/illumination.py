"""Relative illumination of the slices, from an illumination flat taken at night.

The lamp flat is seen once more close in time to the science exposure; what changed
between the slices since the master flat, as temperature moves them, is divided out
(MUSE pipeline manual, muse_scibasic).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.pixels import SlicePixels
from pipeline.spec import BadInput, ImageFrame, Pixels, Value

BAND = (6500.0, 7500.0)
"""Wavelengths that are compared [Angstrom] (genuine pipeline)."""


@dataclass(frozen=True)
class Illumination:
    """Factors by slice number, with mean 1; a correction of `SlicePixels`."""

    factors: Mapping[int, float]

    def __call__(self, number: int, pixels: Pixels) -> None:
        """Multiply the pixels of a slice by its factor."""
        factor = np.float32(self.factors[number])
        pixels.data[:] *= factor
        pixels.stat[:] *= factor * factor

    def keywords(self) -> dict[str, Value]:
        """Return the factors as the keywords of a pixel table."""
        prefix = "ESO DRS MUSE PIXTABLE ILLUM"
        values = np.array(list(self.factors.values()))
        found: dict[str, Value] = {f"{prefix}{n}": f for n, f in self.factors.items()}
        found[f"{prefix} MEAN"] = float(values.mean())
        found[f"{prefix} STDEV"] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        return found


def measure_illumination(image: ImageFrame, slices: SliceMap) -> Illumination:
    """Return the factors that make the slices of an illumination flat equally bright.

    Parameters
    ----------
    image
        The flat, calibrated like a science exposure [count].
    slices
        Polynomials of its IFU.

    Raises
    ------
    BadInput
        If a slice has no good pixel in the band, or no light.
    """
    pixels = SlicePixels(slices, low=BAND[0], high=BAND[1])
    values: list[list[np.ndarray]] = [[] for _ in slices.numbers]
    for index, part in pixels.scan(image):
        values[index].append(part.data[(part.dq == 0) & np.isfinite(part.data)])
    inverse = {}
    for number, found in zip(slices.numbers, values, strict=True):
        level = float(np.median(np.concatenate(found))) if any(map(len, found)) else 0.0
        if level <= 0.0:
            raise BadInput(
                f"slice {number} has no light between {BAND[0]:.0f} and {BAND[1]:.0f} A",
                file=image.name,
                remedy="leave this ILLUM out or give another one of the night",
            )
        inverse[int(number)] = 1.0 / level
    mean = float(np.mean(list(inverse.values())))
    return Illumination({number: value / mean for number, value in inverse.items()})
