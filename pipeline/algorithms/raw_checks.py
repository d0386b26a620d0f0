"""Exposures that must not become part of a master: dead, saturated, inconsistent ones."""

import logging
from collections.abc import Sequence

import numpy as np

from pipeline.algorithms.overscan import OverscanLevel
from pipeline.algorithms.read_noise import ReadNoise
from pipeline.instrument import SATURATION
from pipeline.spec import BadInput, RawFrame

log = logging.getLogger(__name__)

USUAL_NOISE = 1.0, 5.0
"""Read-out noise outside of which the genuine pipeline warns [count]."""

OFFSET_SIGMA = 3.0
"""Largest error of a level, in read-out noises: the pixels would be clipped otherwise."""


def check_quadrants(raws: Sequence[RawFrame], levels: Sequence[Sequence[float]]) -> None:
    """Refuse exposures with a dead or a saturated quadrant.

    Parameters
    ----------
    raws
        The exposures.
    levels
        Their medians by port [adu].

    Raises
    ------
    BadInput
        For the first exposure of which half of a quadrant is saturated or zero.
    """
    for number, port in enumerate(levels, 1):
        for raw, level in zip(raws, port, strict=True):
            if level == 0 or level > SATURATION:
                raise BadInput(
                    f"the quadrant is {'dead' if level == 0 else 'saturated'}: its median "
                    f"is {level:.0f} adu",
                    file=raw.name,
                    keyword=f"quadrant {number}",
                    remedy="leave the file out, repeat the exposure",
                )


def check_noise(
    raws: Sequence[RawFrame], noise: Sequence[ReadNoise], gain: Sequence[float]
) -> None:
    """Refuse exposures without noise; warn where it is unusual.

    Parameters
    ----------
    raws
        The exposures.
    noise
        Their noise [adu], by port.
    gain
        By port [count/adu].

    Raises
    ------
    BadInput
        If a quadrant is the same in all exposures.
    """
    low, high = USUAL_NOISE
    for number, (port, g) in enumerate(zip(noise, gain, strict=True), 1):
        if port.noise == 0:
            raise BadInput(
                f"the quadrant has no noise, it is as in {raws[0].name}",
                file=raws[-1].name,
                keyword=f"quadrant {number}",
                remedy="give different exposures of a working detector, not copies of one",
            )
        if not low <= port.noise * g <= high:
            log.warning(
                "%s: read-out noise %.2f count of quadrant %d is outside %g to %g (the "
                "header says %s): look at the exposures, check ESO DET OUT%d GAIN",
                raws[0].name,
                port.noise * g,
                number,
                low,
                high,
                raws[0].header.get(f"ESO DET OUT{number} RON", "nothing"),
                number,
            )


def check_offsets(
    raws: Sequence[RawFrame],
    noise: Sequence[ReadNoise],
    overscans: Sequence[OverscanLevel],
) -> None:
    """Refuse exposures whose overscan does not tell the level of their data.

    The data of a port lie by the same amount above its overscan in all exposures, or the
    correction for it puts a wrong level into the master.

    Raises
    ------
    BadInput
        For the first exposure that is off by `OFFSET_SIGMA` read-out noises.
    """
    for number, port in enumerate(noise, 1):
        means = np.array([overscan.mean[number - 1] for overscan in overscans])
        offsets = np.array(port.levels) - means
        usual = float(np.median(offsets))
        for raw, offset in zip(raws, offsets, strict=True):
            if abs(offset - usual) > OFFSET_SIGMA * port.noise:
                raise BadInput(
                    f"the data lie {offset:.1f} adu above the overscan, those of the other "
                    f"exposures {usual:.1f} adu",
                    file=raw.name,
                    keyword=f"quadrant {number}",
                    remedy="leave the file out, repeat the exposure",
                )
