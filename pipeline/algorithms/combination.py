"""Combination of exposures: the parameters that recipes share, and honest variances."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels import combine as kernels
from pipeline.spec import Params, Planes, param

_METHODS = {
    "average": kernels.AVERAGE,
    "median": kernels.MEDIAN,
    "minmax": kernels.MINMAX,
    "sigclip": kernels.SIGCLIP,
}


class RejectionParams(Params):
    """Which values are rejected when exposures are combined, by the methods of a recipe."""

    combine: str
    nlow: int = param(1, doc="Number of minimum pixels to reject with minmax.", ge=0)
    nhigh: int = param(1, doc="Number of maximum pixels to reject with minmax.", ge=0)
    nkeep: int = param(1, doc="Number of pixels to keep with minmax.", ge=1)
    lsigma: float = param(
        3.0, unit="sigma", doc="Low sigma for pixel rejection with sigclip.", gt=0
    )
    hsigma: float = param(
        3.0, unit="sigma", doc="High sigma for pixel rejection with sigclip.", gt=0
    )
    clip: Literal["noise", "scatter"] = param(
        "noise",
        doc='What sigclip takes for sigma: "noise", that of the values as known from '
        'STAT; "scatter", the mean absolute deviation of the few values themselves, as '
        "in the genuine pipeline, which rejects good values.",
    )


class CombineParams(RejectionParams):
    """How exposures are combined pixel by pixel."""

    combine: Literal["average", "median", "minmax", "sigclip"] = param(
        "sigclip", doc="Type of image combination to use."
    )

    @property
    def method(self) -> int:
        """The number of the method in `pipeline.kernels.combine`."""
        if self.combine == "sigclip" and self.clip == "scatter":
            return kernels.SCATTER
        return _METHODS[self.combine]


def combine(
    stack: Sequence[Planes],
    params: CombineParams,
    shared: NDArray[np.float32] | None = None,
) -> Planes:
    """Combine exposures of the same rows.

    Parameters
    ----------
    stack
        DATA, DQ and STAT of each exposure, all of one shape [n_rows, nx] and one unit;
        scale them before, if their fluxes differ.
    params
        Method and limits.
    shared
        The part of STAT that all exposures have in common (that of their master bias),
        [n_rows, nx]: it does not average out.

    Returns
    -------
    Planes
        A pixel is flagged only where all exposures are, then with all their flags. STAT
        is the variance of the result: it includes the lower efficiency of a median and
        of a mean without its extremes.
    """
    data, dq, stat = (np.stack(planes) for planes in zip(*stack, strict=True))
    out = Planes(
        np.empty(data.shape[1:], np.float32),
        np.empty(data.shape[1:], np.uint32),
        np.empty(data.shape[1:], np.float32),
    )
    kernels.combine(
        data,
        dq,
        stat,
        params.method,
        params.nlow,
        params.nhigh,
        params.nkeep,
        params.lsigma,
        params.hsigma,
        efficiency(len(stack), params),
        *out,
    )
    if shared is not None:
        out.stat[...] += shared * np.float32(1 - 1 / len(stack))
    return out


def efficiency(n_frames: int, params: CombineParams) -> NDArray[np.float64]:
    """Return, for 0 ... n values, the variance of the result over that of the mean.

    Medians, and means without their extremes, of normal numbers scatter more than plain
    means; by how much is counted on a fixed sample, to half a per cent.
    """
    factors = np.ones(n_frames + 1)
    if params.combine in ("median", "minmax"):
        for n in range(2, n_frames + 1):
            spare = max(n - params.nkeep, 0)
            high = min(params.nhigh, spare)
            low = min(params.nlow, spare - high)
            if params.combine == "median":
                low = high = (n - 1) // 2
            factors[n] = _trimmed_variance(n, low, high)
    return factors


@cache
def _trimmed_variance(n: int, low: int, high: int) -> float:
    """Return n times the variance of a mean of normal numbers without its extremes."""
    if low == high == 0:
        return 1.0
    sample = np.random.default_rng(1).standard_normal((100_000, n))
    sample.sort(axis=1)
    return float(n * sample[:, low : n - high].mean(axis=1).var())
