"""Plot of the places where slices were traced (muse_trace_plot_samples)."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from pipeline.formats.image import open_images
from pipeline.spec import Columns
from pipeline.tools.inspection import (
    STYLE,
    new_figure,
    of_ifu,
    read_columns,
    show,
    slice_range,
)

SAMPLES = ("slice", "y", "mid", "left", "right")
EDGES = (
    ("left", "tc1", "tab:blue"),
    ("mid", "tc0", "tab:green"),
    ("right", "tc2", "tab:red"),
)
"""Column of the samples, polynomial of the trace, colour."""

_MARGIN = 5.0
"""Columns shown beside the slices [pix]."""


def plot_samples(
    samples: Path,
    trace: Path | None = None,
    flat: Path | None = None,
    *,
    ifu: int | None = None,
    first: int = 24,
    last: int = 25,
    output: Path | None = None,
) -> None:
    """Plot the samples of some slices, on request with the solution and the flat.

    Parameters
    ----------
    samples
        TRACE_SAMPLES of muse_flat.
    trace
        TRACE_TABLE whose polynomials are drawn.
    flat
        MASTER_FLAT shown behind.
    ifu
        IFU of merged files; the first one if None.
    first, last
        Slices to plot.
    output
        File to write; None: the screen.
    """
    table = read_columns(samples, "TRACE_SAMPLES", ifu, SAMPLES)
    numbers = slice_range(first, last, np.unique(table["slice"]).tolist())
    chosen = np.isin(table["slice"], numbers)
    low = float(table["left"][chosen].min()) - _MARGIN
    high = float(table["right"][chosen].max()) + _MARGIN
    top = float(table["y"].max()) + _MARGIN
    with mpl.rc_context(STYLE):
        figure = new_figure(output)
        axes = figure.subplots()
        if flat is not None:
            _draw_flat(axes, flat, ifu, low, high)
        for name, prefix, colour in EDGES:
            axes.plot(
                table[name][chosen], table["y"][chosen], ".", ms=3, color=colour, label=name
            )
            if trace is not None:
                solution = read_columns(trace, "TRACE_TABLE", ifu, (f"{prefix}_00",))
                _draw_solution(axes, solution, numbers, prefix, top, colour)
        axes.set(
            xlim=(low, high),
            ylim=(0, top),
            xlabel="column on the CCD [pix]",
            ylabel="row on the CCD [pix]",
            title=f"Trace samples, {_label(ifu)}slices {first} to {last}",
        )
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        show(figure, output)


def _label(ifu: int | None) -> str:
    return f"IFU {ifu}, " if ifu else ""


def _draw_flat(axes: Axes, path: Path, ifu: int | None, low: float, high: float) -> None:
    """Draw the columns of the flat that are seen."""
    image = of_ifu(open_images(path, "MASTER_FLAT"), ifu, path)
    ny, nx = image.shape
    left, right = max(int(low), 0), min(int(high) + 1, nx)
    data: NDArray[np.float32] = image.read(slice(0, ny)).data[:, left:right]
    extent = (left + 0.5, right + 0.5, 0.5, ny + 0.5)
    brightest = float(np.percentile(data, 99))
    axes.imshow(
        data,
        cmap="gray",
        origin="lower",
        aspect="auto",
        extent=extent,
        vmin=0,
        vmax=brightest,
    )


def _draw_solution(
    axes: Axes, solution: Columns, numbers: range, prefix: str, top: float, colour: str
) -> None:
    """Draw the polynomials of some slices."""
    y = np.linspace(1.0, top, 200)
    terms = sorted(name for name in solution if name.startswith(f"{prefix}_"))
    for row, number in enumerate(solution["SliceNo"]):
        if number in numbers:
            x = polyval(y, [float(solution[term][row]) for term in terms])
            axes.plot(x, y, "-", lw=0.8, color=colour)
