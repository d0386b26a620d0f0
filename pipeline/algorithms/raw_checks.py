"""Exposures that must not become part of a master: dead, saturated, inconsistent ones."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.detector import CalibratedFrame
from pipeline.algorithms.overscan import OverscanLevel
from pipeline.algorithms.raw_levels import sampled_quantiles
from pipeline.algorithms.read_noise import ReadNoise
from pipeline.instrument import SATURATION
from pipeline.spec import BadInput, RawFrame

log = logging.getLogger(__name__)

USUAL_NOISE = 1.0, 5.0
"""Read-out noise outside of which the genuine pipeline warns [count]."""

OFFSET_SIGMA = 3.0
"""Largest error of a level, in read-out noises: the pixels would be clipped otherwise."""

UNLIT, MEDIAN = 0.05, 0.5
"""Part of the pixels of a port that is surely between the slices (a tenth are); half."""
NOISE_QUANTILE = 1.645
"""How far that part of normal noise lies below its mean [sigma]."""
STRAY = 0.02
"""Part of a change of the light that may be seen between the slices (ours)."""
LEAST_LIGHT = 0.02
"""Light of a port, in parts of the brightest one's, below which it has none (ours): sky and
lamps differ by less than ten times between the blue and the red half."""


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


def check_exposures(exposures: Sequence[CalibratedFrame], *, lit: bool = False) -> None:
    """Refuse exposures of one kind with a bad quadrant; warn of doubtful overscans.

    An overscan does not tell the level of the data where the pixels between the slices lie
    below it, or elsewhere than in the other exposures.

    Parameters
    ----------
    exposures
        Of one IFU, with the same source of light.
    lit
        Whether that lights all ports.

    Raises
    ------
    BadInput
        For the first exposure with a quadrant that is dead, saturated or, if it should be
        lit, without light.
    """
    raws = [exposure.raw for exposure in exposures]
    unlit, median = sampled_quantiles(raws, (UNLIT, MEDIAN))
    check_quadrants(raws, median.tolist())
    level = np.array([exposure.overscan.mean for exposure in exposures]).T
    if lit:
        _refuse_unlit(raws, median, median - level)
    _compare_levels(exposures, unlit - level, median - level)


def check_light(exposures: Sequence[CalibratedFrame]) -> None:
    """Refuse exposures of a lamp or of the sky with a quadrant that shows no light.

    Raises
    ------
    BadInput
        For the first such exposure.
    """
    raws = [exposure.raw for exposure in exposures]
    (median,) = sampled_quantiles(raws, (MEDIAN,))
    level = np.array([exposure.overscan.mean for exposure in exposures]).T
    _refuse_unlit(raws, median, median - level)


def _refuse_unlit(
    raws: Sequence[RawFrame], median: NDArray[np.float64], light: NDArray[np.float64]
) -> None:
    """Refuse exposures with a dark quadrant among lit ones.

    ``median``, ``light``: float64[n_ports, n], medians as read and above the overscan
    [adu].
    """
    lit = OFFSET_SIGMA * USUAL_NOISE[1]
    for raw, values, ports in zip(raws, median.T, light.T, strict=True):
        darkest, most = int(np.argmin(ports)), float(ports.max())
        if most > lit and ports[darkest] < LEAST_LIGHT * most:
            problem = f"the quadrant is dead: its median is {values[darkest]:.0f} adu"
            if values[darkest] > 0:
                problem = (
                    f"the quadrant has no light: its median is {ports[darkest]:.0f} adu "
                    f"above the overscan, in another one {most:.0f} adu"
                )
            raise BadInput(
                problem,
                file=raw.name,
                keyword=f"quadrant {darkest + 1}",
                remedy="leave the file or this IFU out, repeat the exposure",
            )


def _compare_levels(
    exposures: Sequence[CalibratedFrame],
    unlit: NDArray[np.float64],
    light: NDArray[np.float64],
) -> None:
    """Warn of exposures whose darkest pixels are too dark, or not as in the others.

    ``unlit``, ``light``: float64[n_ports, n], their level and that of half of the pixels
    above the overscan [adu].
    """
    usual, usual_light = np.median(unlit, axis=1), np.median(light, axis=1)
    for k, exposure in enumerate(exposures):
        noise = np.array(exposure.read_noise) / np.array(exposure.gain)
        limit = OFFSET_SIGMA * np.maximum(noise, USUAL_NOISE[0])
        too_dark = unlit[:, k] < -NOISE_QUANTILE * noise - limit
        allowed = limit + STRAY * np.abs(light[:, k] - usual_light)
        wrong = too_dark | (np.abs(unlit[:, k] - usual) > allowed)
        if wrong.any():
            port = int(np.argmax(wrong))
            log.warning(
                "%s, quadrant %d: the darkest pixels lie %.1f adu above the overscan, in "
                "the exposures like it %.1f adu: the overscan does not tell the bias "
                "level. Remedy: leave the file out",
                exposure.name, port + 1, unlit[port, k], usual[port],
            )  # fmt: skip
