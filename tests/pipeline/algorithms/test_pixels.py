"""Tests of pixel tables that are functions of the detector image."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.algorithms.geometry import slice_map
from pipeline.algorithms.pixels import DetectorPixels, SlicePixels, origin_keywords
from pipeline.instrument import MINI
from pipeline.memory import MemoryImage
from pipeline.spec import PixelTable, Planes, blocks
from tests.pipeline.mini_tables import geometry_table, trace_table, wavecal_table


@pytest.fixture(scope="module")
def slices():
    return slice_map(1, MINI.shape, trace_table(), wavecal_table(), geometry_table())


@pytest.fixture(scope="module")
def planes():
    rng = np.random.default_rng(3)
    data = rng.normal(500.0, 20.0, MINI.shape).astype(np.float32)
    return Planes(data, rng.integers(0, 2, MINI.shape).astype(np.uint32), abs(data))


@pytest.fixture(scope="module")
def table(slices, planes):
    pixels = SlicePixels(slices, shift=0.03, low=5500.0, high=6900.0)
    return DetectorPixels(pixels, MemoryImage(planes), {})


def test_is_a_pixel_table(table):
    frame: PixelTable = table
    assert frame.n_rows == frame.segments[-1].stop > 300_000
    assert [s.slice for s in frame.segments] == list(range(1, MINI.n_slices + 1))
    assert frame.flat_spectrum() is None


def test_any_part_equals_the_whole(table):
    whole = table.read(slice(0, table.n_rows))
    for rows in (slice(0, 1), slice(12_345, 98_765), slice(table.n_rows - 5, table.n_rows)):
        for part, column in zip(table.read(rows), whole, strict=True):
            assert_array_equal(part, column[rows])
    assert len(table.read(slice(7, 7)).data) == 0


def test_blocks_of_the_detector_cover_the_table(table, planes):
    whole = table.read(slice(0, table.n_rows))
    seen = np.zeros(table.n_rows, int)
    for rows in blocks(MINI.shape[0], 100):
        block = Planes._make(np.ascontiguousarray(plane[rows]) for plane in planes)
        for where, pixels in table.pixels.spread(rows, block):
            seen[where] += 1
            for part, column in zip(pixels, whole, strict=True):
                assert_array_equal(part, column[where])
    assert (seen == 1).all()


def test_segments_hold_their_slice_in_detector_order(table, slices):
    keywords = origin_keywords(slices)
    for segment in table.segments[::5]:
        origin = table.read(slice(segment.start, segment.stop)).origin.astype(np.int64)
        assert (origin & 0x3F == segment.slice).all()
        assert (origin >> 6 & 0x1F == 1).all()
        key = f"ESO DRS MUSE PIXTABLE EXP0 IFU01 SLICE{segment.slice:02d} XOFFSET"
        x = (origin >> 24) + keywords[key]
        y = origin >> 11 & 0x1FFF
        assert (np.diff(y * 10_000 + x) > 0).all()


def test_values_come_from_the_detector(table, planes, slices):
    keywords = origin_keywords(slices)
    segment = table.segments[7]
    pixels = table.read(slice(segment.start, segment.stop))
    key = f"ESO DRS MUSE PIXTABLE EXP0 IFU01 SLICE{segment.slice:02d} XOFFSET"
    x = (pixels.origin >> 24).astype(int) + keywords[key] - 1
    y = (pixels.origin >> 11 & 0x1FFF).astype(int) - 1
    for name in ("data", "dq", "stat"):
        assert_array_equal(getattr(pixels, name), getattr(planes, name)[y, x])


def test_corrections_see_each_slice_in_turn(slices, planes):
    def brighten(number, pixels):
        pixels.data[:] *= number

    pixels = SlicePixels(slices, corrections=[brighten])
    plain = DetectorPixels(SlicePixels(slices), MemoryImage(planes), {})
    corrected = DetectorPixels(pixels, MemoryImage(planes), {})
    segment = plain.segments[4]
    rows = slice(segment.start - 10, segment.start + 10)
    ratio = corrected.read(rows).data / plain.read(rows).data
    np.testing.assert_allclose(ratio, [4.0] * 10 + [5.0] * 10, rtol=1e-6)
