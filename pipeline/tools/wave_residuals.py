"""Map of the residuals of the wavelength solution (muse_wave_plot_residuals)."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from pipeline.spec import BadInput, Columns
from pipeline.tools.inspection import STYLE, new_figure, read_columns, show

RESIDUALS = ("slice", "iteration", "x", "y", "lambda", "residual", "rejlimit")


def chosen_rows(
    table: Columns, chosen: int | None, iteration: int | None, path: Path
) -> NDArray[np.bool_]:
    """Return which rows of WAVECAL_RESIDUALS belong to a slice and a round of the fit.

    Parameters
    ----------
    table
        Its columns.
    chosen
        Slice; all if None.
    iteration
        Round of the fit; the last one of each slice if None.
    path
        The file, for messages.

    Raises
    ------
    BadInput
        If there are none.
    """
    rows = np.ones(len(table["slice"]), bool)
    if chosen is not None:
        rows &= table["slice"] == chosen
    if iteration is not None:
        rows &= table["iteration"] == iteration
    else:
        numbers, place = np.unique(table["slice"], return_inverse=True)
        last = np.zeros(len(numbers), np.int64)
        np.maximum.at(last, place, table["iteration"])
        rows &= table["iteration"] == last[place]
    if not rows.any():
        raise BadInput(
            f"has no residuals of slice {chosen or 'any'}, iteration {iteration or 'last'}",
            file=path.name,
            remedy="choose another slice or iteration",
        )
    return rows


def plot_residuals(
    residuals: Path,
    *,
    ifu: int | None = None,
    chosen: int | None = None,
    iteration: int | None = None,
    wavelength: bool = False,
    cuts: tuple[float, float] | None = None,
    output: Path | None = None,
) -> None:
    """Plot where on the detector the arc lines deviate from the solution.

    Parameters
    ----------
    residuals
        WAVECAL_RESIDUALS of muse_wavecal.
    ifu
        IFU of a merged file; the first one if None.
    chosen
        Slice to plot; all if None.
    iteration
        Round of the fit; the last one of each slice if None.
    wavelength
        Whether the vertical axis shows wavelengths instead of rows.
    cuts
        Residuals at the ends of the colours [Angstrom]; symmetric and such that 98 % lie
        inside if None.
    output
        File to write; None: the screen.
    """
    table = read_columns(residuals, "WAVECAL_RESIDUALS", ifu, RESIDUALS)
    rows = chosen_rows(table, chosen, iteration, residuals)
    values = table["residual"][rows]
    widest = float(np.percentile(np.abs(values), 98))
    low, high = cuts or (-widest, widest)
    rms = float(np.sqrt(np.mean(np.square(values))))
    name, axis = (
        ("lambda", "wavelength [Å]") if wavelength else ("y", "row on the CCD [pix]")
    )
    where = f"slice {chosen}" if chosen else "all slices"
    label = f"IFU {ifu}, " if ifu else ""
    with mpl.rc_context(STYLE):
        figure = new_figure(output)
        axes = figure.subplots()
        points = axes.scatter(
            table["x"][rows],
            table[name][rows],
            c=values,
            s=float(np.clip(4e4 / rows.sum(), 1.0, 12.0)),
            vmin=low,
            vmax=high,
            cmap="RdBu_r",
            linewidths=0,
            rasterized=True,
        )
        axes.set_facecolor("0.85")
        figure.colorbar(points, ax=axes, label="residual [Å]", extend="both")
        axes.set(
            xlabel="column on the CCD [pix]",
            ylabel=axis,
            title=f"Wavelength residuals, {label}{where}: rms {rms:.4f} Å",
        )
        show(figure, output)
