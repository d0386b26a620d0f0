"""Masks in the focal plane of the calibration unit: pinholes for the geometry, lines.

The multi-pinhole mask stands in the light of the neon and the mercury-cadmium lamp. Its
drive moves it step by step down the field; where a pinhole looks into a slice, every arc
line shows a spot. The model has what the reduction cannot know: errors of the holes, a
mask that is turned, a drive that is inclined and tells too long steps.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.instrument import (
    FOCAL_SCALE,
    PINHOLE_ROWS,
    PINHOLES_PER_SLICE,
    SAMPLING,
    Size,
)
from pipeline.simulator import lamps
from pipeline.simulator.exposure import Exposure
from pipeline.simulator.lsf import WING_WEIGHT, WING_WIDTH
from pipeline.simulator.optics import Optics
from pipeline.simulator.render import paint_spots

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

PIXELS_PER_MM = FOCAL_SCALE / SAMPLING
"""Pixels of the field in a millimetre of the focal plane."""
MASK_ANGLE, DRIVE_ANGLE = 0.04, 0.03
"""How far the mask is turned against the field, the drive against the mask [deg]."""
DRIVE_SCALE = 0.64615 / 0.6135
"""Steps that the drive tells over true ones; 0.64615 mm is what real data show as the
distance of the rows (value in a test of the genuine pipeline)."""
MIDDLE = 14.5
"""Height at which a row of the mask is in the middle of the field [mm]."""
RUN = 1.3
"""How far the drive moves the mask in a sequence [mm]: two distances of its rows."""
HOLE_ERROR = 0.0003
"""Error of the places of the holes [mm]: three of these are the tolerance of 0.001."""
HOLE_SIGMA = 0.42
"""Width of the image of a pinhole in the field [pix]."""
DISPERSION_SHIFT = 0.5
"""How far the image of a hole off the middle of a slice is off in wavelength
[Angstrom/pix of the field]."""
EXPTIME, CHECK_EXPTIME = 60.0, 0.5
"""Exposure times [s]."""
FAINTEST = 40.0
"""Lines fainter than this are left out [electrons]."""
LINE_DISTANCE, LINE_SIGMA, DARKEST = 20.0, 1.5, 0.05
"""Distance and width of the lines of the trace mask [pix], light between them."""


@cache
def pinholes(size: Size) -> Floats:
    """Return the places of all holes on the mask, x and y [pix], float64[n, 2]."""
    n_columns = PINHOLES_PER_SLICE * size.n_stacks
    half = size.n_ifus * size.slices_per_stack / PINHOLE_ROWS / PIXELS_PER_MM
    rows = np.arange(-round(half) - 4, round(half) + 5) * PINHOLE_ROWS
    columns = (np.arange(n_columns) - (n_columns - 1) / 2) * size.pinhole_pitch
    y, x = np.meshgrid(rows, columns, indexing="ij")
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    error = np.random.default_rng([n_columns, 1996]).normal(0, HOLE_ERROR, places.shape)
    return np.asarray((places + error) * PIXELS_PER_MM)


def places_in_field(size: Size, height: float) -> Floats:
    """Return where the holes are in the field [pix] when the drive tells a height [mm]."""
    fall = (height - MIDDLE) / DRIVE_SCALE * PIXELS_PER_MM
    drive = np.deg2rad(DRIVE_ANGLE)
    x, y = (pinholes(size) + fall * np.array([np.sin(drive), -np.cos(drive)])).T
    angle = np.deg2rad(MASK_ANGLE)
    turned = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    return np.stack(turned, axis=1)


def _arc_lines(exposure: Exposure) -> tuple[Floats, Floats]:
    """Return wavelengths [Angstrom] and electrons of all lines in a whole pinhole."""
    pairs = [lamps.arc_lines(lamp) for lamp in ("Ne", "HgCd")]
    lines, fluxes = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    fluxes = fluxes * exposure.exptime / EXPTIME
    return lines[fluxes > FAINTEST], fluxes[fluxes > FAINTEST]


def paint_pinholes(exposure: Exposure, instrument: Optics, level: Floats) -> Image:
    """Return the light [electrons] of all pinholes that look into the slices of an IFU."""
    size = instrument.size
    image = np.zeros(size.shape, np.float32)
    lines, fluxes = _arc_lines(exposure)
    parameters = instrument.lsf.parameters(lines)
    holes = places_in_field(size, exposure.mask)
    rows = np.arange(1.0, size.shape[0] + 1)
    n = size.slices_per_stack
    half = np.ptp(instrument.sky_y[:n]) / (n - 1) / 2
    for s in range(size.n_slices):
        along, across = _seen(holes, instrument, s)
        width = instrument.sky_width[s]
        near = (np.abs(along) < width / 2 + 1) & (np.abs(across) < half + 5 * HOLE_SIGMA)
        share = ndtr((half - across[near]) / HOLE_SIGMA)
        share -= ndtr((-half - across[near]) / HOLE_SIGMA)
        spots = [-along[near] / width, level[s] * share, DISPERSION_SHIFT * across[near]]
        to_columns = (instrument.right[s] - instrument.left[s]).mean() / width
        paint_spots(
            image,
            np.ascontiguousarray(instrument.left[s]),
            np.ascontiguousarray(instrument.right[s]),
            np.ascontiguousarray(instrument.wave[s]),
            lines,
            fluxes,
            np.ascontiguousarray(parameters[s]),
            np.interp(lines, instrument.wave[s, :, 0], rows, left=-99, right=-99),
            np.ascontiguousarray(np.stack(spots, axis=1)),
            float(np.hypot(instrument.blur, HOLE_SIGMA * to_columns)),
            WING_WEIGHT,
            WING_WIDTH,
        )
    return image


def _seen(holes: Floats, instrument: Optics, s: int) -> tuple[Floats, Floats]:
    """Return where holes are along slice ``s`` and across it, from its centre [pix]."""
    x, y = (holes - [instrument.sky_x[s], instrument.sky_y[s]]).T
    angle = np.deg2rad(instrument.sky_angle[s])
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def shade_by_lines(image: Image, exposure: Exposure, instrument: Optics) -> Image:
    """Let only the lines of the trace mask shine, parallel ones at an angle."""
    angle = np.deg2rad(exposure.mask)
    ny, nx = image.shape
    shade = np.zeros_like(image)
    for s in range(instrument.size.n_slices):
        left, right = instrument.left[s].min(), instrument.right[s].max()
        first, last = max(int(left) - 4, 0), min(int(right) + 5, nx)
        row, column = np.mgrid[1 : ny + 1, first + 1 : last + 1]
        x, y = instrument.field(s + 1, column.astype(np.float64), row)
        distance = np.remainder(x * np.cos(angle) + y * np.sin(angle), LINE_DISTANCE)
        distance = np.minimum(distance, LINE_DISTANCE - distance)
        lit = DARKEST + np.exp(-0.5 * (distance / LINE_SIGMA) ** 2)
        inside = (x - instrument.sky_x[s]) ** 2 < (instrument.sky_width[s] / 2 + 3) ** 2
        part = shade[:, first:last]
        part[inside] = lit[inside]
    return image * shade
