"""Offsets between exposures from the positions of their sources.

Each pair of sources of two exposures proposes an offset. The best one explains most
sources: it is judged by the probability that sources coincide in position and flux,
against that of a chance coincidence, and by how far telescopes are known to miss. So one
common star is enough when it is near, and a wrong pair does not win. Exposures are
added one by one, the surest first, to a common catalogue.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]

POINTING_ERROR = 3.0
"""How far exposures are off, typically [arcsec] (VLT user manual)."""

_MATCH_WIDTH = 0.3
"""Scatter of positions in the search [arcsec]: centring, distortion."""

_FLUX_WIDTH = 0.5
"""Scatter of the logarithm of fluxes: clouds, seeing."""

_N_ROUNDS = 10

_N_BRIGHTEST = 30
"""Sources of an exposure in the search; of all others together three times as many."""


@dataclass(frozen=True)
class Catalogue:
    """Sources: positions float64[n, 2] [arcsec, in one tangent plane] and fluxes."""

    positions: Positions
    flux: NDArray[np.float64]

    def brightest(self, n: int) -> "Catalogue":
        """Return the ``n`` brightest sources."""
        first = np.argsort(-self.flux, kind="stable")[:n]
        return Catalogue(self.positions[first], self.flux[first])

    def moved(self, offset: Positions) -> "Catalogue":
        """Return the catalogue with an offset taken out."""
        return Catalogue(self.positions - offset, self.flux)

    def with_sources(self, other: "Catalogue") -> "Catalogue":
        """Return the sources of both."""
        return Catalogue(
            np.concatenate([self.positions, other.positions]),
            np.concatenate([self.flux, other.flux]),
        )


@dataclass(frozen=True)
class Alignment:
    """Offset of an exposure [arcsec], sources matched and their rms scatter [arcsec]."""

    offset: Positions
    n_matched: int
    scatter: float


def align(
    catalogues: Sequence[Catalogue],
    radii: Sequence[float],
    n_bins: int,
    weighted: bool,
) -> list[Alignment]:
    """Return the offsets of exposures against the first.

    An exposure that overlaps with none of those before stays where it was pointed; others
    may be aligned with it.

    Parameters
    ----------
    catalogues
        Sources of each exposure.
    radii
        Largest offset, then the distances within which sources match, ever smaller
        [arcsec].
    n_bins
        Proposals closer to each other than ``2 * radii[0] / n_bins`` count as one.
    weighted
        Weight sources by their flux.
    """
    offsets: dict[int, Positions] = {0: np.zeros(2)}
    anchors = {0}
    merged = catalogues[0]
    left = set(range(1, len(catalogues)))
    while left:
        proposals = {
            k: search(merged, catalogues[k], radii[0], 2.0 * radii[0] / n_bins)
            for k in left
        }
        best = max(left, key=lambda k: (proposals[k][1], -k))
        offset, score = proposals[best]
        left.remove(best)
        if score > 0.0:
            offset = refine(merged, catalogues[best], offset, radii[1:], weighted)
        else:
            anchors.add(best)
            offset = np.zeros(2)
        offsets[best] = offset
        merged = merged.with_sources(catalogues[best].moved(offset))
    _relax(catalogues, offsets, anchors, radii[-1], weighted)
    return [_judge(catalogues, offsets, k, radii[-1]) for k in range(len(catalogues))]


def search(
    reference: Catalogue, other: Catalogue, radius: float, bin_size: float
) -> tuple[Positions, float]:
    """Return the most probable offset of ``other`` and its score (0: none).

    Parameters
    ----------
    reference, other
        Sources.
    radius
        Largest offset [arcsec].
    bin_size
        Proposals closer than this to a better one are not tried [arcsec].
    """
    if not len(reference.flux) or not len(other.flux):
        return np.zeros(2), 0.0
    reference, other = reference.brightest(3 * _N_BRIGHTEST), other.brightest(_N_BRIGHTEST)
    steps = other.positions[None, :, :] - reference.positions[:, None, :]
    proposals = steps.reshape(-1, 2)
    proposals = proposals[np.hypot(*proposals.T) <= radius]
    scores = np.array([_score(reference, other, p) for p in proposals])
    if not len(scores):
        return np.zeros(2), 0.0
    best = proposals[int(np.argmax(scores))]
    near = np.hypot(*(proposals - best).T) < min(0.5 * bin_size, 3 * _MATCH_WIDTH)
    centre = np.average(
        proposals[near], axis=0, weights=np.exp(scores[near] - scores.max())
    )
    return np.asarray(centre), float(scores.max())


def _score(reference: Catalogue, other: Catalogue, offset: Positions) -> float:
    """Return the logarithm of the probability ratio of an offset against chance."""
    moved = other.positions - offset
    r2 = ((moved[:, None, :] - reference.positions[None, :, :]) ** 2).sum(axis=2)
    ratio = np.log(np.maximum(other.flux, 1e-30))[:, None]
    ratio = ratio - np.log(np.maximum(reference.flux, 1e-30))[None, :]
    spread = np.ptp(reference.positions, axis=0) + 2.0
    density = len(reference.flux) / float(spread.prod())
    gain = np.exp(-0.5 * r2 / _MATCH_WIDTH**2 - 0.5 * (ratio / _FLUX_WIDTH) ** 2)
    gain /= max(density * 2.0 * np.pi * _MATCH_WIDTH**2, 1e-3)
    matched = np.log1p(gain.max(axis=1)).sum()
    return float(matched - 0.5 * (offset**2).sum() / (2.0 * POINTING_ERROR) ** 2)


def match(
    reference: Catalogue, other: Catalogue, offset: Positions, radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of sources that are each other's nearest within a radius."""
    if not len(reference.flux) or not len(other.flux):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    moved = other.positions - offset
    r2 = ((moved[:, None, :] - reference.positions[None, :, :]) ** 2).sum(axis=2)
    there = r2.argmin(axis=1)
    here = np.arange(len(moved))
    mutual = (r2.argmin(axis=0)[there] == here) & (r2[here, there] <= radius**2)
    return there[mutual], here[mutual]


def refine(
    reference: Catalogue,
    other: Catalogue,
    offset: Positions,
    radii: Sequence[float],
    weighted: bool,
) -> Positions:
    """Return the mean offset of matched sources, within ever smaller radii [arcsec]."""
    for radius in radii:
        for _ in range(_N_ROUNDS):
            there, here = match(reference, other, offset, radius)
            if not len(there):
                break
            steps = other.positions[here] - reference.positions[there]
            new = _mean(steps, _weights(other.flux[here], weighted))
            moved = float(np.hypot(*(new - offset)))
            offset = new
            if moved < 1e-5:
                break
    return offset


def _weights(flux: NDArray[np.float64], weighted: bool) -> NDArray[np.float64]:
    """Return the weights of sources: bright ones count alike, faint ones less.

    The error of a position falls with the flux, down to what distortions leave.
    """
    if not weighted or not len(flux):
        return np.ones(len(flux))
    relative = flux / float(np.median(flux))
    return np.asarray(relative**2 / (relative**2 + 1.0))


def _mean(steps: Positions, weights: NDArray[np.float64]) -> Positions:
    """Return the weighted mean after leaving out outliers; few are kept all."""
    if len(steps) >= 4:
        middle = np.median(steps, axis=0)
        distance = np.hypot(*(steps - middle).T)
        limit = 5.0 * max(float(np.median(distance)), 0.01)
        steps, weights = steps[distance <= limit], weights[distance <= limit]
    return np.asarray(np.average(steps, axis=0, weights=np.maximum(weights, 1e-30)))


def _relax(
    catalogues: Sequence[Catalogue],
    offsets: dict[int, Positions],
    anchors: set[int],
    radius: float,
    weighted: bool,
) -> None:
    """Refine each exposure against all others, the anchors staying where they are."""
    for _ in range(_N_ROUNDS):
        moved = 0.0
        for k in sorted(offsets.keys() - anchors):
            others = _others(catalogues, offsets, k)
            new = _pairwise(others, catalogues[k], offsets[k], radius, weighted)
            moved = max(moved, float(np.abs(new - offsets[k]).max()))
            offsets[k] = new
        if moved < 1e-5:
            break


def _others(
    catalogues: Sequence[Catalogue], offsets: dict[int, Positions], k: int
) -> list[Catalogue]:
    """Return the aligned catalogues but the ``k``-th."""
    return [catalogues[i].moved(offset) for i, offset in sorted(offsets.items()) if i != k]


def _pairwise(
    others: Sequence[Catalogue],
    own: Catalogue,
    offset: Positions,
    radius: float,
    weighted: bool,
) -> Positions:
    """Return the mean offset against several catalogues."""
    steps, weights = [], []
    for other in others:
        there, here = match(other, own, offset, radius)
        steps.append(own.positions[here] - other.positions[there])
        weights.append(_weights(own.flux[here], weighted))
    joined = np.concatenate(steps)
    return _mean(joined, np.concatenate(weights)) if len(joined) else offset


def _judge(
    catalogues: Sequence[Catalogue],
    offsets: dict[int, Positions],
    k: int,
    radius: float,
) -> Alignment:
    """Return the result for one exposure: most sources matched in any other one."""
    n_matched, squares = 0, []
    for other in _others(catalogues, offsets, k):
        there, here = match(other, catalogues[k], offsets[k], radius)
        steps = catalogues[k].positions[here] - offsets[k] - other.positions[there]
        n_matched = max(n_matched, len(here))
        squares.append((steps**2).sum(axis=1))
    joined = np.concatenate(squares) if squares else np.empty(0)
    scatter = float(np.sqrt(joined.mean())) if len(joined) else np.nan
    return Alignment(offsets[k], n_matched, scatter)
