"""Cells that surely do not stand out, against what each pixel is compared with."""

import numpy as np
import pytest

from pipeline.kernels.cells import clear_cells, describe_cells
from pipeline.kernels.crowds import unsure_cells
from pipeline.kernels.neighbours import surely_ordinary
from tests.pipeline.sorted_pixels import sorted_pixels

NY, NX = 5, 60
SHAPE = (3, NY, NX)


def pixels(n, n_exposures, seed, slope=0.0):
    """Pixels of random slices, the values of which rise along a row and vary a bit."""
    rng = np.random.default_rng(seed)
    x, y, z = (rng.uniform(-0.5, m - 0.5, n).astype("f4") for m in (NX, NY, 3))
    data = (slope * (x + y) + rng.normal(0, 1, n)).astype("f4")
    slit = (rng.integers(0, n_exposures, n) << 11 | rng.integers(1, 4, n)).astype(np.int32)
    return sorted_pixels(x, y, z, data, np.ones(n, "f4"), slit, shape=SHAPE)


def described(found):
    cells = np.empty((3, 6, NY + 2, NX + 2), "f4")
    marks, values = (
        np.empty((3, NY + 2, NX + 2), np.uint32),
        np.empty(len(found.slit), "f4"),
    )
    for plane in range(3):
        here = values, cells[plane], marks[plane]
        clear_cells(*here[1:])
        describe_cells(found.start, found.light, found.slit, plane * NY * NX, *here)
    return values, cells, marks


def unsure(found, limit, asked=slice(None)):
    """Return whether the cells of the middle plane are unsure."""
    wide = np.arange(NY * NX, dtype=np.int32)[asked].copy()
    _, cells, marks = described(found)
    n = unsure_cells(cells, marks, 1, np.ones((NY, NX), "f4"), limit, wide)
    picked = np.zeros(NY * NX, np.bool_)
    picked[wide[:n]] = True
    return picked.reshape(NY, NX)


def around(found, b, a, k):
    """Return the values around, whether they are of the cell, and of another slice."""
    near = []
    for c in range(3):
        for row in range(max(b - 1, 0), min(b + 2, NY)):
            for column in range(max(a - 1, 0), min(a + 2, NX)):
                cell = (c * NY + row) * NX + column
                here = slice(*found.start[cell : cell + 2])
                own = np.full(here.stop - here.start, (c, row, column) == (1, b, a))
                other = found.slit[here] != found.slit[k]
                near.append(np.stack([found.light[here, 0], own, other]))
    values, own, other = np.concatenate(near, axis=1)
    return values, own != 0, other != 0


def pixels_of(found, b, a):
    cell = (NY + b) * NX + a
    return range(found.start[cell], found.start[cell + 1])


@pytest.mark.parametrize(
    ("n_exposures", "limit", "least"), [(1, 1.5, 50), (2, 1.5, 300), (5, 3.5, 500)]
)
def test_no_pixel_of_a_sure_cell_stands_out(n_exposures, limit, least):
    n_sure = 0
    for seed in range(3):
        found = pixels(900 * n_exposures, n_exposures, seed)
        sure = ~unsure(found, limit)
        n_sure += sure.sum()
        for b, a in zip(*np.nonzero(sure), strict=True):
            for k in pixels_of(found, b, a):
                values, own, other = around(found, b, a, k)
                assert found.light[k, 0] - limit <= np.median(values[own | other])
    assert n_sure >= least


def test_a_high_pixel_is_unsure():
    found = pixels(4000, 3, 1)
    own = slice(found.start[NY * NX + NX + 2], found.start[NY * NX + NX + 3])
    found.light[own, 0] += 10.0
    picked = unsure(found, 3.0)
    assert picked[1, 2] and not picked[4, 5]


@pytest.mark.parametrize(
    "asked", [slice(3, None, 7), slice(11, None, 18), [5, 59, 60, 299]]
)
def test_cells_that_are_not_asked_about_do_not_matter(asked):
    found = pixels(1800, 2, 4)
    all_of_them = unsure(found, 1.0).ravel()
    expected = np.zeros(NY * NX, np.bool_)
    expected[asked] = all_of_them[asked]
    assert expected.any()
    assert (unsure(found, 1.0, asked).ravel() == expected).all()


@pytest.mark.parametrize(("n_exposures", "slope"), [(1, 0.0), (3, 0.5), (8, 1.0), (8, 0.3)])
def test_counts_leave_no_pixel_out_that_stands_out(n_exposures, slope):
    """Too many as high for a cosmic ray, or a median that reaches the bar."""
    found = pixels(900 * n_exposures, n_exposures, 7, slope)
    values, cells, marks = described(found)
    n_ordinary = 0
    for b, a in np.ndindex(NY, NX):
        bar = max((values[k] for k in pixels_of(found, b, a)), default=0) - 3.0
        given = found.start, values, cells, marks
        ordinary = surely_ordinary(*given, np.inf, 1, b, a, SHAPE)
        reached = surely_ordinary(*given, bar, 1, b, a, SHAPE)
        n_ordinary += ordinary
        for k in pixels_of(found, b, a):
            near, own, other = around(found, b, a, k)
            n_higher = (other & (near >= values[k])).sum()
            rows, columns = slice(max(b - 2, 0), b + 3), slice(max(a - 2, 0), a + 3)
            numbers = np.diff(found.start).reshape(SHAPE)[:, rows, columns]
            rank = min(2 + numbers.sum() // 30, 16)
            assert not ordinary or n_higher >= rank
            median = np.median(near[own | other])
            assert not reached or n_higher >= rank or median >= values[k] - 3.0
    assert n_exposures == 1 or n_ordinary > 10
