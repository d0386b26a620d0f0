"""A sequence of the pinhole mask seen by the mini instrument, in memory."""

from datetime import date
from functools import cache

import numpy as np

from pipeline.formats.tables import open_tables
from pipeline.instrument import MINI
from pipeline.memory import MemoryRaw, MemoryTable
from pipeline.simulator.calibration_plan import Night, Seeds, geometry
from pipeline.simulator.detector import detector
from pipeline.simulator.exposure import Conditions
from pipeline.simulator.frames import raw_counts
from pipeline.simulator.headers import channel_header, primary_header
from pipeline.simulator.optics import Drift, optics
from pipeline.spec import Table
from pipeline.static import static_path
from tests.pipeline.mini_calibrations import master_bias

IFUS = (1, 2, 3, 4)
N_STEPS = 50
LAYOUT = 1


@cache
def exposures(n=N_STEPS):
    """Return the plan of a sequence and of two checks."""
    night = Night(date(2026, 9, 2), Conditions(), 12.3, Drift())
    return tuple(geometry(night, 13.0, Seeds(7000), n, LAYOUT))


@cache
def _primary(number):
    return dict(primary_header(exposures()[number]))


@cache
def _channel(ifu):
    return dict(channel_header(detector(MINI, ifu)))


@cache
def raw(number, ifu):
    """Return one IFU of an exposure of the plan."""
    exposure = exposures()[number]
    header = {**_primary(number), **_channel(ifu)}
    counts = raw_counts(exposure, MINI, ifu, IFUS)
    return MemoryRaw(counts, header, exposure.kind, ifu, exposure.file_name)


@cache
def tables(ifu):
    """Return trace table and wavelengths: polynomials through the truth."""
    truth = optics(MINI, ifu)
    y = np.arange(1.0, MINI.shape[0] + 1)
    numbers = np.arange(1, MINI.n_slices + 1)
    middle = (truth.left + truth.right) / 2
    trace = {"SliceNo": numbers, "Width": (truth.right - truth.left).mean(axis=1)}
    for curve, edge in enumerate((middle, truth.left, truth.right)):
        for k, terms in enumerate(np.polynomial.polynomial.polyfit(y, edge.T, 5)):
            trace[f"tc{curve}_{k:02d}"] = terms
    wave = {"SliceNo": numbers}
    surfaces = np.array([_surface(truth, s) for s in range(MINI.n_slices)])
    for i in range(3):
        for j in range(7):
            wave[f"wlc{i}{j}"] = surfaces[:, i, j]
    return (
        MemoryTable({"": Table(trace, {})}, tag="TRACE_TABLE", ifu=ifu),
        MemoryTable({"": Table(wave, {})}, tag="WAVECAL_TABLE", ifu=ifu),
    )


def _surface(truth, s):
    """Return the powers of column and row that describe the wavelengths of a slice."""
    rows = np.arange(1, MINI.shape[0] + 1, 8)
    u = np.linspace(-1, 1, 9)
    y, along = np.meshgrid(rows, u, indexing="ij")
    left, right = truth.left[s, y - 1], truth.right[s, y - 1]
    x = (left + right + along * (right - left)) / 2
    scale = MINI.shape[0]
    terms = np.polynomial.polynomial.polyvander2d(x, y / scale, (2, 6)).reshape(-1, 21)
    wavelength = truth.wavelength(s + 1, x, y).ravel()
    found = np.linalg.lstsq(terms, wavelength, rcond=None)[0].reshape(3, 7)
    return found / float(scale) ** np.arange(7)


def frames(numbers=None, ifus=IFUS, n_checks=0):
    """Return everything that muse_geometry needs, for some exposures and IFUs."""
    chosen = range(N_STEPS) if numbers is None else numbers
    checks = range(N_STEPS, N_STEPS + n_checks)
    catalogue = open_tables(static_path("LINE_CATALOG", "mini"), "LINE_CATALOG")
    return {
        "MASK": [raw(number, ifu) for number in chosen for ifu in ifus],
        "MASK_CHECK": [raw(number, ifu) for number in checks for ifu in ifus],
        "MASTER_BIAS": [master_bias(ifu) for ifu in ifus],
        "TRACE_TABLE": [tables(ifu)[0] for ifu in ifus],
        "WAVECAL_TABLE": [tables(ifu)[1] for ifu in ifus],
        "LINE_CATALOG": list(catalogue.values()),
    }


def against_truth(table, size=MINI, layout=LAYOUT):
    """Return how far a geometry is from the truth, one global shift and angle apart.

    Errors of x, y [pix], angle [deg] and width [pix] of the slices that have a place.
    """
    columns = table.columns
    good = np.isfinite(columns["x"]) & np.isfinite(columns["y"])
    true = np.array(
        [
            (t.sky_x[s], t.sky_y[s], t.sky_angle[s], t.sky_width[s])
            for ifu, s in zip(
                columns["SubField"][good], columns["SliceCCD"][good] - 1, strict=True
            )
            for t in [optics(size, int(ifu)).rearranged(layout)]
        ]
    )
    x, y, angle, width = (columns[k][good] for k in ("x", "y", "angle", "width"))
    here = (x - x.mean()) + 1j * (y - y.mean())
    there = (true[:, 0] - true[:, 0].mean()) + 1j * (true[:, 1] - true[:, 1].mean())
    turn = np.angle(np.vdot(here, there))
    rest = here * np.exp(1j * turn) - there
    turned = angle + np.degrees(turn) - true[:, 2]
    return {"x": rest.real, "y": rest.imag, "angle": turned, "width": width - true[:, 3]}
