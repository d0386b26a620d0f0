"""Science exposures of one IFU combined on the detector, some rows at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.algorithms.combination import CombineParams, combine
from pipeline.algorithms.detector import CalibratedFrame
from pipeline.algorithms.flatfield import Places, flag_cosmics_at
from pipeline.spec import BadInput, Header, Planes


@dataclass
class CombinedImage:
    """Calibrated exposures combined when they are read; a `pipeline.spec.ImageFrame`.

    They are combined before the flat is divided out, so that its noise, which they have
    in common like that of the master bias, is not averaged.

    Parameters
    ----------
    images
        Exposures with the same masters; name, tag and header are those of the first.
    params
        How to combine.
    factors
        What each exposure is multiplied by.
    cosmics
        Cosmic rays of each exposure, None where they were not looked for.
    """

    images: Sequence[CalibratedFrame]
    params: CombineParams
    factors: Sequence[float]
    cosmics: Sequence[Places | None]

    def __post_init__(self) -> None:
        first = self.images[0]
        self.name, self.tag, self.ifu = first.name, first.tag, first.ifu
        self.shape = first.shape
        self.header: Header = first.header

    def read(self, rows: slice) -> Planes:
        """Return the combined data, flags and variance of some rows."""
        stack = []
        for image, factor, cosmics in zip(
            self.images, self.factors, self.cosmics, strict=True
        ):
            planes = image.read(rows)
            if cosmics is not None:
                flag_cosmics_at(cosmics, planes.dq, rows.indices(self.shape[0])[0])
            scale = np.float32(factor)
            stack.append(Planes(planes.data * scale, planes.dq, planes.stat * scale**2))
        shared = self.images[0].shared_variance(rows)
        return combine(stack, self.params, shared * np.float32(np.mean(self.factors)) ** 2)


def exposure_time_factors(images: Sequence[CalibratedFrame]) -> list[float]:
    """Return what brings each exposure to the exposure time of the first.

    Raises
    ------
    BadInput
        If an exposure does not tell its time.
    """
    times = []
    for image in images:
        time = float(image.header.get("EXPTIME", 0.0))
        if not time > 0:
            raise BadInput(
                f"is {time}",
                file=image.name,
                keyword="EXPTIME",
                remedy="correct the header, or combine with --scale=false",
            )
        times.append(time)
    return [times[0] / time for time in times]
