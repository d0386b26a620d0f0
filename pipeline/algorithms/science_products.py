"""Pixel table and images of one science exposure, written some detector rows at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.algorithms.pixels import SlicePixels
from pipeline.algorithms.spectral_image import SpectralImage
from pipeline.flags import Flag
from pipeline.spec import QC, ImageFrame, ImageWriter, Kind, PixelWriter, Product, blocks

_ROWS = 256


@dataclass
class ScienceProducts:
    """The products of one exposure under way.

    Parameters
    ----------
    image
        The reduced exposure.
    table
        Where its pixels lie.
    pixels
        Takes the pixel table.
    red
        Takes the image itself, if it is wanted.
    check
        Gathers the spectra of all slices, if they are wanted.
    """

    image: ImageFrame
    table: SlicePixels
    pixels: PixelWriter
    red: ImageWriter | None = None
    check: SpectralImage | None = None
    _n_saturated: int = field(default=0, init=False)

    def add(self, rows: slice) -> None:
        """Write what some detector rows hold."""
        planes = self.image.read(rows)
        saturated = planes.dq & np.uint32(Flag.AD_SATURATED)
        self._n_saturated += int(np.count_nonzero(saturated))
        if self.red is not None:
            self.red.write(rows, planes)
        for where, part in self.table.spread(rows, planes):
            self.pixels.write(where, part)
            if self.check is not None:
                self.check.add(part)

    def complete(self) -> None:
        """Say what was counted."""
        for product in (self.pixels, self.red):
            if product is not None:
                product.qc["QC SCIBASIC NSATURATED"] = self._n_saturated


def write_spectra(check: SpectralImage, image: ImageWriter) -> None:
    """Write the spectra of all slices and their coordinates."""
    image.header.update(check.keywords())
    for rows in blocks(check.shape[0], _ROWS):
        image.write(rows, check.read(rows))


def science_products(exposures: Sequence[str], reduced: str) -> list[Product]:
    """Return the products for raw tags, and those for images that were reduced before."""

    def product(name: str, kind: Kind, doc: str) -> Product:
        return Product(name, kind, doc, unit="count", numbered=True, optional=True)

    return [
        *(
            product(f"{tag}_RED", "image", "Calibrated detector image.")
            for tag in exposures
        ),
        *(
            entry
            for tag in (*exposures, reduced)
            for entry in (
                product(f"{tag}_RESAMPLED", "image", "Spectra of all slices side by side."),
                product(f"PIXTABLE_{tag}", "pixels", "Pixel table."),
            )
        ),
    ]


def science_qc(exposures: Sequence[str], reduced: str) -> list[QC]:
    """Return the QC keywords of `science_products`."""
    count, shift = "QC SCIBASIC NSATURATED", "QC SCIBASIC LAMBDA SHIFT"
    moved = "Shift of the wavelengths from sky lines."
    return [
        *(QC(count, f"{tag}_RED", "", "Saturated pixels.", True) for tag in exposures),
        *(
            entry
            for tag in (*exposures, reduced)
            for entry in (
                QC(count, f"PIXTABLE_{tag}", "", "Saturated pixels."),
                QC(shift, f"PIXTABLE_{tag}", "Angstrom", moved, True),
            )
        ),
    ]
