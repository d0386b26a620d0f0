"""Light of the night sky and of the sources in it, in electrons."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.simulator import lamps, sky
from pipeline.simulator.atmosphere import refraction, seeing, transmission
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.imaging import TRACK_STEP, paint_source
from pipeline.simulator.optics import Optics
from pipeline.simulator.pointing import LIGHT_SPEED, field_position, to_field, velocity
from pipeline.simulator.scene import CubeSource, Source
from pipeline.simulator.spectrograph import STEP, continuum, emission, paint, sampling
from pipeline.simulator.stamps import GRID, NODES, cube_stamps, galaxy_stamps, star_stamps

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Stamp = NDArray[np.float32]

TELESCOPE_AREA = 4.85e5
"""Collecting area of the telescope [cm^2]."""
_PHOTON = 1.98644586e-8
"""h c [erg Angstrom]."""


def efficiency(wavelength: Floats, mode: str) -> Floats:
    """Return detected photons per photon at the primary mirror."""
    return np.asarray(0.36 * lamps.sensitivity(wavelength, mode))


def electrons_per_flux(wavelength: Floats, mode: str) -> Floats:
    """Return detected electrons/s for 1 erg/s/cm^2 at the telescope."""
    return np.asarray(TELESCOPE_AREA * wavelength / _PHOTON * efficiency(wavelength, mode))


def field_centre(size: Size, ifus: Sequence[int]) -> tuple[float, float]:
    """Return the middle of the field that some IFUs see [pix in the whole field]."""
    y = [size.slice_centre(ifu, s)[1] for ifu in ifus for s in range(1, size.n_slices + 1)]
    return 0.0, (min(y) + max(y)) / 2


def paint_sky(exposure: Exposure, instrument: Optics, level: Floats) -> Image:
    """Return the light of airglow and the continuum of the night [electrons]."""
    wavelength = sampling(instrument)
    rate = exposure.exptime * 0.2**2 * electrons_per_flux(wavelength, exposure.mode)
    spectra = continuum(instrument, rate * sky.sky_continuum(wavelength, exposure.seed))
    lines, fluxes = sky.sky_lines(exposure.seed)
    fluxes = fluxes * exposure.exptime * 0.2**2 * electrons_per_flux(lines, exposure.mode)
    glow = emission(instrument, lines, fluxes)
    total = [a + b for a, b in zip(spectra, glow, strict=True)]
    return paint(instrument, total, level * per_pixel(instrument), instrument.slit)


def per_pixel(instrument: Optics) -> Floats:
    """Return how much of a square of 0.2 arcsec a pixel of each slice sees."""
    width = (instrument.right - instrument.left).mean(axis=1)
    return np.asarray(instrument.sky_width / width)


def paint_sources(
    image: Image,
    exposure: Exposure,
    instrument: Optics,
    level: Floats,
    centre: tuple[float, float],
) -> None:
    """Add all sources of the scene, seen through the atmosphere.

    ``centre``: the place in the field [pix] to which the telescope points.
    """
    wavelength = sampling(instrument)
    steps = np.arange(wavelength[0], wavelength[-1] + TRACK_STEP, TRACK_STEP)
    shift = np.stack(refraction(exposure, steps), axis=1)
    through = exposure.exptime * electrons_per_flux(wavelength, exposure.mode)
    through *= transmission(exposure, wavelength)
    at_rest = wavelength * (1 + velocity(exposure) / LIGHT_SPEED)
    for source in exposure.scene.sources:
        place = np.array(field_position(exposure, source.ra, source.dec)) + centre
        for stamps, flux in _parts(source, exposure, at_rest):
            nodes = np.array(NODES)
            track = place + shift
            _paint(
                image,
                instrument,
                level,
                wavelength,
                flux * through,
                stamps,
                nodes,
                GRID,
                track,
            )
    for cube in exposure.scene.cubes:
        place = np.array(field_position(exposure, cube.ra, cube.dec)) + centre
        stamps, nodes = _turned(cube, exposure)
        _paint(
            image, instrument, level, wavelength, through, stamps, nodes, 1.0, place + shift
        )


def _turned(cube: CubeSource, exposure: Exposure) -> tuple[Stamp, Floats]:
    """Return the planes of a real cube as the turned field sees them."""
    return cube_stamps(cube.path, to_field(exposure, 0.0, 1.0))


def _parts(
    source: Source, exposure: Exposure, at_rest: Floats
) -> list[tuple[Stamp, Floats]]:
    """Return images and spectra of a source; a rotating disc has two sides more."""
    fwhms = tuple(float(f) for f in seeing(exposure, np.array(NODES)))
    if source.radius == 0:
        flux = source.continuum(at_rest) + source.emission(at_rest)
        return [(star_stamps(fwhms), flux)]
    angle = np.deg2rad(source.angle)
    x, y = to_field(exposure, float(np.sin(angle)), float(np.cos(angle)))
    direction = (x / np.hypot(x, y), y / np.hypot(x, y))

    def disc(half: int) -> Stamp:
        return galaxy_stamps(fwhms, source.radius, source.axis_ratio, direction, half)

    if source.rotation == 0:
        return [(disc(0), source.continuum(at_rest) + source.emission(at_rest))]
    sides = [
        (disc(half), 0.5 * source.emission(at_rest, half * source.rotation))
        for half in (-1, 1)
    ]
    return [(disc(0), source.continuum(at_rest)), *sides]


def _paint(
    image: Image,
    instrument: Optics,
    level: Floats,
    wavelength: Floats,
    density: Floats,
    stamps: Stamp,
    nodes: Floats,
    grid: float,
    track: Floats,
) -> None:
    """Add one image with one spectrum [electrons/Angstrom] to all slices it touches."""
    reach = (stamps.shape[1] // 2) * grid + 2
    low, high = track.min(axis=0) - reach, track.max(axis=0) + reach
    half = instrument.sky_width / 2
    touched = (instrument.sky_y > low[1]) & (instrument.sky_y < high[1])
    touched &= (instrument.sky_x + half > low[0]) & (instrument.sky_x - half < high[0])
    spectra = continuum(instrument, density, np.flatnonzero(touched))
    blur = float(np.hypot(instrument.blur, np.sqrt(1 / 12)))
    for s, spectrum in zip(np.flatnonzero(touched), spectra, strict=True):
        sky_place = (
            instrument.sky_x[s],
            instrument.sky_y[s],
            instrument.sky_width[s],
            np.deg2rad(instrument.sky_angle[s]),
        )
        paint_source(
            image,
            np.ascontiguousarray(instrument.left[s]),
            np.ascontiguousarray(instrument.right[s]),
            np.ascontiguousarray(instrument.wave[s]),
            np.array(sky_place),
            stamps,
            nodes,
            grid,
            track,
            spectrum,
            float(wavelength[0]),
            STEP,
            np.ascontiguousarray(instrument.slit[s]),
            float(level[s]),
            blur,
        )
