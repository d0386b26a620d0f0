"""What the wavelength calibration leaves behind: its tables and QC."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.algorithms.arc_lines import ArcLines
from pipeline.algorithms.trace import evaluate
from pipeline.algorithms.trace_products import TracedSlices
from pipeline.algorithms.wavelength import Places, Surface, n_distinct, residuals
from pipeline.spec import Table

Floats = NDArray[np.float64]

_RESIDUALS = {
    "slice": "u1",
    "iteration": "i4",
    "x": "i4",
    "y": "f4",
    "lambda": "f4",
    "residual": "f8",
    "rejlimit": "f8",
}
"""Columns of the WAVECAL_RESIDUALS and their types."""
REFERENCE = 5
"""Quality of bright isolated lines, whose width tells the resolution (genuine pipeline)."""


def wavelength_table(surfaces: Sequence[Surface], trace: TracedSlices) -> Table:
    """Return the WAVECAL_TABLE (manual, A.3.7); slices without trace have NaN."""
    columns: dict[str, NDArray[np.generic]] = {
        "SliceNo": np.arange(1, trace.n_slices + 1, dtype=np.int32)
    }

    def column(values: Sequence[float]) -> Floats:
        every = np.full(trace.n_slices, np.nan)
        every[trace.numbers - 1] = values
        return every

    units = {"SliceNo": "No"}
    n_x, n_y = surfaces[0].coefficients.shape
    for i in range(n_x):
        for j in range(n_y):
            name = f"wlc{i}{j}"
            columns[name] = column([s.coefficients[i, j] for s in surfaces])
            units[name] = "Angstrom"
    columns["MSE"] = column([s.mse for s in surfaces])
    return Table(columns, units)


def n_residuals(surfaces: Sequence[Surface]) -> int:
    """Return the number of rows of the WAVECAL_RESIDUALS."""
    return sum(int(done.used.sum()) for surface in surfaces for done in surface.rounds)


def residuals_tables(
    surfaces: Sequence[Surface],
    places: Sequence[Places],
    numbers: NDArray[np.int64],
    n_rows: int,
) -> Iterator[Table]:
    """Yield the WAVECAL_RESIDUALS: every place in every round (manual, A.3.8).

    ``numbers``: the slices; ``n_rows``: rows of the detector.
    """
    units = {"x": "pix", "y": "pix"} | dict.fromkeys(
        ("lambda", "residual", "rejlimit"), "Angstrom"
    )
    for number, surface, there in zip(numbers, surfaces, places, strict=True):
        for iteration, done in enumerate(surface.rounds, start=1):
            found = residuals(there, n_rows, done)
            values = {
                "slice": np.full(len(found), number),
                "iteration": np.full(len(found), iteration),
                "x": there.x[done.used],
                "y": there.y[done.used],
                "lambda": there.wavelength[done.used],
                "residual": found,
                "rejlimit": np.full(len(found), done.limit),
            }
            yield Table(
                {k: values[k].astype(kind) for k, kind in _RESIDUALS.items()}, units
            )


def detection_qc(peaks: Sequence[Floats], n_detected: int) -> Iterator[tuple[str, float]]:
    """Yield the QC of the lines that were recognised in one slice.

    Parameters
    ----------
    peaks
        Heights of the lines of every lamp [count].
    n_detected
        Lines detected, recognised or not.
    """
    every = np.concatenate(peaks)
    yield "LINES NDET", n_detected
    yield "LINES NID", len(every)
    yield from ((f"LINES PEAK {key}", value) for key, value in peak_qc(every))
    yield "LINES PEAK MIN", float(every.min())


def peak_qc(peaks: Floats) -> Iterator[tuple[str, float]]:
    """Yield mean, scatter and largest of line heights [count]."""
    yield "MEAN", float(peaks.mean())
    yield "STDEV", float(peaks.std(ddof=1)) if len(peaks) > 1 else 0.0
    yield "MAX", float(peaks.max())


def fit_qc(
    places: Places, surface: Surface, catalogue: ArcLines, curves: Floats, n_rows: int
) -> Iterator[tuple[str, float]]:
    """Yield the QC of the solution of one slice (manual, 9.4.5).

    Parameters
    ----------
    places
        Where lines were measured.
    surface
        The solution.
    catalogue
        All lines: the widths are those of the reference lines, if there are any.
    curves : float64[3, n]
        Trace polynomials of the slice.
    n_rows
        Rows of the detector.
    """
    chosen = catalogue.quality[places.line] >= REFERENCE
    chosen |= not chosen.any()
    fwhm = places.fwhm[chosen]
    yield "RESOL", float(np.mean(places.wavelength[chosen] / fwhm))
    yield "LINES FWHM MEAN", float(fwhm.mean())
    yield "LINES FWHM STDEV", float(fwhm.std(ddof=1))
    yield "LINES FWHM MIN", float(fwhm.min())
    yield "LINES FWHM MAX", float(fwhm.max())
    yield "FIT NLINES", n_distinct(places.line[surface.used])
    yield "FIT RMS", float(np.sqrt(surface.mse))
    for name, row in (("BOTTOM", 1.0), ("TOP", float(n_rows))):
        _, left, right = evaluate(curves, row)
        yield f"DWLEN {name}", float(surface.at(left, row) - surface.at(right, row))
    middle = (1 + n_rows) / 2
    yield "WLPOS", middle
    yield "WLEN", float(surface.at(evaluate(curves, middle)[0], middle))
