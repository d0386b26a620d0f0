"""Spectrum of the flat-field lamp, which dividing by a flat takes out of the data."""

import numpy as np

from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.pixels import SlicePixels
from pipeline.instrument import DISPERSION
from pipeline.spec import BadInput, ImageFrame, Table

MARGIN = 2 * DISPERSION
"""Kept beyond the wavelengths of the data, for interpolation [Angstrom]."""


def lamp_spectrum(flat: ImageFrame, slices: SliceMap) -> Table:
    """Return the mean spectrum of a master flat over all slices.

    Parameters
    ----------
    flat
        MASTER_FLAT of the IFU.
    slices
        Polynomials of the IFU.

    Returns
    -------
    Table
        Columns ``lambda`` [Angstrom] and ``data`` [count], float64, in steps of 1.25 A.

    Raises
    ------
    BadInput
        If the flat has no good pixel.
    """
    pixels = SlicePixels(slices)
    start = pixels.shortest
    n_points = int(np.floor((pixels.longest - start) / DISPERSION)) + 2
    sums = np.zeros((n_points, 2))
    pixels.add_to_spectrum(flat, start, DISPERSION, sums)
    grid = start + DISPERSION * np.arange(n_points)
    used = sums[:, 0] > 0
    if not used.any():
        raise BadInput(
            "has no good pixel inside the slices",
            file=flat.name,
            remedy="make the master flat again, with the trace table of the same flats",
        )
    columns = {"lambda": grid[used], "data": sums[used, 1] / sums[used, 0]}
    return Table(columns, {"lambda": "Angstrom", "data": "count"})


def cut_spectrum(spectrum: Table, low: float, high: float) -> Table:
    """Return the part of a spectrum that data between two wavelengths [Angstrom] need."""
    wavelength = spectrum.columns["lambda"]
    kept = (wavelength >= low - MARGIN) & (wavelength <= high + MARGIN)
    columns = {name: values[kept] for name, values in spectrum.columns.items()}
    return Table(columns, spectrum.units, spectrum.header)
