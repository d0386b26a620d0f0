"""Spectrum of the flat-field lamp, which dividing by a flat takes out of the data."""

import numpy as np

from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.pixels import SlicePixels
from pipeline.instrument import DISPERSION
from pipeline.kernels.binning import add_to_spectrum
from pipeline.spec import BadInput, ImageFrame, Table

MARGIN = 2 * DISPERSION
"""Kept beyond the wavelengths of the data, for interpolation [Angstrom]."""


def lamp_spectrum(
    flat: ImageFrame, slices: SliceMap, low: float = -np.inf, high: float = np.inf
) -> Table:
    """Return the mean spectrum of a master flat over all slices.

    Parameters
    ----------
    flat
        MASTER_FLAT of the IFU.
    slices
        Polynomials of the IFU.
    low, high
        Wavelengths of the data [Angstrom].

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
    sums = np.zeros((n_points, 3))
    for _, part in pixels.scan(flat, 256):
        add_to_spectrum(
            part.wavelength, part.data, part.dq, part.stat, start, DISPERSION, sums
        )
    grid = start + DISPERSION * np.arange(n_points)
    used = (sums[:, 0] > 0) & (grid >= low - MARGIN) & (grid <= high + MARGIN)
    if not used.any():
        raise BadInput(
            "has no good pixel inside the slices",
            file=flat.name,
            remedy="make the master flat again, with the trace table of the same flats",
        )
    columns = {"lambda": grid[used], "data": sums[used, 1] / sums[used, 0]}
    return Table(columns, {"lambda": "Angstrom", "data": "count"})
