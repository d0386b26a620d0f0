"""Where the slices of an IFU lie on the detector, from a flat-field exposure.

Rows are averaged in groups into cuts; slices are found in a middle cut, their edges
fitted in every cut and described by polynomials of the row. Positions follow the
tables of the genuine pipeline: trimmed pixels, 1-based.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from pipeline.instrument import Size
from pipeline.kernels.edges import follow_edges
from pipeline.spec import BadInput, Planes

Floats = NDArray[np.float64]

BRIDGED = 3
"""Dark columns inside a slice that do not cut it in two [pix]; gaps are wider than 6."""
REJECTION = 5.0
"""Deviation beyond which an edge is left out of the fit [robust standard deviations]."""
SMALLEST_SCATTER = 0.003
"""Scatter of the edges assumed at least, so that perfect data lose none [pix]."""
MEASURED = 0.8
"""Part of the cuts in which a slice must be found."""
MAX_ROUNDS = 10


class Cuts:
    """Averages of groups of rows, gathered as the rows of an image come by.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image [pix].
    n_sum : int
        Rows in a group; a last group of less than half of that is left out.

    Attributes
    ----------
    light : float32[n_cuts, nx]
        Mean of the unflagged pixels of each column [count]; NaN where there is none.
    y : float64[n_cuts]
        Mean row of each cut [pix, 1-based].
    """

    def __init__(self, shape: tuple[int, int], n_sum: int) -> None:
        self.shape = shape
        ny, nx = shape
        starts = np.arange(0, ny, n_sum)
        stops = np.minimum(starts + n_sum, ny)
        if len(starts) > 1 and stops[-1] - starts[-1] < n_sum / 2:
            starts, stops = starts[:-1], stops[:-1]
        self.y = (starts + stops + 1) / 2
        self._group = np.full(ny, -1)
        for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            self._group[start:stop] = number
        self._sum = np.zeros((len(starts), nx))
        self._n = np.zeros((len(starts), nx), np.int64)

    def add(self, rows: slice, planes: Planes) -> None:
        """Take in some rows of the image."""
        for group, data, dq in zip(self._group[rows], planes.data, planes.dq, strict=True):
            if group >= 0:
                good = (dq == 0) & np.isfinite(data)
                self._sum[group] += np.where(good, data, 0.0)
                self._n[group] += good

    @property
    def light(self) -> NDArray[np.float32]:
        """Mean of the unflagged pixels, float32[n_cuts, nx]."""
        mean = np.full(self._sum.shape, np.nan)
        np.divide(self._sum, self._n, out=mean, where=self._n > 0)
        return mean.astype(np.float32)


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
        Centre, left and right edge [pix] in powers of the 1-based row.
    mse : float64[n_slices, 3]
        Mean square residuals of the three fits [pix**2].
    """

    shape: tuple[int, int]
    y: Floats
    edges: Floats
    coefficients: Floats
    mse: Floats

    @property
    def widths(self) -> Floats:
        """Mean width of each slice [pix]."""
        return np.asarray(np.nanmean(self.edges[:, :, 1] - self.edges[:, :, 0], axis=1))

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

    Raises
    ------
    BadInput
        If there are not as many slices as the instrument has, or the edges of one
        cannot be followed.
    """
    light = cuts.light
    start = len(light) // 2
    left, right = locate_slices(light[start], size, file)
    inwards = NormalDist().inv_cdf(edge_fraction)
    edges = follow_edges(light, start, left, right, inwards) + 1.0
    fits = [_fit_slice(cuts.y, edges[s], order) for s in range(size.n_slices)]
    for number, fit in enumerate(fits, start=1):
        if fit is None:
            raise BadInput(
                f"the edges of slice {number} cannot be followed along the detector",
                file=file,
                remedy="look at the flat; use that of another night, or change edgefrac",
            )
    found = [fit for fit in fits if fit is not None]
    return Trace(
        cuts.shape,
        cuts.y,
        edges,
        np.stack([coefficients for coefficients, _ in found]),
        np.stack([mse for _, mse in found]),
    )


def locate_slices(
    cut: NDArray[np.float32], size: Size, file: str = ""
) -> tuple[Floats, Floats]:
    """Return left and right edges of the slices in one cut, to a pixel [0-based].

    Parameters
    ----------
    cut : float32[nx]
        Light along a row [count].
    size
        Instrument size.
    file
        Name of the exposure, for messages.

    Raises
    ------
    BadInput
        If the number of slices or the width of one is not that of the instrument.
    """
    known = np.nan_to_num(cut, nan=0.0)
    bright = known > 0.5 * np.percentile(known, 60)
    steps = np.diff(np.concatenate([[0], bright.astype(np.int8), [0]]))
    starts, stops = (
        np.flatnonzero(steps == 1).tolist(),
        np.flatnonzero(steps == -1).tolist(),
    )
    joined: list[tuple[int, int]] = []
    for start, stop in zip(starts, stops, strict=True):
        if joined and start - joined[-1][1] <= BRIDGED:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    slices = [run for run in joined if run[1] - run[0] > size.slice_width_min / 2]
    if len(slices) != size.n_slices:
        raise BadInput(
            f"{len(slices)} slices instead of {size.n_slices} in the middle row",
            file=file,
            keyword="ESO DPR TYPE",
            remedy="give lamp flats (FLAT,LAMP) in which the lamp was on",
        )
    for number, (start, stop) in enumerate(slices, start=1):
        width = stop - start
        if not size.slice_width_min - 1 <= width <= size.slice_width_max + 1:
            raise BadInput(
                f"slice {number} is {width} pixels wide, not "
                f"{size.slice_width_min:g} to {size.slice_width_max:g}",
                file=file,
                keyword="ESO DPR TYPE",
                remedy="give well exposed lamp flats of the same instrument",
            )
    left, right = np.array(slices, np.float64).T
    return left - 0.5, right - 0.5


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
    plain = [
        chebyshev.Chebyshev(column, domain).convert(kind=np.polynomial.Polynomial).coef
        for column in scaled.T
    ]
    coefficients = np.array([np.pad(c, (0, order + 1 - len(c))) for c in plain])
    return coefficients, np.mean(residuals[good] ** 2, axis=0)
