"""Arc exposures, calibrated and combined: those of one lamp, or of all lamps together."""

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.algorithms.arc_image import N_ROWS
from pipeline.algorithms.arc_lines import ArcLamp
from pipeline.algorithms.combination import CombineParams, combine
from pipeline.algorithms.detector import CalibratedFrame, calibrated
from pipeline.algorithms.flatfield import FlatFielded
from pipeline.algorithms.overscan import OverscanParams
from pipeline.algorithms.raw_checks import check_exposures
from pipeline.algorithms.shared import SharedImage
from pipeline.algorithms.stack import Stack
from pipeline.flags import Flag
from pipeline.instrument import SATURATION
from pipeline.spec import Frames, ImageFrame, ImageWriter, Planes, RawFrame, blocks

Read = Callable[[slice], Planes]
"""Reads rows of combined exposures."""


class ArcParams(CombineParams, OverscanParams):
    """Parameters of the calibration and combination of arc exposures."""


class ArcExposures:
    """The exposures of one IFU, calibrated when they are read.

    Parameters
    ----------
    frames
        Calibrations: MASTER_BIAS and, if given, MASTER_DARK, MASTER_FLAT, BADPIX_TABLE.
    params
        How to calibrate and combine.
    """

    def __init__(self, frames: Frames, params: ArcParams) -> None:
        self.params = params
        self._bias = SharedImage(frames["MASTER_BIAS"][0])
        self._dark = next(iter(frames.get("MASTER_DARK", ())), None)
        self._bad_pixels = frames.get("BADPIX_TABLE", ())
        self._flat = [SharedImage(flat) for flat in frames.get("MASTER_FLAT", ())]
        self._known: dict[tuple[int, ...], list[CalibratedFrame]] = {}

    def calibrated(self, lamp: ArcLamp) -> list[CalibratedFrame]:
        """Return the exposures of a lamp in counts, to be read lazily."""
        if lamp.numbers not in self._known:
            found = [
                calibrated(
                    raw,
                    self._bias,
                    self.params,
                    dark=self._dark,
                    bad_pixels=self._bad_pixels,
                )
                for raw in lamp.frames
            ]
            check_exposures(found)
            self._known[lamp.numbers] = found
        return self._known[lamp.numbers]

    def of_lamp(self, lamp: ArcLamp) -> Read:
        """Return what reads rows of the combined exposures of a lamp."""
        exposures = self.calibrated(lamp)
        if self._dark is None and not self._flat:
            return Stack(exposures, self.params, shared=False).read
        images: Sequence[ImageFrame] = exposures
        for flat in self._flat:
            images = [FlatFielded(image, flat) for image in images]
        return lambda rows: combine([image.read(rows) for image in images], self.params)


class Watched:
    """Reads like ``read``, counts saturated pixels and writes a product on the way.

    Attributes
    ----------
    n_saturated : int
        Saturated pixels in the rows read so far.
    """

    def __init__(self, read: Read, product: ImageWriter | None = None) -> None:
        self._read, self._product = read, product
        self.n_saturated = 0

    def __call__(self, rows: slice) -> Planes:
        """Return some rows."""
        planes = self._read(rows)
        saturated = np.uint32(Flag.AD_SATURATED)
        if np.bitwise_or.reduce(planes.dq, axis=None) & saturated:
            self.n_saturated += int(np.count_nonzero(planes.dq & saturated))
        if self._product is not None:
            self._product.write(rows, planes)
            self._product.qc["QC WAVECAL NSATURATED"] = self.n_saturated
        return planes


def summed(lamps: Sequence[Read]) -> Read:
    """Return what reads the sum of the exposures of several lamps.

    A pixel that is bad with some lamps is scaled from the others; one that is bad with
    all is flagged as with the least of them, as the genuine pipeline does it.
    """

    def read(rows: slice) -> Planes:
        data, dq, stat = (np.stack(p) for p in zip(*(r(rows) for r in lamps), strict=True))
        worst = dq.min(axis=0)
        used = dq == worst
        scale = (len(lamps) / used.sum(axis=0)).astype(np.float32)
        return Planes(
            np.where(used, data, np.float32(0)).sum(axis=0) * scale,
            worst,
            np.where(used, stat, np.float32(0)).sum(axis=0) * scale**2,
        )

    return read


def n_saturated(frame: RawFrame) -> int:
    """Return the number of saturated raw pixels of an exposure."""
    total = 0
    for rows in blocks(frame.shape[0], N_ROWS):
        counts = frame.read(rows)
        total += int(np.count_nonzero((counts == 0) | (counts > SATURATION)))
    return total
