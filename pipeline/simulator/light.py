"""The light that reaches the detector of one IFU during an exposure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.simulator import lamps, sky
from pipeline.simulator.atmosphere import molecular_transmission
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.mask import paint_pinholes, shade_by_lines
from pipeline.simulator.night import field_centre, paint_sky, paint_sources
from pipeline.simulator.optics import Optics, optics
from pipeline.simulator.spectrograph import continuum, emission, paint, sampling

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

REFERENCE_TEMPERATURE = 12.0
"""INS TEMP4 VAL at which the slices have their nominal transmission [C]."""

LAMP_GRADIENT = (0.02, -0.03, 0.015)
"""Change of light from the centre to the rim of the field: east, north, curved."""

TWILIGHT_GRADIENT = (0.0004, 0.0003, 0.0)
"""The same of the evening sky, whose brightness changes by up to several per cent per
degree (Chromey & Hasselbacher 1996, PASP 108, 944); the rim is half an arcmin away."""


def light(exposure: Exposure, size: Size, ifu: int, ifus: Sequence[int]) -> Image:
    """Return the light [electrons] on the trimmed detector, float32[ny, nx].

    ``ifus`` are all those of the exposure; the header position is the middle of their
    part of the field.
    """
    if exposure.kind in ("BIAS", "DARK") or exposure.dark_lamp:
        return np.zeros(size.shape, np.float32)
    instrument = optics(size, ifu).rearranged(exposure.layout).drifted(exposure.drift)
    level = transmission(instrument, exposure.temperature)
    if exposure.kind in ("FLAT", "ILLUM"):
        return _flat(exposure, instrument, level)
    if exposure.kind == "ARC":
        return _arc(exposure, instrument, level)
    if exposure.kind == "MASK":
        return paint_pinholes(exposure, instrument, level)
    if exposure.kind == "MASK_CHECK":
        return shade_by_lines(_flat(exposure, instrument, level), exposure, instrument)
    if exposure.kind == "SKYFLAT":
        return _twilight(exposure, instrument, level)
    image = paint_sky(exposure, instrument, level)
    paint_sources(image, exposure, instrument, level, field_centre(size, ifus))
    return image


def transmission(instrument: Optics, temperature: float) -> Floats:
    """Return the transmission of every slice at a temperature [C]: what ILLUM is for."""
    warmer = temperature - REFERENCE_TEMPERATURE
    return np.asarray(instrument.throughput * (1 + instrument.warming * warmer))


def _gradient(
    instrument: Optics, east: float, north: float, curved: float
) -> tuple[Floats, Floats]:
    """Return level and slit of an illumination that varies over the field.

    ``east``, ``north``, ``curved``: change from the centre to the rim of the field.
    """
    size = instrument.size
    half_x = size.n_stacks * size.stack_width / 2
    half_y = size.n_ifus * size.slices_per_stack / 2
    x, y = instrument.sky_x / half_x, instrument.sky_y / half_y
    level = 1 + east * x + north * y + curved * x**2
    along = -(east + 2 * curved * x) * instrument.sky_width / 2 / half_x / level
    return level, instrument.slit + np.stack([along, np.zeros_like(along)], axis=1)


def _flat(exposure: Exposure, instrument: Optics, level: Floats) -> Image:
    """Return the light of the continuum lamp, which does not fill the field evenly."""
    wavelength = sampling(instrument)
    density = lamps.flat_spectrum(wavelength, exposure.mode) / 1.25
    density *= exposure.exptime / lamps.FLAT_EXPTIME
    spectra = continuum(instrument, density)
    uneven, slit = _gradient(instrument, *LAMP_GRADIENT)
    return paint(instrument, spectra, level * uneven, slit)


def _arc(exposure: Exposure, instrument: Optics, level: Floats) -> Image:
    """Return the light of one arc lamp."""
    lines, fluxes = lamps.arc_lines(exposure.lamp)
    fluxes = fluxes * exposure.exptime / lamps.ARC_EXPTIME[exposure.lamp]
    spectra = emission(instrument, lines, fluxes)
    uneven, slit = _gradient(instrument, *LAMP_GRADIENT)
    return paint(instrument, spectra, level * uneven, slit)


def _twilight(exposure: Exposure, instrument: Optics, level: Floats) -> Image:
    """Return the light of the evening sky, brighter towards the sun, fading with time."""
    wavelength = sampling(instrument)
    water = molecular_transmission(wavelength, 1.2, exposure.conditions.water)
    density = (
        sky.twilight(wavelength) * water * lamps.sensitivity(wavelength, exposure.mode)
    )
    density *= sky.TWILIGHT_PEAK / 1.25 / density.max()
    spectra = continuum(instrument, density)
    uneven, slit = _gradient(instrument, *TWILIGHT_GRADIENT)
    return paint(instrument, spectra, level * uneven, slit)
