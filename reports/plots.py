"""Figures of the pages: transparent SVG with grey axes, legible on dark and light."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.summary import CubeSummary

AXIS = "#7f8a97"
LINE = "#3b82f6"
SECOND = "#e0732c"
STYLE: Any = {
    "font.size": 9.0,
    "axes.edgecolor": AXIS,
    "axes.labelcolor": AXIS,
    "xtick.color": AXIS,
    "ytick.color": AXIS,
    "text.color": AXIS,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "phoenix",
    "legend.frameon": False,
}
UNIT = "10$^{-20}$ erg s$^{-1}$ cm$^{-2}$ Å$^{-1}$"


@contextmanager
def _figure(path: Path, height: float = 3.2) -> Iterator[Figure]:
    """Offer a figure and write it aside, then in place, as transparent SVG."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.8, height), layout="constrained")
        yield figure
        aside = path.with_name(f".{path.name}.part")
        figure.savefig(aside, format="svg", transparent=True, metadata={"Date": None})
    aside.replace(path)


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return axis limits that a few outliers cannot spoil."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, [0.5, 99.5])
    margin = 0.12 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def plot_spectrum(summary: CubeSummary, path: Path) -> None:
    """Plot the brightest source with its error and the blank field below."""
    with _figure(path, 4.2) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        w, s, e = summary.wavelength, summary.source, summary.source_sigma
        top.fill_between(w, s - e, s + e, color=LINE, alpha=0.3, linewidth=0)
        top.plot(w, s, color=LINE, linewidth=0.7)
        top.set_ylim(*_limits(s))
        y, x = summary.centre
        top.set_title(f"around spaxel ({x + 1}, {y + 1})", fontsize="medium")
        top.set_ylabel(f"brightest source\n{UNIT}")
        bottom.axhline(0, color=AXIS, linewidth=0.6)
        bottom.plot(w, summary.blank, color=SECOND, linewidth=0.6)
        bottom.set_ylim(*_limits(summary.blank))
        bottom.set_ylabel("blank field")
        bottom.set_xlabel("wavelength in air [Å]")


def plot_snr(summary: CubeSummary, path: Path) -> None:
    """Plot signal-to-noise of each spaxel against its signal: measured and from STAT."""
    low, high = summary.window
    with _figure(path) as figure:
        axes = figure.subplots()
        good = (summary.signal > 0) & (summary.noise > 0) & (summary.expected > 0)
        signal = summary.signal[good]
        points: dict[str, Any] = {"linestyle": "none", "marker": ".", "rasterized": True}
        axes.plot(
            signal,
            signal / summary.noise[good],
            color=LINE,
            markersize=3,
            alpha=0.5,
            label="measured (DER_SNR)",
            **points,
        )
        axes.plot(
            signal,
            signal / summary.expected[good],
            color=SECOND,
            markersize=2,
            alpha=0.5,
            label="from the variance",
            **points,
        )
        if good.any():
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.legend(loc="upper left")
        axes.set_xlabel(f"signal, {low:.0f} to {high:.0f} Å [{UNIT}]")
        axes.set_ylabel("signal to noise of a voxel")


def plot_trend(
    values: NDArray[np.float64], outlier: NDArray[np.bool_], label: str, path: Path
) -> None:
    """Plot a number of the month in order, outliers in another colour."""
    with _figure(path, 2.4) as figure:
        axes = figure.subplots()
        order = np.arange(1, len(values) + 1)
        axes.plot(order, values, color=AXIS, linewidth=0.6)
        axes.plot(order[~outlier], values[~outlier], "o", color=LINE, markersize=4)
        axes.plot(order[outlier], values[outlier], "o", color=SECOND, markersize=5)
        axes.set_ylabel(label)


def plot_exposures(times: NDArray[np.float32], path: Path) -> None:
    """Plot the exposure time of every spaxel, float32[y, x] [s], North up, East left."""
    with _figure(path) as figure:
        axes = figure.subplots()
        seen = np.ma.masked_less_equal(times, 0)
        image = axes.imshow(seen, origin="lower", cmap="viridis", vmin=0)
        figure.colorbar(image, ax=axes, label="exposure time [s]")
        axes.set_xlabel("spaxel")
        axes.set_ylabel("spaxel")


def save_image(image: NDArray[np.float32], path: Path, least: int = 360) -> None:
    """Write an image as PNG, North up and East left, enlarged by whole numbers.

    The stretch is an arcsinh from the background to the 99.7th percentile; pixels
    outside the field are transparent.
    """
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, [5.0, 99.7]) if finite.size else (0.0, 1.0)
    scale = max(float(high - low), 1e-30)
    stretched = np.arcsinh(10 * np.clip((image - low) / scale, 0, 1)) / np.arcsinh(10)
    factor = max(1, round(least / max(image.shape)))
    big = np.kron(stretched[::-1], np.ones((factor, factor)))
    rgba = mpl.colormaps["gray"](np.ma.masked_invalid(big))
    rgba[..., 3] = np.isfinite(big)
    aside = path.with_name(f".{path.name}.part")
    mpl.image.imsave(aside, (rgba * 255).astype(np.uint8), format="png")
    aside.replace(path)
