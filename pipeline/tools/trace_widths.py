"""Plot of the widths of the slices on the detector (muse_trace_plot_widths)."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from pipeline.tools.inspection import STYLE, new_figure, read_columns, show, slice_range
from pipeline.tools.trace_samples import SAMPLES


def plot_widths(
    samples: Path,
    *,
    ifu: int | None = None,
    first: int = 1,
    last: int = 48,
    output: Path | None = None,
) -> None:
    """Plot the width of some slices over the rows, one line a slice.

    Parameters
    ----------
    samples
        TRACE_SAMPLES of muse_flat.
    ifu
        IFU of a merged file; the first one if None.
    first, last
        Slices to plot.
    output
        File to write; None: the screen.
    """
    table = read_columns(samples, "TRACE_SAMPLES", ifu, SAMPLES)
    last = min(last, int(table["slice"].max()))
    numbers = slice_range(first, last, np.unique(table["slice"]).tolist())
    norm = Normalize(first, max(last, first + 1))
    with mpl.rc_context(STYLE):
        figure = new_figure(output)
        axes = figure.subplots()
        for number in numbers:
            rows = table["slice"] == number
            width = table["right"][rows] - table["left"][rows]
            colour = colormaps["viridis"](norm(number))
            axes.plot(table["y"][rows], width, ".-", ms=3, lw=0.6, color=colour)
        figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label="slice")
        axes.set(
            xlabel="row on the CCD [pix]",
            ylabel="width [pix]",
            title=f"Widths, {f'IFU {ifu}, ' if ifu else ''}slices {first} to {last}",
        )
        show(figure, output)
