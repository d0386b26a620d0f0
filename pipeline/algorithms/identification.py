"""Which detected star is which star of a catalogue: patterns of a few stars compared.

Both lists are in pixels of nearly the same scale, but shifted and rotated by unknown
amounts. Patterns of four (or three) stars are described by two numbers that neither
changes; those of equal numbers propose a shift and a rotation, and the proposal under
which most stars find a partner is taken.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
Indices = NDArray[np.int64]

TOLERANCE = 3e-3
"""How well the numbers of two patterns of four agree (ours; 1e-3 in the genuine pipeline,
too little for stars 10 pixels apart)."""

SCALE = (0.9, 1.1)
"""Scales that a proposal may have (genuine pipeline)."""

ENOUGH = 0.8
"""Part of the detected stars with a partner at which the search ends (manual, 9.11)."""

N_STARS = ((12, 20), (15, 40), (20, 50))
"""Stars used in patterns, detected and known, the brightest; more when few are found."""

LEAST = 5
"""Stars that must be identified: four may agree by chance."""

LEAST_SIZE = 8.0
"""Patterns have a longest side of at least this [pix] (ours)."""

N_REFINED = 5
"""Proposals refined of some that are equally good."""

_BLOCK = 2000


class Pairs(NamedTuple):
    """Indices of stars that belong together, int64[n] each."""

    detected: Indices
    known: Indices


def identify(
    detected: Floats, known: Floats, radius: float, accuracy: float = 0.0
) -> Pairs | None:
    """Return the detected stars that are in the catalogue; None if it does not fit.

    At least half of `ENOUGH` must be found, and three times what chance gives.

    Parameters
    ----------
    detected : float64[n, 2]
        Places [pix], the brightest first.
    known : float64[m, 2]
        Places of the catalogue [pix], the brightest first, in any rotation and shift.
    radius
        How near stars must be to each other to be the same [pix].
    accuracy
        If positive, triangles are compared instead of quadruples, of places that are
        known to this [pix].
    """
    if len(known) < LEAST:
        return None
    tree = scipy.spatial.cKDTree(known)
    best = Pairs(np.empty(0, np.int64), np.empty(0, np.int64))
    wanted = max(LEAST, ENOUGH * len(detected))
    for n_detected, n_known in N_STARS:
        mine, theirs = detected[:n_detected], known[:n_known]
        for moved in _proposals(mine, theirs, detected, accuracy):
            away, _ = tree.query(moved, distance_upper_bound=radius)
            counts = np.isfinite(away).sum(axis=1)
            for k in np.flatnonzero(counts > len(best.known))[:N_REFINED]:
                found = _refined(detected, known, moved[k], radius)
                best = max(best, found, key=lambda pairs: len(pairs.known))
            if len(best.known) >= wanted:
                return best
        if n_detected >= len(detected) and n_known >= len(known):
            break
    chance = len(detected) * len(known) / float(np.prod(np.ptp(known, axis=0)) + 1.0)
    if len(best.known) < max(LEAST, wanted / 2, 3.0 * chance * np.pi * radius**2):
        return None
    return best


def _proposals(
    used: Floats, known: Floats, detected: Floats, accuracy: float
) -> Iterator[Floats]:
    """Yield where the detected stars would lie in the catalogue by pairs of patterns.

    Yields
    ------
    float64[n_proposals, n, 2]
        Places [pix], some proposals at a time.
    """
    if min(len(used), len(known)) < (3 if accuracy > 0 else 4):
        return
    find = _triangles if accuracy > 0 else _quadruples
    (mine, form, size), (theirs, other, other_size) = find(used), find(known)
    if not len(form) or not len(other):
        return
    reach = 3.0 * accuracy / size if accuracy > 0 else np.full(len(form), TOLERANCE)
    tree, limit = scipy.spatial.cKDTree(form), float(min(reach.max(), 0.05))
    z, w, every = _complex(used), _complex(known), _complex(detected)
    for start in range(0, len(other), _BLOCK):
        near = tree.query_ball_point(other[start : start + _BLOCK], limit)
        lengths = [len(rows) for rows in near]
        k = start + np.repeat(np.arange(len(near)), lengths)
        row = np.concatenate([np.asarray(rows, np.int64) for rows in near])
        alike = np.hypot(*(form[row] - other[k]).T) <= reach[row]
        alike &= np.abs(other_size[k] / size[row] - 1.0) < SCALE[1] - 1.0
        factor, shift = _similarity(z[mine[row[alike]]], w[theirs[k[alike]]])
        right = (np.abs(factor) > SCALE[0]) & (np.abs(factor) < SCALE[1])
        place = every * factor[right, None] + shift[right, None]
        if right.any():
            yield np.stack([place.real, place.imag], axis=-1)


def _complex(places: Floats) -> Complex:
    """Return places as complex numbers: a rotation is then a factor."""
    return np.asarray(places[:, 0] + 1j * places[:, 1])


def _similarity(z: Complex, w: Complex) -> tuple[Complex, Complex]:
    """Return the least-squares factors and shifts from places z to w, each [n, m]."""
    dz = z - z.mean(axis=1, keepdims=True)
    dw = w - w.mean(axis=1, keepdims=True)
    factor = (dz.conj() * dw).sum(axis=1) / (np.abs(dz) ** 2).sum(axis=1)
    return factor, w.mean(axis=1) - factor * z.mean(axis=1)


def _quadruples(places: Floats) -> tuple[Indices, Floats, Floats]:
    """Return all quadruples in their natural order, two numbers of each, and sizes.

    Four points of a plane have one affine dependency, ``sum(b p) = 0`` with ``sum(b) =
    0``; its coefficients, relative to the largest, do not change when the plane is moved,
    rotated or stretched. The points are ordered by them.
    """
    chosen = np.array(list(combinations(range(len(places)), 4)), np.int64)
    p = places[chosen]
    areas = np.stack(
        [(-1.0) ** k * _area(np.delete(p, k, axis=1)) for k in range(4)], axis=1
    )
    size = _size(p)
    top = np.take_along_axis(areas, np.abs(areas).argmax(axis=1)[:, None], axis=1)
    good = (size > LEAST_SIZE) & (np.abs(top[:, 0]) > 0.02 * size**2)
    relative = areas[good] / top[good]
    order = np.argsort(-relative, axis=1)
    relative = np.take_along_axis(relative, order, axis=1)
    return (
        np.take_along_axis(chosen[good], order, axis=1),
        relative[:, 1:3].copy(),
        size[good],
    )


def _triangles(places: Floats) -> tuple[Indices, Floats, Floats]:
    """Return all triangles in their natural order, two numbers of each, and sizes.

    The numbers are the place of the third corner in a frame in which the longest side
    goes from 0 to 1; the corner nearer to it is the 0.
    """
    chosen = np.array(list(combinations(range(len(places)), 3)), np.int64)
    z = _complex(places)[chosen]
    opposite = np.abs(np.roll(z, -1, axis=1) - np.roll(z, 1, axis=1))
    third = opposite.argmax(axis=1)
    order = (third[:, None] + np.array([1, 2, 0])) % 3
    chosen = np.take_along_axis(chosen, order, axis=1)
    z = np.take_along_axis(z, order, axis=1)
    swap = np.abs(z[:, 2] - z[:, 1]) < np.abs(z[:, 2] - z[:, 0])
    chosen[swap, :2] = chosen[swap, 1::-1]
    z[swap, :2] = z[swap, 1::-1]
    side = z[:, 1] - z[:, 0]
    size = np.abs(side)
    form = (z[:, 2] - z[:, 0]) / np.where(size > 0, side, 1.0)
    good = size > LEAST_SIZE
    return chosen[good], np.stack([form.real, form.imag], axis=1)[good], size[good]


def _area(p: Floats) -> Floats:
    """Return twice the signed area of triangles, float64[n, 3, 2]."""
    a, b = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _size(p: Floats) -> Floats:
    """Return the longest distance between points of each pattern."""
    apart = p[:, :, None, :] - p[:, None, :, :]
    return np.asarray(np.sqrt((apart**2).sum(axis=-1)).max(axis=(1, 2)))


def _refined(detected: Floats, known: Floats, moved: Floats, radius: float) -> Pairs:
    """Return the pairs of nearest stars, after the map was fitted to them."""
    pairs = nearest_pairs(moved, known, radius)
    for _ in range(3):
        if len(pairs.known) < LEAST:
            break
        ones = np.ones((len(detected), 1))
        design = np.hstack([detected, ones])
        chosen = design[pairs.detected], known[pairs.known]
        matrix = np.linalg.lstsq(*chosen, rcond=None)[0]
        pairs = nearest_pairs(design @ matrix, known, radius)
    return pairs


def nearest_pairs(places: Floats, known: Floats, radius: float) -> Pairs:
    """Return the pairs that are each other's nearest, within a radius."""
    away, there = scipy.spatial.cKDTree(known).query(places)
    back = scipy.spatial.cKDTree(places).query(known)[1]
    mine = np.arange(len(places))
    good = (away <= radius) & (back[there] == mine)
    return Pairs(mine[good], np.asarray(there[good], np.int64))
