"""What tracing leaves behind: the tables and the QC of a `Trace`."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.trace import Trace, evaluate
from pipeline.instrument import Size
from pipeline.spec import BadInput, Table, TableFrame

log = logging.getLogger(__name__)


def trace_table(trace: Trace) -> Table:
    """Return the TRACE_TABLE of the genuine pipeline (manual, A.3.5)."""
    n_slices, _, n = trace.coefficients.shape
    columns = {
        "SliceNo": np.arange(1, n_slices + 1, dtype=np.int32),
        "Width": trace.widths.astype(np.float32),
    }
    units = {"SliceNo": "No", "Width": "pix"}
    for curve in range(3):
        for power in range(n):
            columns[f"tc{curve}_{power:02d}"] = trace.coefficients[:, curve, power].copy()
        columns[f"MSE{curve}"] = trace.mse[:, curve].copy()
    return Table(columns, units | {name: "pix" for name in columns if name not in units})


def samples_table(trace: Trace) -> Table:
    """Return the TRACE_SAMPLES: every place where a slice was measured (A.3.6)."""
    found = np.isfinite(trace.edges).all(axis=2)
    number, cut = np.nonzero(found)
    left, right = trace.edges[found].T
    columns = {
        "slice": (number + 1).astype(np.int32),
        "y": trace.y[cut].astype(np.float32),
        "mid": ((left + right) / 2).astype(np.float32),
        "left": left.astype(np.float32),
        "right": right.astype(np.float32),
    }
    return Table(columns, {name: "pix" for name in columns if name != "slice"})


def trace_qc(trace: Trace, size: Size) -> Iterator[tuple[str, float]]:
    """Yield the QC TRACE keywords (manual, 9.3.5), without ``QC TRACE``.

    Lost slices have none, and the gaps beside them do not count.
    """
    ny = trace.shape[0]
    middle = trace.at(ny // 2)
    ends = trace.at(np.array([1.0, ny]))[:, 0]
    tilt = np.degrees(np.arctan((ends[:, 1] - ends[:, 0]) / (ny - 1)))
    for name, s in (("SLICE_L", 0), ("SLICE_R", -1)):
        if trace.traced[s]:
            yield f"{name} XPOS", float(middle[s, 0])
            yield f"{name} TILT", float(tilt[s])
    corners = corner_slices(size)
    for s, slope in enumerate(steepest_slopes(trace)):
        if trace.traced[s]:
            yield f"SLICE{s + 1} MAXSLOPE", float(slope)
            if s + 1 in corners:
                yield f"SLICE{s + 1} WIDTH", float(trace.widths[s])
    gaps = np.array([b[1] - a[2] for a, b in pairwise(middle)])
    for name, every in (("GAPS", gaps), ("WIDTHS", trace.widths)):
        values = every[np.isfinite(every)]
        yield f"{name} MEDIAN", float(np.median(values))
        yield f"{name} MEAN", float(values.mean())
        yield f"{name} STDEV", float(values.std(ddof=1))
        yield f"{name} MIN", float(values.min())
        yield f"{name} MAX", float(values.max())


def steepest_slopes(trace: Trace) -> NDArray[np.float64]:
    """Return the steepest slope of the three curves of each slice; NaN if lost."""
    powers = np.arange(1, trace.coefficients.shape[2])
    rows = np.arange(1.0, trace.shape[0] + 1)
    slopes = evaluate(trace.coefficients[:, :, 1:] * powers, rows)
    flat = slopes.reshape(len(slopes), -1)
    return np.asarray(flat[np.arange(len(flat)), np.argmax(np.abs(flat), axis=1)])


def corner_slices(size: Size) -> tuple[int, ...]:
    """Return the CCD slices at the corners of the field: 3, 10, 39 and 46."""
    n = size.slices_per_stack
    places = [size.sky_order.index(1) + 1, size.sky_order.index(n) + 1]
    last = (size.n_stacks - 1) * n
    return tuple(sorted(places) + sorted(last + place for place in places))


@dataclass(frozen=True)
class TracedSlices:
    """The slices of a TRACE_TABLE that have been traced.

    Parameters
    ----------
    numbers : int64[n]
        Their numbers, from 1.
    curves : float64[n, 3, k]
        Centre, left and right edge [pix] in powers of the 1-based row.
    n_slices
        Number of slices in the table, lost ones included.
    """

    numbers: NDArray[np.int64]
    curves: NDArray[np.float64]
    n_slices: int


def traced_slices(frame: TableFrame) -> TracedSlices:
    """Read a TRACE_TABLE; slices that were lost are left out with a warning.

    Raises
    ------
    BadInput
        If a column is missing or no slice was traced.
    """
    columns = frame.read().columns
    powers = sorted(name[4:] for name in columns if name.startswith("tc0_"))
    names = [[f"tc{curve}_{power}" for power in powers] for curve in range(3)]
    missing = [name for group in names for name in group if name not in columns]
    if missing or not powers:
        raise BadInput(
            "is no column of the table",
            file=frame.name,
            keyword=missing[0] if missing else "tc0_00",
            remedy="give the TRACE_TABLE that muse_flat wrote",
        )
    stacked = [[np.asarray(columns[name], np.float64) for name in group] for group in names]
    curves = np.ascontiguousarray(np.moveaxis(np.array(stacked), 2, 0))
    traced = np.isfinite(curves).all(axis=(1, 2)) & curves.any(axis=(1, 2))
    if not traced.any():
        raise BadInput(
            "holds no traced slice",
            file=frame.name,
            keyword="SliceNo",
            remedy=f"make {frame.tag} again or use that of another night",
        )
    report_lost(frame, np.flatnonzero(~traced) + 1)
    return TracedSlices(np.flatnonzero(traced) + 1, curves[traced], len(curves))


def report_lost(frame: TableFrame, numbers: NDArray[np.int64]) -> None:
    """Warn of slices that a table has no solution for."""
    if len(numbers):
        log.warning(
            "%s: no solution for slice %s of IFU %s [SliceNo]: left out. Remedy: make %s "
            "again or use that of another night",
            frame.name,
            ", ".join(map(str, numbers.tolist())),
            frame.ifu,
            frame.tag,
        )
