"""Calibration tables of a mini IFU, made up: curved traces, curved dispersion."""

import numpy as np

from pipeline.instrument import MINI
from pipeline.memory import MemoryTable
from pipeline.spec import Table


def trace_table(ifu=1, size=MINI):
    """Slices that lean outwards and bend a little."""
    n = size.n_slices
    pitch = (size.shape[1] - 20) / n
    centre = 10 + pitch * (np.arange(n) + 0.5)
    lean = (centre / size.shape[1] - 0.5) * 4e-3
    columns = {"SliceNo": np.arange(1, n + 1), "Width": np.full(n, size.slice_width)}
    for edge, side in ((0, 0.0), (1, -0.5), (2, 0.5)):
        terms = [centre + side * size.slice_width, lean, np.full(n, 1e-6)]
        for k, term in enumerate([*terms, *[np.zeros(n)] * 3]):
            columns[f"tc{edge}_{k:02d}"] = term
    return MemoryTable({"": Table(columns, {})}, tag="TRACE_TABLE", ifu=ifu)


def wavecal_table(ifu=1, size=MINI):
    """Wavelengths that rise with the row and bend along the slice."""
    n = size.n_slices
    step = (size.red - size.blue + 40) / size.shape[0]
    columns = {"SliceNo": np.arange(1, n + 1)}
    for i in range(3):
        for j in range(7):
            columns[f"wlc{i}{j}"] = np.zeros(n)
    columns["wlc00"] = size.blue - 20 + 5.0 * (np.arange(n) % 3)
    columns["wlc01"] = np.full(n, step)
    columns["wlc02"] = np.full(n, 1e-6)
    columns["wlc10"] = np.full(n, 0.02)
    columns["wlc20"] = np.full(n, -2e-5)
    columns["MSE"] = np.zeros(n)
    return MemoryTable({"": Table(columns, {})}, tag="WAVECAL_TABLE", ifu=ifu)


def geometry_table(ifus=(1,), size=MINI):
    """Nominal places of the slices, each a little rotated."""
    rows = []
    for ifu in ifus:
        for ccd in range(1, size.n_slices + 1):
            x, y = size.slice_centre(ifu, ccd)
            rows.append((ifu, ccd, size.sky_slice(ccd), x, y, 0.1 * (ccd % 3 - 1)))
    names = ("SubField", "SliceCCD", "SliceSky", "x", "y", "angle")
    columns = {
        name: np.array(values)
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }
    columns["width"] = np.full(len(rows), size.stack_width)
    return MemoryTable({"": Table(columns, {})}, tag="GEOMETRY_TABLE", ifu=None)
