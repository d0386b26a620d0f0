"""Where the slices of an IFU lie on the detector, from a flat-field exposure.

Rows are averaged in groups into cuts; slices are found in a middle cut, their edges
fitted in every cut and described by polynomials of the row. Positions follow the
tables of the genuine pipeline: trimmed pixels, 1-based.
"""

from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from pipeline.algorithms.chebyshev import chebyshev_powers
from pipeline.algorithms.slice_search import MOST_LOST, locate_slices
from pipeline.instrument import Size
from pipeline.kernels.cuts import average_rows
from pipeline.kernels.edges import follow_edges
from pipeline.spec import BadInput, ImageSpool

Floats = NDArray[np.float64]

REJECTION = 5.0
"""Deviation beyond which an edge is left out of the fit [robust standard deviations]."""
SMALLEST_SCATTER = 0.003
"""Scatter of the edges assumed at least, so that perfect data lose none [pix]."""
MEASURED = 0.8
"""Part of the cuts in which a slice must be found."""
LARGEST_END = 0.1
"""Part of the rows at either end into which polynomials may be extrapolated; the ends lie
beyond the filter."""
MAX_ROUNDS = 10


@dataclass(frozen=True)
class Cuts:
    """Averages of groups of rows of an image.

    Parameters
    ----------
    shape
        Rows and columns of the image [pix].
    y : float64[n_cuts]
        Mean row of each cut [pix, 1-based].
    light : float32[n_cuts, nx]
        Mean of the good pixels of each column [count]; NaN where there is none.
    """

    shape: tuple[int, int]
    y: Floats
    light: NDArray[np.float32]


def cut_rows(image: ImageSpool, n_sum: int) -> Cuts:
    """Average groups of rows; flagged and defective pixels are left out.

    Parameters
    ----------
    image
        A flat-field exposure.
    n_sum
        Rows in a group; a last group of less than half of that is left out.
    """
    ny, nx = image.shape
    starts = np.arange(0, ny, n_sum)
    stops = np.minimum(starts + n_sum, ny)
    if len(starts) > 1 and stops[-1] - starts[-1] < n_sum / 2:
        starts, stops = starts[:-1], stops[:-1]
    light = np.empty((len(starts), nx), np.float32)
    for cut, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        data, dq, _ = image.read(slice(int(start), int(stop)))
        average_rows(data, dq, starts[:1], stops[cut : cut + 1] - start, light[cut:][:1])
    return Cuts((ny, nx), (starts + stops + 1) / 2, light)


@dataclass(frozen=True)
class Trace:
    """Edges of all slices of an IFU and the polynomials that describe them.

    Parameters
    ----------
    shape
        Rows and columns of the image [pix].
    y : float64[n_cuts]
        Rows where the edges were measured [pix, 1-based].
    edges : float64[n_slices, n_cuts, 2]
        Left and right edges [pix, 1-based]; NaN where there is none.
    coefficients : float64[n_slices, 3, order + 1]
        Centre, left and right edge [pix] in powers of the 1-based row; NaN if lost.
    mse : float64[n_slices, 3]
        Mean square residuals of the three fits [pix**2]; NaN if lost.
    lost : dict of int to str
        The slices that could not be traced, by number from 1, and why.
    """

    shape: tuple[int, int]
    y: Floats
    edges: Floats
    coefficients: Floats
    mse: Floats
    lost: dict[int, str] = field(default_factory=dict)

    @property
    def traced(self) -> NDArray[np.bool_]:
        """Which slices have been traced."""
        return np.asarray(np.isfinite(self.coefficients).all(axis=(1, 2)))

    @property
    def widths(self) -> Floats:
        """Mean width of each slice [pix]; NaN if lost."""
        widths = np.full(len(self.edges), np.nan)
        across = self.edges[self.traced, :, 1] - self.edges[self.traced, :, 0]
        widths[self.traced] = np.nanmean(across, axis=1)
        return widths

    def at(self, row: float | Floats) -> Floats:
        """Return centre, left and right [pix] at rows, float64[n_slices, 3, ...]."""
        return evaluate(self.coefficients, row)


def evaluate(coefficients: Floats, row: float | Floats) -> Floats:
    """Return polynomials float64[..., order + 1] of the row at all rows given."""
    return np.asarray(
        np.polynomial.polynomial.polyval(row, np.moveaxis(coefficients, -1, 0))
    )


def trace_slices(
    cuts: Cuts, size: Size, *, order: int = 5, edge_fraction: float = 0.5, file: str = ""
) -> Trace:
    """Find and follow the slices of a flat-field exposure.

    Parameters
    ----------
    cuts
        Averaged rows of the exposure.
    size
        Instrument size: number and width of the slices.
    order
        Order of the polynomials.
    edge_fraction
        Fraction of the light of a slice that defines its edge.
    file
        Name of the exposure, for messages.

    Returns
    -------
    Trace
        Slices that cannot be followed, or have another width than slices have, are lost:
        NaN takes the place of their polynomials.

    Raises
    ------
    BadInput
        If more than `MOST_LOST` of the slices are lost.
    """
    light = cuts.light
    start = len(light) // 2
    left, right = locate_slices(light[start], size, file)
    inwards = NormalDist().inv_cdf(edge_fraction)
    edges = follow_edges(light, start, left, right, inwards) + 1.0
    coefficients = np.full((size.n_slices, 3, order + 1), np.nan)
    mse = np.full((size.n_slices, 3), np.nan)
    lost: dict[int, str] = {}
    for s in range(size.n_slices):
        fit = _fit_slice(cuts.y, edges[s], order)
        problem = _problem(left[s], cuts.y, edges[s], fit, size)
        if problem:
            lost[s + 1] = problem
        elif fit is not None:
            coefficients[s], mse[s] = fit
    if len(lost) > MOST_LOST * size.n_slices:
        number, problem = next(iter(lost.items()))
        raise BadInput(
            f"{len(lost)} of {size.n_slices} slices cannot be traced, the first is slice "
            f"{number}: {problem}",
            file=file,
            keyword="ESO DPR TYPE",
            remedy="look at the flats for a dead port or a weak lamp; use those of another "
            "night",
        )
    return Trace(cuts.shape, cuts.y, edges, coefficients, mse, lost)


def _problem(
    left: float, y: Floats, edges: Floats, fit: tuple[Floats, Floats] | None, size: Size
) -> str:
    """Return why a slice is lost; nothing if it is not."""
    if np.isnan(left):
        return "it is not seen in the middle row, whole and apart from its neighbours"
    found = np.isfinite(edges).all(axis=1)
    if not found.any():
        return "its edges are not found"
    if fit is None:
        there = y[found]
        return (
            f"its edges are found in {len(there)} of {len(y)} groups of rows, from row "
            f"{there[0]:.0f} to {there[-1]:.0f}"
        )
    width = float(np.mean(edges[found, 1] - edges[found, 0]))
    if not size.slice_width_min <= width <= size.slice_width_max:
        return f"it is {width:.1f} pix wide"
    return ""


def _fit_slice(y: Floats, edges: Floats, order: int) -> tuple[Floats, Floats] | None:
    """Fit centre, left and right edge with common rejection of deviant cuts."""
    good = np.isfinite(edges).all(axis=1)
    n_needed = max(order + 2, int(MEASURED * len(y)))
    curves = np.column_stack([edges.mean(axis=1), edges])
    domain = (float(y[0]), float(y[-1]))
    unit = (2 * y - domain[0] - domain[1]) / (domain[1] - domain[0])
    for _ in range(MAX_ROUNDS):
        if good.sum() < n_needed:
            return None
        scaled = chebyshev.chebfit(unit[good], curves[good], order)
        residuals = curves - chebyshev.chebval(unit, scaled).T
        scatter = 1.4826 * np.median(np.abs(residuals[good]), axis=0)
        limit = REJECTION * np.maximum(scatter, SMALLEST_SCATTER)
        kept = np.isfinite(residuals).all(axis=1) & (np.abs(residuals) <= limit).all(axis=1)
        if (kept == good).all():
            break
        good = kept
    if np.abs(unit[good][[0, -1]] - [-1.0, 1.0]).max() > 2 * LARGEST_END:
        return None
    coefficients = scaled.T @ chebyshev_powers(domain, order + 1)
    return coefficients, np.mean(residuals[good] ** 2, axis=0)
