"""What a cube of spectra (Euro3D) tells of its spaxels."""

import numpy as np

from pipeline.algorithms.field import FieldGrid
from pipeline.algorithms.grid import Grid
from pipeline.algorithms.pointing import airmass, number, parallactic_angle
from pipeline.spec import Header, Spaxels

MIDDLE = 6975.0
"""The middle of the range of MUSE [Angstrom] (genuine pipeline)."""

REFRACTION_CORRECTED = "ESO DRS MUSE PIXTABLE DAR CORRECT"
"""Keyword of pixel tables whose refraction is corrected: the reference wavelength."""

_KELVIN = 273.15
_COLUMNS = ("G_POSWAV", "G_AIRMAS", "G_PARANG", "G_PRESSU", "G_TEMPER", "G_HUMID")


def spaxels_of(grid: Grid, header: Header, *, corrected: bool) -> Spaxels:
    """Return the places of the spaxels and the air that the light came through.

    Parameters
    ----------
    grid
        Of the cube.
    header
        Of the (first) exposure.
    corrected
        Whether refraction is; nothing is said of the air then, as the format has it.
    """
    ra, dec = grid.spaxels()
    if corrected:
        air = dict.fromkeys(_COLUMNS, float(np.nan))
    else:
        start = number(header, "ESO TEL AMBI PRES START", np.nan)
        end = number(header, "ESO TEL AMBI PRES END", start)
        values = (
            MIDDLE,
            airmass(header),
            parallactic_angle(header),
            0.5 * (start + end),
            number(header, "ESO TEL AMBI TEMP", np.nan) + _KELVIN,
            number(header, "ESO TEL AMBI RHUM", np.nan),
        )
        air = dict(zip(_COLUMNS, values, strict=True))
    unit = "pix" if isinstance(grid, FieldGrid) else "deg"
    return Spaxels(ra, dec, grid.spaxel, corrected, air, unit)
