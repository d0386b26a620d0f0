"""What is measured on lamp flats and on their combination while their rows come by."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.detector import CalibratedFrame
from pipeline.algorithms.statistics import ImageStatistics, StackStatistics
from pipeline.algorithms.trace import Trace
from pipeline.spec import BadInput, Planes

log = logging.getLogger(__name__)

LEAST_LIGHT = 1.0
"""Mean below which a flat shows no lamp [count]."""
MOST_SATURATED = 0.01
"""Part of the pixels that may be saturated: a flat has none, stray cosmic rays apart."""
UNLIT = 0.05
"""Part of the pixels that are safely between the slices (a tenth are)."""
LARGEST_SHIFT = 3.0
"""Difference of the level between the slices that betrays a wrong overscan [read-out
noises]."""
LARGEST_CHANGE = 0.05
"""Change of the lamp that is unusual; it is steady to a per cent."""
SLICE_WINDOW = 100
"""Rows on either side of the middle over which slices are measured (genuine pipeline)."""


class FlatSurvey:
    """Statistics of the exposures and of their combination.

    Parameters
    ----------
    exposures
        The exposures that are combined.

    Attributes
    ----------
    inputs : StackStatistics
        Of the exposures, calibrated and scaled.
    master : ImageStatistics
        Of the combination.
    """

    def __init__(self, exposures: Sequence[CalibratedFrame]) -> None:
        self._exposures = exposures
        self._shape = exposures[0].shape
        self.inputs = StackStatistics(len(exposures))
        self.master = ImageStatistics()
        self._saturated = np.zeros(len(exposures) + 1, np.int64)
        self._middle = self._shape[0] // 2
        self._first = self._middle - SLICE_WINDOW - 1
        self._window = np.zeros((2 * SLICE_WINDOW + 1, self._shape[1]), np.float32)

    def add(self, rows: slice, planes: Planes, saturated: NDArray[np.int64]) -> None:
        """Take in some rows of the combination.

        ``saturated``: saturated pixels in these rows of the exposures and, last, of the
        combination.
        """
        self.master.add(planes.data)
        self._saturated += saturated
        place = np.arange(rows.start, rows.stop) - self._first
        inside = (place >= 0) & (place < len(self._window))
        self._window[place[inside]] = planes.data[inside]

    def check(self) -> None:
        """Refuse flats without light or with too much; warn of exposures that differ.

        Raises
        ------
        BadInput
            If there is no light, or more than `MOST_SATURATED` of an exposure is saturated.
        """
        n_pixels = self._shape[0] * self._shape[1]
        for exposure, n in zip(self._exposures, self._saturated[:-1], strict=True):
            if n > MOST_SATURATED * n_pixels:
                raise BadInput(
                    f"{n / n_pixels:.1%} of the pixels are saturated",
                    file=exposure.name,
                    keyword="EXPTIME",
                    remedy="leave the exposure out, or give flats of a shorter exposure",
                )
        if not self.master.mean > LEAST_LIGHT:
            raise BadInput(
                f"has no light: the mean of the combined flat is {self.master.mean:.1f} "
                "count",
                file=self._exposures[0].name,
                keyword="ESO DPR TYPE",
                remedy="give lamp flats (FLAT,LAMP) in which the lamp was on",
            )
        self._compare()

    def _compare(self) -> None:
        """Warn of exposures that do not agree with the others."""
        unlit = np.array([image.quantile(UNLIT) for image in self.inputs.images])
        light = np.array([image.mean for image in self.inputs.images]) - unlit
        usual_unlit, usual_light = float(np.median(unlit)), float(np.median(light))
        for exposure, level, mean in zip(self._exposures, unlit, light, strict=True):
            if abs(level - usual_unlit) > LARGEST_SHIFT * max(exposure.read_noise):
                log.warning(
                    "%s: between the slices lie %.1f count, in the other exposures %.1f "
                    "[ESO DET OUTn]: its overscan does not tell the bias level. Remedy: "
                    "leave it out",
                    exposure.name,
                    level,
                    usual_unlit,
                )
            elif abs(mean / usual_light - 1) > LARGEST_CHANGE:
                log.warning(
                    "%s: %.2f times the light of the other exposures [EXPTIME]: the lamp "
                    "was not steady. Remedy: leave it out",
                    exposure.name,
                    mean / usual_light,
                )

    def qc(self, trace: Trace | None) -> Iterator[tuple[str, float]]:
        """Yield the QC keywords of the master flat (manual, 9.3.5)."""
        pairs = zip(self.inputs.images, self._saturated[:-1], strict=True)
        for number, (image, n_saturated) in enumerate(pairs, start=1):
            name = f"QC FLAT INPUT{number}"
            yield from ((f"{name} {key}", value) for key, value in image.keywords())
            yield f"{name} NSATURATED", int(n_saturated)
        for key, value in self.master.keywords(flux=True):
            yield f"QC FLAT MASTER {key}", value
        yield "QC FLAT MASTER NSATURATED", int(self._saturated[-1])
        if trace is None:
            return
        for number, (_, left, right) in enumerate(trace.at(self._middle), start=1):
            if number not in trace.lost:
                part = self._window[:, round(left) : round(right) - 1].astype(np.float64)
                name = f"QC FLAT MASTER SLICE{number}"
                yield f"{name} MEAN", float(part.mean())
                yield f"{name} STDEV", float(part.std(ddof=1))
