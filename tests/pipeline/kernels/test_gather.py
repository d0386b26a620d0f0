"""Choosing pixels of a range of wavelengths."""

from itertools import pairwise

import numpy as np
from numpy.testing import assert_array_equal

from pipeline.kernels.gather import (
    first_from,
    gather_good,
    rows_at,
    wavelengths_at_ends,
)

LIMITS = (2.0, 8.0, 0.0, 7.5)


def test_good_pixels_of_a_range_keep_their_order():
    rng = np.random.default_rng(2)
    n = 500
    columns = [rng.uniform(0, 10, n).astype("f4") for _ in range(4)]
    dq = (rng.random(n) < 0.2).astype("u4")
    stat, origin = rng.random(n).astype("f4"), np.arange(n, dtype="u4")
    columns[3][::7] = np.nan
    pixels = [*columns, dq, stat, origin]
    wavelength = columns[2]
    good = (wavelength >= 2) & (wavelength < 8) & (wavelength <= 7.5)
    good &= (dq == 0) & np.isfinite(columns[3])
    expected = [column[good] for column in pixels]
    room = tuple(np.zeros(n + 5, column.dtype) for column in pixels)
    stop = gather_good(tuple(pixels), LIMITS, room, 5)
    assert 105 < stop < n
    for column, wanted in zip(room, expected, strict=True):
        assert_array_equal(column[5:stop], wanted)
        assert not column[:5].any()
    in_place = tuple(column.copy() for column in pixels)
    n_good = gather_good(in_place, LIMITS, in_place, 0)
    for column, wanted in zip(in_place, expected, strict=True):
        assert_array_equal(column[:n_good], wanted)
    nothing = tuple(column[:0] for column in pixels)
    assert gather_good(nothing, LIMITS, room, 5) == 5


def test_wavelengths_at_the_ends_of_pieces():
    wavelength = np.random.default_rng(1).normal(7000, 100, 60).astype(np.float32)
    bounds = np.array([0, 30, 30, 34, 60])
    highest, lowest = wavelengths_at_ends(wavelength, bounds, 8)
    pieces = [wavelength[a:b] for a, b in pairwise(bounds)]
    for piece, high, low in zip(pieces, highest, lowest, strict=True):
        assert high == (piece[:8].max() if len(piece) else np.inf)
        assert low == (piece[-8:].min() if len(piece) else -np.inf)


def test_first_pixel_of_pieces_that_is_not_below():
    """Wavelengths rise from line to line of 8 pixels, not within one."""
    rng = np.random.default_rng(3)
    wavelength = np.repeat(np.arange(12.0), 8) + rng.uniform(0, 1.9, 96)
    bounds = np.array([0, 40, 40, 43, 96])
    for limit in (-1.0, 0.5, 4.9, 7.0, 20.0):
        first = first_from(wavelength.astype("f4"), bounds, limit, 16)
        for (a, b), found in zip(pairwise(bounds), first, strict=True):
            (there,) = np.nonzero(wavelength[a:b].astype("f4") >= limit)
            assert found == (there[0] if len(there) else b - a)


def test_rows_of_wavelengths():
    known = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 5.0], [6.0, 7.0, 8.0]])
    rows = np.array([[0.0, 10.0, 20.0], [30.0, 40.0, 50.0], [60.0, 70.0, 80.0]])
    for wavelength in (0.5, 1.0, 1.5, 3.0, 4.0, 4.5, 8.0, 9.0):
        expected = [np.interp(wavelength, *one) for one in zip(known, rows, strict=True)]
        assert_array_equal(rows_at(wavelength, known, rows), expected)
