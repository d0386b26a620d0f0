"""One IFU of muse_geometry: exposures of the mask to the passages of its pinholes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.geometry_products import spots_table, width_qc
from pipeline.algorithms.mask_ifu import MaskIfu
from pipeline.algorithms.mask_images import RowWindow, row_window
from pipeline.algorithms.passages import Passages, find_passages
from pipeline.algorithms.spot_search import find_spots
from pipeline.algorithms.spots import BLOCK, Spots, average, measure
from pipeline.spec import BadInput, ImageFrame, Outputs, Planes, blocks

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


class SpotSettings(NamedTuple):
    """How spots are found and measured, and what is kept.

    ``sigma``: detection level; ``gaussian``: places and widths by a Gaussian fit, not by
    the centre of light; ``beside``: background from the columns beside a spot, not from
    all around; ``wavelengths``: of the images that check [Angstrom]; ``save_reduced``:
    write every reduced exposure.
    """

    sigma: float
    gaussian: bool
    beside: bool
    wavelengths: tuple[float, float]
    save_reduced: bool


@dataclass(frozen=True)
class SeenIfu:
    """What is kept of the exposures of one IFU."""

    passages: Passages
    window: RowWindow


def measure_ifu(
    ifu: MaskIfu, lines: Floats, settings: SpotSettings, out: Outputs
) -> SeenIfu:
    """Reduce the exposures of an IFU, measure their spots, write its products.

    Raises
    ------
    BadInput
        If there are no spots.
    """
    images = [ifu.reduced(raw) for raw in ifu.raws]
    combined = _average(ifu, images, settings.save_reduced, out)
    places = find_spots(combined, ifu.slices, lines, settings.sigma)
    if not places.found.any():
        raise BadInput(
            f"IFU {ifu.number} shows no spots of the pinhole mask",
            file=ifu.raws[0].name,
            keyword="ESO DPR TYPE",
            remedy="give exposures of the pinhole mask with the lamps on, and the "
            "TRACE_TABLE and WAVECAL_TABLE of the same time",
        )
    window = row_window(combined, ifu.slices, *settings.wavelengths)
    _write_combined(ifu, combined, images[0], out)
    del combined
    spots = measure(
        images,
        places,
        ifu.size,
        gaussian=settings.gaussian,
        beside=settings.beside,
    )
    _write_spots(ifu, spots, out)
    _warn_of_saturation(ifu, spots)
    return SeenIfu(find_passages(spots, ifu.sequence), window)


def _warn_of_saturation(ifu: MaskIfu, spots: Spots) -> None:
    """Warn of exposures with saturated spots, which are as good as missing."""
    for raw, saturated in zip(ifu.raws, spots.saturated, strict=True):
        if saturated.any():
            log.warning(
                "%s: %d of %d spots of IFU %d are saturated and left out (EXPTIME); "
                "take shorter exposures",
                raw.name, int(saturated.sum()), saturated.size, ifu.number,
            )  # fmt: skip


def _average(
    ifu: MaskIfu, images: Sequence[ImageFrame], save: bool, out: Outputs
) -> Planes:
    """Return the average; write the reduced exposures on the way, if that is wanted."""
    if not save:
        return average(images)
    with out.of_ifu(ifu.number) as products:
        writers = [
            products.image(
                "MASK_REDUCED",
                image.shape,
                unit="count",
                header=image.header,
                like=raw,
                number=k,
            )
            for k, (raw, image) in enumerate(zip(ifu.raws, images, strict=True), 1)
        ]
        return average(images, lambda k, rows, planes: writers[k].write(rows, planes))


def _write_combined(
    ifu: MaskIfu, combined: Planes, first: ImageFrame, out: Outputs
) -> None:
    """Write the average."""
    with out.of_ifu(ifu.number) as products:
        writer = products.image(
            "MASK_COMBINED",
            first.shape,
            unit="count",
            header=first.header,
            like=ifu.raws[0],
        )
        for rows in blocks(first.shape[0], BLOCK):
            writer.write(rows, Planes._make(plane[rows] for plane in combined))


def _write_spots(ifu: MaskIfu, spots: Spots, out: Outputs) -> None:
    """Write the table of spots."""
    with out.of_ifu(ifu.number) as products:
        table = products.table("SPOTS_TABLE", like=ifu.raws[0])
        names = [raw.name for raw in ifu.raws]
        table.write("", spots_table(spots, ifu.sequence, ifu.slices, names))
        table.qc.update({f"QC GEO {name}": v for name, v in width_qc(spots)})
