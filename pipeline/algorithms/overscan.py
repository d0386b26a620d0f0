"""Bias level of each read-out port from its overscan.

Follows ``overscan``, ``ovscreject``, ``ovscsigma`` and ``ovscignore`` of the genuine
recipes; `pipeline.algorithms.overscan_pixels` chooses the pixels. With ``vpoly`` a
polynomial in the row describes the level that the vertical overscan shows; its order grows
while the fit improves. The pixels of one row all have the same abscissa, so their mean
carries all that a least-squares fit needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Legendre
from numpy.polynomial.legendre import leg2poly, legvander
from numpy.typing import NDArray

from pipeline.algorithms.overscan_pixels import (
    NOWHERE,
    GapSearch,
    Places,
    overscan_pixels,
)
from pipeline.instrument import Size, size_of
from pipeline.spec import BadInput, Params, RawFrame, Value, param

GAPS = GapSearch(along=128, across=32, n_passes=3, threshold=2.5)
"""How ``dcr`` finds cosmic rays unless told otherwise (genuine pipeline)."""
FIT_SIGMA = 5.0
"""Deviations beyond which ``fit`` clips unless told otherwise (genuine pipeline)."""


class OverscanParams(Params):
    """How the bias level of a frame follows from its overscan."""

    overscan: str = param(
        "vpoly",
        doc='"none": stop when overscan levels differ (see ovscsigma); "offset": adjust '
        'the data by the mean overscan level; "vpoly" or "vpoly:ORDER,FRMS,FCHISQ": '
        "subtract a polynomial fitted to the vertical overscan of each quadrant, of at "
        "most this order (15), higher ones as long as rms and chi**2 improve by these "
        "factors (1.00001).",
        pattern=r"^(none|offset|vpoly(:\d+(,[\d.]+(,[\d.]+)?)?)?)$",
    )
    ovscreject: str = param(
        "dcr",
        doc='Rejection of overscan pixels: "none"; "dcr" or "dcr:ALONG,ACROSS,PASSES,'
        'SIGMA" (128,32,3,2.5): in boxes of this size [pix], searched so often, pixels '
        "above a gap in the histogram that is wider than this many deviations are cosmic "
        'rays; "fit" or "fit:SIGMA" (5): a constant is fitted with clipping, for the '
        "statistics only.",
        pattern=r"^(none|dcr(:\d+(,\d+(,\d+(,[\d.]+)?)?)?)?|fit(:[\d.]+)?)$",
    )
    ovscsigma: float = param(
        30.0,
        unit="sigma",
        doc="Largest difference of overscan levels between exposures (overscan=none); "
        "rejection level of the polynomial fit (overscan=vpoly).",
        gt=0,
    )
    ovscignore: int = param(
        3,
        unit="pix",
        doc="Overscan pixels next to the data section that are ignored.",
        ge=0,
        le=29,
    )

    def polynomial_limits(self) -> tuple[int, float, float]:
        """Return the largest order and the least improvements in rms and chi**2.

        Raises
        ------
        BadInput
            If a factor is no improvement.
        """
        words = self.overscan.partition(":")[2].split(",")
        order, rms, chi_square = (*words, "", "")[:3]
        factors = float(rms or 1.00001), float(chi_square or 1.00001)
        if min(factors) <= 1.0:
            raise BadInput(
                f"{self.overscan!r} has a factor of {min(factors):g}, no improvement",
                keyword="--overscan",
                remedy='give factors above 1, as in "vpoly:15,1.00001,1.00001"',
            )
        return int(order or 15), *factors

    def gap_search(self, size: Size) -> GapSearch | None:
        """Return how cosmic rays are found in the overscan, None unless by ``dcr``.

        Raises
        ------
        BadInput
            If the boxes do not fit into the overscan, or nothing would be searched.
        """
        method, _, argument = self.ovscreject.partition(":")
        if method != "dcr":
            return None
        words = argument.split(",") if argument else []
        given = [
            kind(word) for kind, word in zip((int, int, int, float), words, strict=False)
        ]
        largest = min(size.quadrant_nx, size.quadrant_ny), size.scan
        usual = GAPS._replace(across=min(GAPS.across, size.scan))
        search = GapSearch(*given, *usual[len(given) :])
        if min(search) <= 0 or search.along > largest[0] or search.across > largest[1]:
            raise BadInput(
                f"{self.ovscreject!r} has boxes that do not fit into the overscan "
                f"({largest[0]} x {largest[1]} pix) or searches nothing",
                keyword="--ovscreject",
                remedy='give smaller boxes, as in "dcr:128,32,3,2.5"',
            )
        return search

    @property
    def way(self) -> tuple[object, ...]:
        """All that makes overscan levels of two frames comparable."""
        method = self.overscan.partition(":")[0]
        limits = self.polynomial_limits() if method == "vpoly" else ()
        return method, limits, self.ovscreject, self.ovscsigma, self.ovscignore


def made_with(header: Mapping[str, Value]) -> OverscanParams:
    """Return the overscan parameters that a product was made with, as its header says."""
    found = {}
    number = 1
    while (name := header.get(f"ESO PRO REC1 PARAM{number} NAME")) is not None:
        if name in OverscanParams.model_fields:
            found[str(name)] = header[f"ESO PRO REC1 PARAM{number} VALUE"]
        number += 1
    return OverscanParams.model_validate(found)


@dataclass(frozen=True)
class OverscanLevel:
    """Bias level of a frame.

    ``rows``: float64[ny, 2], level of the left and the right port in each trimmed row
    [adu], to be subtracted; ``mean``, ``stdev``: by port, of all overscan pixels [adu];
    ``keywords``: what the product says about it.
    """

    rows: NDArray[np.float64]
    mean: tuple[float, ...]
    stdev: tuple[float, ...]
    keywords: Mapping[str, Value]


def overscan_level(
    raw: RawFrame,
    params: OverscanParams,
    reference: Mapping[str, Value] | None = None,
    bad_pixels: Places = NOWHERE,
) -> OverscanLevel:
    """Measure the overscan of a frame.

    Parameters
    ----------
    raw
        The frame.
    params
        The method.
    reference
        Header with ``ESO DRS MUSE OVSCn MEAN`` to which ``offset`` adjusts the level:
        that of the master bias; without it nothing is subtracted.
    bad_pixels
        Known bad pixels, which are left out.
    """
    size = size_of(raw.shape)
    rows = np.zeros((size.shape[0], 2))
    mean, stdev = [], []
    keywords: dict[str, Value] = {}
    search = params.gap_search(size)
    for found in overscan_pixels(raw, params.ovscignore, search, bad_pixels):
        port, statistics = found.port, _statistics(found.every, params)
        mean.append(statistics[0])
        stdev.append(statistics[1])
        name = f"ESO DRS MUSE OVSC{port.number}"
        keywords[f"{name} MEAN"] = np.float32(mean[-1]).item()
        keywords[f"{name} STDEV"] = np.float32(stdev[-1]).item()
        column = 0 if port.raw_x.start < size.raw_shape[1] // 2 else 1
        if params.overscan.startswith("vpoly"):
            fit = _grow(found.vertical, found.first_row + 1.0, params)
            trimmed = np.arange(port.raw_y.start, port.raw_y.stop) + 1.0
            rows[port.trim_y, column] = fit(trimmed)
            keywords.update(_coefficients(name, fit))
        elif params.overscan == "offset" and reference is not None:
            rows[port.trim_y, column] = mean[-1] - float(reference[f"{name} MEAN"])
    return OverscanLevel(rows, tuple(mean), tuple(stdev), keywords)


def _statistics(pixels: NDArray[np.float64], params: OverscanParams) -> tuple[float, float]:
    """Return mean and standard deviation of the overscan [adu].

    With ``fit`` both are those of a constant, fitted again without the pixels farther
    than so many rms until there are none.
    """
    method, _, argument = params.ovscreject.partition(":")
    if method != "fit":
        return float(pixels.mean()), float(pixels.std(ddof=1))
    sigma = float(argument or FIT_SIGMA)
    while True:
        mean, rms = float(pixels.mean()), float(pixels.std())
        near = np.abs(pixels - mean) <= sigma * rms
        if near.all():
            return mean, rms
        pixels = pixels[near]


def _grow(pixels: NDArray[np.float64], first: float, params: OverscanParams) -> Legendre:
    """Fit polynomials of rising order to the overscan until they improve no more."""
    max_order, least_rms, least_chi = params.polynomial_limits()
    y = first + np.arange(len(pixels))
    n = np.sum(~np.isnan(pixels), axis=1)
    good = n > 0
    level = np.nansum(pixels, axis=1)[good] / n[good]
    y, n = y[good], n[good].astype(float)
    inside = float(np.nansum((pixels[good] - level[:, None]) ** 2))
    fits = _Orders(y, level, n, max_order)
    chosen = 0
    total = inside + fits.squares(0)
    for order in range(1, max_order + 1):
        new = inside + fits.squares(order)
        n_free = n.sum() - order - 1
        rms_gains = total >= least_rms**2 * new
        chi_gains = total / (n_free + 1) >= least_chi * new / n_free
        chosen, total = order, new
        if total == 0.0 or not (rms_gains or chi_gains):
            break
    return _refine(pixels[good], y, fits.fit(chosen), params.ovscsigma)


class _Orders:
    """Polynomials of all orders through row means, from one orthogonal decomposition."""

    def __init__(
        self,
        y: NDArray[np.float64],
        level: NDArray[np.float64],
        n: NDArray[np.float64],
        max_order: int,
    ) -> None:
        self._domain = float(y[0]), float(y[-1])
        unit = (2 * y - y[0] - y[-1]) / (y[-1] - y[0])
        root = np.sqrt(n)
        terms, self._triangle = np.linalg.qr(legvander(unit, max_order) * root[:, None])
        self._mean = float(np.average(level, weights=n))
        rest = (level - self._mean) * root
        self._parts = terms.T @ rest
        self._squares = float(rest @ rest)

    def squares(self, order: int) -> float:
        """Return the weighted sum of squares around the polynomial of an order."""
        return max(self._squares - float(np.sum(self._parts[: order + 1] ** 2)), 0.0)

    def fit(self, order: int) -> Legendre:
        """Return the polynomial of an order."""
        k = order + 1
        coefficients = np.linalg.solve(self._triangle[:k, :k], self._parts[:k])
        coefficients[0] += self._mean
        return Legendre(coefficients, domain=self._domain)


def _refine(
    pixels: NDArray[np.float64], y: NDArray[np.float64], fit: Legendre, sigma: float
) -> Legendre:
    """Fit again without the pixels farther than ``sigma`` rms, until none is left."""
    pixels = pixels.copy()
    while True:
        distance = np.abs(pixels - fit(y)[:, None])
        with np.errstate(invalid="ignore"):  # NaN where rejected before
            far = distance > sigma * max(float(np.sqrt(np.nanmean(distance**2))), 1e-6)
        if not far.any():
            return fit
        pixels[far] = np.nan
        n = np.sum(~np.isnan(pixels), axis=1)
        good = n > 0
        level = np.nansum(pixels, axis=1)[good] / n[good]
        fit = Legendre.fit(y[good], level, fit.degree(), w=np.sqrt(n[good]))


def _coefficients(name: str, fit: Legendre) -> dict[str, Value]:
    """Return the polynomial in the plain raw row number (from 1) as keywords."""
    shift, scale = fit.mapparms()
    in_unit = leg2poly(fit.coef)
    plain = in_unit[-1:]
    for coefficient in in_unit[-2::-1]:  # Horner's scheme
        plain = np.convolve(plain, [shift, scale])
        plain[0] += coefficient
    found: dict[str, Value] = {f"{name} POLY NCOEFF": len(plain)}
    found.update({f"{name} POLY Y{k}": float(value) for k, value in enumerate(plain)})
    return found


def check_levels(
    levels: Sequence[OverscanLevel], raws: Sequence[RawFrame], sigma: float
) -> None:
    """Refuse exposures whose overscan differs from the first by ``sigma`` deviations.

    Raises
    ------
    BadInput
        For the first exposure that does.
    """
    first = levels[0]
    for level, raw in zip(levels[1:], raws[1:], strict=True):
        for port in range(4):
            difference = abs(level.mean[port] - first.mean[port])
            if difference > sigma * first.stdev[port]:
                raise BadInput(
                    f"overscan level {level.mean[port]:.2f} adu differs from "
                    f"{first.mean[port]:.2f} of {raws[0].name}",
                    file=raw.name,
                    keyword=f"quadrant {port + 1}",
                    remedy="use overscan=offset or vpoly, or frames of one day",
                )


def master_keywords(
    levels: Sequence[OverscanLevel], params: OverscanParams
) -> dict[str, Value]:
    """Return what a master says about the overscan of its exposures.

    That of the first one, to which the others are adjusted; without a correction
    (``none``) the mean of all and its deviation, as in the genuine pipeline.
    """
    keywords = dict(levels[0].keywords)
    if params.overscan != "none":
        return keywords
    means, deviations = (
        np.array([getattr(v, k) for v in levels]) for k in ("mean", "stdev")
    )
    spread = np.sqrt(np.sum(deviations**2 + (means - means[0]) ** 2, axis=0))
    for port in range(4):
        name = f"ESO DRS MUSE OVSC{port + 1}"
        keywords[f"{name} MEAN"] = np.float32(means[:, port].mean()).item()
        keywords[f"{name} STDEV"] = np.float32(spread[port] / len(levels)).item()
    return keywords
