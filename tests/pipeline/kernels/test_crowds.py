"""Cells that surely do not stand out, against what each pixel is compared with."""

import numpy as np
import pytest

from pipeline.kernels.cells import cell_extremes, longest_runs
from pipeline.kernels.crowds import describe_crowd, surely_half_reach
from tests.pipeline.sorted_pixels import sorted_pixels

NY, NX = 5, 6
SHAPE = (3, NY, NX)


def pixels(n, n_exposures, seed):
    rng = np.random.default_rng(seed)
    x, y, z = (rng.uniform(-0.5, m - 0.5, n).astype("f4") for m in (NX, NY, 3))
    data = rng.normal(0, 1, n).astype("f4")
    slit = (rng.integers(0, n_exposures, n) << 11 | rng.integers(1, 4, n)).astype(np.int32)
    return sorted_pixels(x, y, z, data, np.ones(n, "f4"), slit, shape=SHAPE)


def marked(found, limit):
    """Return the marks of the middle plane."""
    lowest = np.full((3, NY + 2, NX + 2), np.inf, "f4")
    number, spare = np.zeros((2, *lowest.shape), "f4")
    low, high, quiet = np.empty((3, 3, NY, NX), "f4")
    runs, surely = np.empty((3, NY, NX), np.int32), np.empty((NY, NX), np.bool_)
    for plane in range(3):
        first = plane * NY * NX
        cell_extremes(
            found.start, found.light, first, low[plane], high[plane], quiet[plane]
        )
        longest_runs(found.start, found.slit, first, runs[plane])
        around = lowest[plane], number[plane], spare[plane]
        describe_crowd(found.start, first, low[plane], runs[plane], *around)
    variance = np.ones((NY, NX), "f4")
    cells = np.arange(NY * NX, dtype=np.int32)
    of_middle = runs[1], high[1], variance
    surely_half_reach(lowest, number, spare, *of_middle, limit, cells, surely)
    return surely


def compared_with(found, b, a, k):
    """Return the values around that are not of the slice of pixel ``k``, or in its cell."""
    values = []
    for c in range(3):
        for row in range(max(b - 1, 0), min(b + 2, NY)):
            for column in range(max(a - 1, 0), min(a + 2, NX)):
                cell = (c * NY + row) * NX + column
                own = (c, row, column) == (1, b, a)
                values += [
                    found.light[i, 0]
                    for i in range(found.start[cell], found.start[cell + 1])
                    if own or found.slit[i] != found.slit[k]
                ]
    return values


@pytest.mark.parametrize(
    ("n_exposures", "limit", "least"), [(1, 1.5, 0), (2, 1.5, 50), (5, 3.5, 50)]
)
def test_no_pixel_of_a_marked_cell_stands_out(n_exposures, limit, least):
    n_marked = 0
    for seed in range(10):
        found = pixels(150 * n_exposures, n_exposures, seed)
        surely = marked(found, limit)
        n_marked += surely.sum()
        for b, a in zip(*np.nonzero(surely), strict=True):
            cell = (NY + b) * NX + a
            for k in range(found.start[cell], found.start[cell + 1]):
                level = np.median(compared_with(found, b, a, k))
                assert found.light[k, 0] - limit <= level
    assert n_marked >= least


def test_a_high_pixel_is_not_marked():
    found = pixels(400, 3, 1)
    own = slice(found.start[NY * NX + 8], found.start[NY * NX + 9])
    found.light[own, 0] += 10.0
    surely = marked(found, 3.0)
    assert not surely[1, 2] and surely[4, 5]
