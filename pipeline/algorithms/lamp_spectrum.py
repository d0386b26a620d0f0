"""Spectrum of the flat-field lamp, which dividing by a flat takes out of the data."""

import numpy as np

from pipeline.algorithms.geometry import SliceMap
from pipeline.algorithms.pixels import SlicePixels
from pipeline.instrument import DISPERSION
from pipeline.spec import BadInput, Planes, Table

MARGIN = 2 * DISPERSION
"""Kept beyond the wavelengths of the data, for interpolation [Angstrom]."""


class LampSpectrum:
    """The mean spectrum of a master flat over all slices, gathered row by row.

    Parameters
    ----------
    name
        File name of the flat, for messages.
    slices
        Polynomials of the IFU.
    """

    def __init__(self, name: str, slices: SliceMap) -> None:
        self._name, self._pixels = name, SlicePixels(slices)
        self._start = self._pixels.shortest
        length = self._pixels.longest - self._start
        self._sums = np.zeros((int(np.floor(length / DISPERSION)) + 2, 2))

    def add(self, rows: slice, planes: Planes) -> None:
        """Take in some rows of the flat."""
        self._pixels.add_to_spectrum(rows, planes, self._start, DISPERSION, self._sums)

    def table(self) -> Table:
        """Return the spectrum.

        Returns
        -------
        Table
            Columns ``lambda`` [Angstrom] and ``data`` [count], float64, in steps of
            1.25 A.

        Raises
        ------
        BadInput
            If the flat has no good pixel.
        """
        weight, total = self._sums.T
        used = weight > 0
        if not used.any():
            raise BadInput(
                "has no good pixel inside the slices",
                file=self._name,
                remedy="make the master flat again, with the trace table of the same flats",
            )
        grid = self._start + DISPERSION * np.arange(len(weight))
        columns = {"lambda": grid[used], "data": total[used] / weight[used]}
        return Table(columns, {"lambda": "Angstrom", "data": "count"})


def cut_spectrum(spectrum: Table, low: float, high: float) -> Table:
    """Return the part of a spectrum that data between two wavelengths [Angstrom] need."""
    wavelength = spectrum.columns["lambda"]
    kept = (wavelength >= low - MARGIN) & (wavelength <= high + MARGIN)
    columns = {name: values[kept] for name, values in spectrum.columns.items()}
    return Table(columns, spectrum.units, spectrum.header)
