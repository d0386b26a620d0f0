"""Pixels sorted by cell, as the kernels of rejection and resampling take them."""

from typing import NamedTuple

import numpy as np

from pipeline.kernels.sorting import cell_numbers, pack, sort_by_cell, sort_pixels


class SortedPixels(NamedTuple):
    """What `pipeline.kernels.sorting.sort_pixels` makes, and the cells before."""

    start: np.ndarray
    place: np.ndarray
    light: np.ndarray
    slit: np.ndarray
    cells: np.ndarray

    def unsorted(self, values):
        """Return values of sorted pixels in the order before; 0 for those without cell."""
        found = np.zeros(len(self.cells), values.dtype)
        order = np.argsort(self.cells, kind="stable")
        found[order[(self.cells < 0).sum() :]] = values
        return found


def sorted_pixels(x, y, z, data, stat, slit, *, shape, first=0):
    """Sort pixels; ``slit`` holds the exposure, too."""
    cells = cell_numbers(x, y, z, shape, first)
    records = np.empty((len(x), 6), "f4")
    for exposure in np.unique(slit >> 11):
        own = slit >> 11 == exposure
        columns = (np.ascontiguousarray(c[own]) for c in (x, y, z, data, stat))
        some = np.empty((own.sum(), 6), "f4")
        pack(*columns, (slit[own] & 0x7FF).astype(np.uint32), exposure, some)
        records[own] = some
    start, order = sort_by_cell(cells, int(np.prod(shape)))
    n = len(order)
    place, light = np.empty((n, 3), "f4"), np.empty((n, 2), "f4")
    sorted_slit = np.empty(n, np.int32)
    sort_pixels(records, order, place, light, sorted_slit)
    return SortedPixels(start, place, light, sorted_slit, cells)
