"""A sequence of exposures of the multi-pinhole mask: where the mask stood in each."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import FOCAL_SCALE
from pipeline.spec import BadInput, Header, RawFrame

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

POSANG, HEIGHT = "ESO INS DROT POSANG", "ESO INS POS3 POS"
SCALE = "ESO TEL FOCU SCALE"

LONGEST_STEP = 1.5
"""A step of the mask that is so many times the usual one means a missing exposure."""
FEWEST = 5
"""Heights that a sequence needs at the very least (genuine pipeline)."""


@dataclass(frozen=True)
class MaskSequence:
    """Where the mask stood, exposure by exposure.

    Parameters
    ----------
    height : float64[n]
        Vertical position of the mask [mm].
    encoder : int32[n, 3]
        Encoders of the x, y and z drive [steps].
    position : float64[n, 3]
        Positions of these drives [mm].
    scale
        Of the focal plane [arcsec/mm].
    """

    height: Floats
    encoder: NDArray[np.int32]
    position: Floats
    scale: float

    @property
    def order(self) -> NDArray[np.int64]:
        """Exposures by rising height."""
        return np.argsort(self.height, kind="stable").astype(np.int64)


def mask_sequence(raws: Sequence[RawFrame]) -> MaskSequence:
    """Read the positions of the mask from the headers of one IFU.

    Raises
    ------
    BadInput
        If a position is missing or the mask did not move.
    """
    heights = np.array([_height(raw) for raw in raws])
    drives = ("POS2", "POS3", "POS4")
    encoder = [[int(r.header.get(f"ESO INS {d} ENC", 0)) for d in drives] for r in raws]
    places = [[float(r.header.get(f"ESO INS {d} POS", 0)) for d in drives] for r in raws]
    scales = np.array([float(raw.header.get(SCALE, FOCAL_SCALE)) for raw in raws])
    if np.ptp(scales) > 1e-10:
        odd = int(np.argmax(np.abs(scales - np.median(scales))))
        raise BadInput(
            f"is {scales[odd]:g}, {np.median(scales):g} in the others",
            file=raws[odd].name,
            keyword=SCALE,
            remedy="give the exposures of one sequence",
        )
    sequence = MaskSequence(
        heights, np.array(encoder, np.int32), np.array(places), float(scales[0])
    )
    _check_steps(sequence, raws)
    return sequence


def _height(raw: RawFrame) -> float:
    """Return the height of the mask [mm]: POS3 over the sine of the field's rotation."""
    header = raw.header
    sine = float(np.sin(np.radians(position_angle(header))))
    if HEIGHT not in header or abs(sine) < 1e-3:
        missing = HEIGHT not in header
        raise BadInput(
            "is missing" if missing else "gives no height of the mask (its sine is 0)",
            file=raw.name,
            keyword=HEIGHT if missing else POSANG,
            remedy="give exposures of the geometry template, in which the mask moves",
        )
    return float(header[HEIGHT]) / sine


def position_angle(header: Header) -> float:
    """Return the position angle of the field [deg]: POSANG, in mode SKY its negative."""
    angle = float(header.get(POSANG, 0.0))
    return -angle if str(header.get("ESO INS DROT MODE", "")).startswith("SKY") else angle


def _check_steps(sequence: MaskSequence, raws: Sequence[RawFrame]) -> None:
    """Refuse a mask that did not move; warn where an exposure is missing."""
    order = sequence.order
    steps = np.diff(sequence.height[order])
    moved = steps[steps > 1e-6]
    if len(moved) < FEWEST - 1:
        raise BadInput(
            f"the mask stood at {len(moved) + 1} heights only",
            file=raws[0].name,
            keyword=HEIGHT,
            remedy=f"give the whole sequence: {FEWEST} heights or more",
        )
    for k in np.flatnonzero(steps > LONGEST_STEP * np.median(moved)):
        before, after = (raws[order[i]] for i in (k, k + 1))
        log.warning(
            "%s: the mask moved by %.4f mm up to %s, usual steps have %.4f: an exposure is "
            "missing (%s); add it, or accept that slices may be lost",
            before.name, steps[k], after.name, np.median(moved), HEIGHT,
        )  # fmt: skip
