"""The light that reaches the detector of one IFU during an exposure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.simulator import lamps
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.optics import Optics, optics
from pipeline.simulator.spectrograph import continuum, emission, paint, sampling

Image = NDArray[np.float32]


def light(exposure: Exposure, size: Size, ifu: int, ifus: Sequence[int]) -> Image:
    """Return the light [electrons] on the trimmed detector, float32[ny, nx].

    ``ifus`` are all those of the exposure; with them the header position is the middle
    of their part of the field.
    """
    if exposure.kind in ("BIAS", "DARK"):
        return np.zeros(size.shape, np.float32)
    instrument = optics(size, ifu).drifted(exposure.drift)
    if exposure.kind in ("FLAT", "ILLUM"):
        return _flat(exposure, instrument)
    if exposure.kind == "ARC":
        return _arc(exposure, instrument)
    raise NotImplementedError(exposure.kind)


def _flat(exposure: Exposure, instrument: Optics) -> Image:
    """Return the light of the continuum lamp."""
    wavelength = sampling(instrument)
    density = lamps.flat_spectrum(wavelength) / 1.25
    level = instrument.throughput
    return paint(
        instrument,
        wavelength,
        continuum(instrument, wavelength, density),
        level,
        instrument.slit,
    )


def _arc(exposure: Exposure, instrument: Optics) -> Image:
    """Return the light of one arc lamp."""
    wavelength = sampling(instrument)
    lines, fluxes = lamps.arc_lines(exposure.lamp)
    fluxes = fluxes * exposure.exptime / lamps.ARC_EXPTIME[exposure.lamp]
    spectra = emission(instrument, wavelength, lines, fluxes)
    return paint(instrument, wavelength, spectra, instrument.throughput, instrument.slit)
