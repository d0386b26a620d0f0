"""Plot of the wavelength solution column by column (muse_wave_plot_column)."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.polynomial.polynomial import polyval2d
from numpy.typing import NDArray

from pipeline.spec import BadInput, Columns
from pipeline.tools.inspection import STYLE, new_figure, read_columns, show
from pipeline.tools.wave_residuals import RESIDUALS, chosen_rows


def coefficients(table: Columns, chosen: int, path: Path) -> NDArray[np.float64]:
    """Return the polynomial of a slice, float64[order_x + 1, order_y + 1].

    Raises
    ------
    BadInput
        If the WAVECAL_TABLE does not hold the slice.
    """
    rows = np.flatnonzero(table["SliceNo"] == chosen)
    if len(rows) == 0:
        raise BadInput(f"holds no slice {chosen}", file=path.name, remedy="choose another")
    terms = {
        (int(m[1]), int(m[2])): float(table[name][rows[0]])
        for name in table
        if (m := re.fullmatch(r"wlc(\d)(\d)", name))
    }
    found = np.zeros((max(i for i, _ in terms) + 1, max(j for _, j in terms) + 1))
    for place, value in terms.items():
        found[place] = value
    return found


def plot_column(
    wavecal: Path,
    residuals: Path,
    *,
    ifu: int | None = None,
    chosen: int = 24,
    column: int | None = None,
    iteration: int | None = None,
    differences: bool = False,
    output: Path | None = None,
) -> None:
    """Plot arc lines of one slice and the solution, one colour a detector column.

    Parameters
    ----------
    wavecal
        WAVECAL_TABLE of muse_wavecal.
    residuals
        WAVECAL_RESIDUALS of the same run.
    ifu
        IFU of merged files; the first one if None.
    chosen
        Slice to plot.
    column
        Detector column; all of the slice if None.
    iteration
        Round of the fit; the last one if None.
    differences
        Whether residuals over wavelength are plotted instead of wavelength over row.
    output
        File to write; None: the screen.
    """
    table = read_columns(residuals, "WAVECAL_RESIDUALS", ifu, RESIDUALS)
    rows = chosen_rows(table, chosen, iteration, residuals)
    if column is not None:
        rows &= table["x"] == column
    if not rows.any():
        raise BadInput(
            f"has no line in column {column} of slice {chosen}",
            file=residuals.name,
            remedy="choose a column of the slice",
        )
    solution = read_columns(wavecal, "WAVECAL_TABLE", ifu, ("SliceNo", "wlc00"))
    terms = coefficients(solution, chosen, wavecal)
    x, y, wavelength = (table[name][rows] for name in ("x", "y", "lambda"))
    label = f"IFU {ifu}, " if ifu else ""
    seen = f"column {column}" if column else f"columns {x.min()} to {x.max()}"
    title = f"Wavelength solution, {label}slice {chosen}, {seen}"
    with mpl.rc_context(STYLE):
        figure = new_figure(output)
        axes = figure.subplots()
        colours = ScalarMappable(Normalize(x.min(), max(x.max(), x.min() + 1)), "viridis")
        if differences:
            limit = float(table["rejlimit"][rows][0])
            axes.axhline(0.0, color="0.6", lw=0.8)
            axes.scatter(wavelength, table["residual"][rows], c=colours.to_rgba(x), s=6)
            axes.set(xlabel="wavelength [Å]", ylabel="residual [Å]")
            title += f" (limit {limit:.3f} Å)"
        else:
            line = np.linspace(float(y.min()) - 10, float(y.max()) + 10, 200)
            for place in np.unique(x):
                axes.plot(
                    line,
                    polyval2d(np.full_like(line, place), line, terms),
                    lw=0.5,
                    color=colours.to_rgba(place),
                )
            axes.scatter(y, wavelength, c=colours.to_rgba(x), s=10)
            axes.set(xlabel="row on the CCD [pix]", ylabel="wavelength [Å]")
        axes.set_title(title)
        figure.colorbar(colours, ax=axes, label="column on the CCD [pix]")
        show(figure, output)
