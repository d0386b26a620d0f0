"""From spectra to the light on the detector of one IFU."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.simulator.lsf import (
    WING_WEIGHT,
    WING_WIDTH,
    pixel_profile,
)
from pipeline.simulator.optics import Optics
from pipeline.simulator.optics import optics as reference_optics
from pipeline.simulator.render import add_lines, paint_slice, smear

Floats = NDArray[np.float64]
Spectrum = NDArray[np.float32]
Image = NDArray[np.float32]

STEP = 0.125
"""Sampling of spectra before they reach the detector [Angstrom]."""
_NODE = 50.0
"""Distance of the wavelengths where the line spread is evaluated [Angstrom]."""
_REACH = 8.0
"""Reach of the line spread [Angstrom]."""


def sampling(optics: Optics) -> Floats:
    """Return the wavelengths [Angstrom] at which spectra of an IFU are sampled."""
    return _grid(optics.size, optics.ifu)


@lru_cache(maxsize=32)
def _grid(size: Size, ifu: int) -> Floats:
    """Return a regular grid over all wavelengths on the detector, and some more."""
    centre = reference_optics(size, ifu).wave[:, :, 0]
    return np.asarray(np.arange(np.floor(centre.min()) - 12.0, centre.max() + 12.0, STEP))


def _pixel_widths(optics: Optics, wavelength: Floats) -> Floats:
    """Return the width of a pixel [Angstrom] of every slice, [n_slices, n]."""
    centre = optics.wave[:, :, 0]
    slope = np.gradient(centre, axis=1)
    return np.array(
        [np.interp(wavelength, c, d) for c, d in zip(centre, slope, strict=True)]
    )


@lru_cache(maxsize=24)
def _taps(size: Size, ifu: int) -> Floats:
    """Return line spread times pixel every `_NODE`, [n_slices, n_nodes, n_taps].

    Those of the reference state: a drift does not change them noticeably.
    """
    optics, wavelength = reference_optics(size, ifu), _grid(size, ifu)
    nodes = np.arange(wavelength[0], wavelength[-1] + 2 * _NODE, _NODE)
    half = int(_REACH / STEP)
    offset = np.linspace(-half * STEP, half * STEP, 2 * half + 1)
    parameters = optics.lsf.parameters(nodes)[:, :, None, :]
    widths = _pixel_widths(optics, nodes)[:, :, None]
    return np.ascontiguousarray(pixel_profile(offset, parameters, widths) * STEP)


def continuum(
    optics: Optics, density: Floats, slices: NDArray[np.int64] | None = None
) -> list[Spectrum]:
    """Return light in a pixel for some slices from a density [electrons/Angstrom].

    ``density``: float64[n] on the grid of `sampling`; the results, float32[n], give the
    light in a pixel centred at each wavelength [electrons]. ``slices`` are 0-based;
    default: all.
    """
    taps = _taps(optics.size, optics.ifu)
    spectra = []
    for s in range(optics.size.n_slices) if slices is None else slices:
        smeared = np.empty(len(density), np.float32)
        smear(np.ascontiguousarray(density), taps[s], _NODE / STEP, smeared)
        spectra.append(smeared)
    return spectra


def emission(optics: Optics, lines: Floats, fluxes: Floats) -> list[Spectrum]:
    """Return light in a pixel for each slice from lines of given flux [electrons]."""
    wavelength = sampling(optics)
    inside = (lines > wavelength[0]) & (lines < wavelength[-1])
    lines, fluxes = (
        np.ascontiguousarray(lines[inside]),
        np.ascontiguousarray(fluxes[inside]),
    )
    parameters = optics.lsf.parameters(lines)
    widths = _pixel_widths(optics, lines).mean(axis=1)
    spectra = []
    for s in range(optics.size.n_slices):
        out = np.zeros(len(wavelength), np.float32)
        add_lines(
            lines,
            fluxes,
            np.ascontiguousarray(parameters[s]),
            float(widths[s]),
            WING_WEIGHT,
            WING_WIDTH,
            float(wavelength[0]),
            STEP,
            out,
        )
        spectra.append(out)
    return spectra


def paint(optics: Optics, spectra: list[Spectrum], level: Floats, slit: Floats) -> Image:
    """Return the image [electrons] of slices that are each lit evenly.

    ``level``: float64[n_slices], factor; ``slit``: float64[n_slices, 2], linear and
    square change along the slice.
    """
    image = np.zeros(optics.size.shape, np.float32)
    blur = float(np.hypot(optics.blur, np.sqrt(1 / 12)))
    for s, spectrum in enumerate(spectra):
        paint_slice(
            image,
            np.ascontiguousarray(optics.left[s]),
            np.ascontiguousarray(optics.right[s]),
            np.ascontiguousarray(optics.wave[s]),
            spectrum,
            float(sampling(optics)[0]),
            STEP,
            np.ascontiguousarray(slit[s]),
            float(level[s]),
            blur,
        )
    return image
