"""Instrument modes: the wavelengths that their filters leave."""

from dataclasses import dataclass

import numpy as np

from pipeline.flags import Flag
from pipeline.spec import Header, Pixels

DEFAULT_MODE = "WFM-NOAO-N"

LAST_WAVELENGTH = 9350.0
"""Red end of reduced data [Angstrom] (genuine pipeline)."""

_FIRST = {
    "WFM-NOAO-N": 4750.0,
    "WFM-NOAO-E": 4600.0,
    "WFM-AO-N": 4700.0,
    "WFM-AO-E": 4600.0,
    "NFM-AO-N": 4750.0,
}
"""Blue end of reduced data by INS.MODE [Angstrom] (MUSE pipeline manual, --crop)."""

_NOTCH = {
    "WFM-AO-N": (5805.0, 5966.0),
    "WFM-AO-E": (5755.0, 6008.0),
    "NFM-AO-N": (5780.0, 6050.0),
}
"""Wavelengths blocked by the filter against the laser light [Angstrom] (genuine
pipeline)."""


def instrument_mode(header: Header) -> str:
    """Return INS.MODE, the nominal wide-field mode if it is missing or unknown."""
    mode = str(header.get("ESO INS MODE", DEFAULT_MODE)).strip().replace("NONAO", "NOAO")
    return mode if mode in _FIRST else DEFAULT_MODE


def useful_wavelengths(header: Header) -> tuple[float, float]:
    """Return the range of wavelengths worth keeping [Angstrom]."""
    return _FIRST[instrument_mode(header)], LAST_WAVELENGTH


@dataclass(frozen=True)
class NotchFilter:
    """Flags pixels that a filter blocks; a correction of pixel tables.

    ``low``, ``high``: range of wavelengths [Angstrom].
    """

    low: float
    high: float

    def __call__(self, number: int, pixels: Pixels) -> None:  # noqa: ARG002
        """Set `Flag.NOTCH_FILTER`, in place of other flags (genuine pipeline)."""
        blocked = (pixels.wavelength > self.low) & (pixels.wavelength < self.high)
        pixels.dq[blocked] = np.uint32(Flag.NOTCH_FILTER)


def notch_filter(header: Header) -> list[NotchFilter]:
    """Return the notch filter of an exposure; none without adaptive optics."""
    blocked = _NOTCH.get(instrument_mode(header))
    return [NotchFilter(*blocked)] if blocked else []
