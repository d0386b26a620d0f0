"""Tests of reading pixels by wavelength, against looking at every pixel."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.algorithms import slab
from pipeline.algorithms.exposure import merge
from pipeline.algorithms.slab import PLACES, Sampled, run_steps
from pipeline.formats.cards import Keywords
from pipeline.formats.pixtable import open_pixtable
from pipeline.formats.pixtable_writer import PixelTableProduct
from pipeline.memory import MemoryPixels
from pipeline.spec import Pixels
from tests.pipeline.slice_pixels import slice_pixels


@pytest.fixture(scope="module")
def table():
    return slice_pixels(size=(40, 4), n_planes=300)


def within(pixels, low, high):
    used = (pixels.wavelength >= low) & (pixels.wavelength < high)
    used &= (pixels.dq == 0) & np.isfinite(pixels.data)
    return [column[used] for column in pixels]


@pytest.mark.parametrize(
    ("low", "high"),
    [(5100.0, 5110.0), (0.0, 9000.0), (5376.0, 9000.0), (4000.0, 5000.9), (5200.0, 5200.1)],
)
def test_finds_every_pixel_of_a_range(table, low, high):
    for found, expected in zip(
        Sampled(table).read(low, high), within(table.pixels, low, high), strict=True
    ):
        assert_array_equal(found, expected)


def test_ranges_add_up(table):
    edges = [0.0, 5050.3, 5050.7, 5200.0, 9000.0]
    parts = [Sampled(table).read(*edge) for edge in pairwise(edges)]
    assert sum(len(part.data) for part in parts) == table.n_rows


def test_reads_only_what_is_near():
    table = slice_pixels(size=(40, 1), n_planes=4000)
    sampled, read = Sampled(table), []
    assert sampled.samples
    original = table.read
    table.read = lambda rows: read.append(rows) or original(rows)
    assert len(sampled.read(6000.0, 6002.5).data) == 80
    assert sum(r.stop - r.start for r in read) < 0.05 * table.n_rows


def test_few_rows_are_read_in_vain():
    """5.5 detector rows of the widest slices at both ends together, at the first try."""
    table = slice_pixels(size=(82, 2), n_planes=4000)
    sampled, read = Sampled(table), []
    assert sampled.samples
    original = table.fill
    table.fill = lambda parts, out: read.append(parts) or original(parts, out)
    lows = np.arange(5100.0, 9900.0, 37.0)
    n_found = sum(len(sampled.read(low, low + 12.5).data) for low in lows)
    assert len(read) == len(lows)
    n_read = sum(part.stop - part.start for parts in read for part in parts)
    assert n_read < n_found + 5.5 * 82 * 2 * len(lows)


def test_where_the_next_range_begins_is_remembered():
    """Of 5.5 lines in vain three are left, and no pixel is missed."""
    table = slice_pixels(size=(82, 2), n_planes=4000)
    fresh, sampled, read = Sampled(table), Sampled(table), []
    edges = np.linspace(5100.0, 9900.0, 97)
    assert sampled.samples and fresh.samples
    original, n_found = table.fill, 0
    for low, high in pairwise(edges.tolist()):
        expected = fresh.read(low - 0.3, high)
        table.fill = lambda parts, out: read.append(parts) or original(parts, out)
        found = sampled.read(low - 0.3, high, high - 0.3)
        table.fill = original
        for column, wanted in zip(found, expected, strict=True):
            assert_array_equal(column, wanted)
        n_found += len(found.data)
    assert len(read) == len(edges) - 1
    n_read = sum(part.stop - part.start for parts in read[1:] for part in parts)
    assert n_read < n_found + 3.5 * 82 * 2 * len(edges)
    assert list(sampled._begins) == [float(np.float32(edges[-1] - 0.3))]


def test_flagged_and_missing_pixels_are_left_out(table):
    pixels = Pixels._make(column.copy() for column in table.pixels)
    pixels.dq[::3] = 32
    pixels.data[1::3] = np.nan
    spoiled = MemoryPixels(pixels, table.segments)
    assert_array_equal(Sampled(spoiled).read(0, 1e4).data, table.pixels.data[2::3])
    pixels.dq[:] = 32
    assert len(Sampled(spoiled).read(0, 1e4).data) == 0


def test_cut_to_the_range_of_interest(table):
    found = Sampled(table, 5100.0, 5200.0).read(0.0, 1e4).wavelength
    assert found.min() >= 5100.0 and found.max() <= 5200.0
    assert len(found) == np.sum(abs(table.pixels.wavelength - 5150.0) <= 50.0)
    assert not list(Sampled(table, 100.0, 200.0).windows(len))


@pytest.mark.parametrize("limits", [(0.0, np.inf), (5100.0, 5200.0)])
def test_windows_have_the_columns_that_are_asked_for(table, tmp_path, limits):
    stored = stored_table(tmp_path / "p.fits", table)
    whole = list(Sampled(table, *limits).windows(lambda window: window))
    for source in (table, stored, merge([stored])):
        sampled = Sampled(source, *limits)
        places = list(sampled.windows(lambda window: window, PLACES))
        for window, full in zip(places, whole, strict=True):
            for name, column in window._asdict().items():
                wanted = getattr(full, name) if name in PLACES else []
                assert_array_equal(column, wanted)
        found = sampled.read(5100.0, 5110.0)  # by what the windows told
        assert_array_equal(found.data, Sampled(table, *limits).read(5100.0, 5110.0).data)


def stored_table(path, table):
    writer = PixelTableProduct(path, Keywords(table.header), table.n_rows, unit="count")
    writer.write(slice(0, table.n_rows), table.pixels)
    writer.close()
    return open_pixtable(path, "PIXTABLE_OBJECT")


def test_one_pixel():
    table = slice_pixels(size=(1, 1), n_planes=1)
    assert len(Sampled(table).read(0.0, 1e4).data) == 1
    assert len(Sampled(table).read(0.0, 10.0).data) == 0


def test_steps_come_in_their_order(table):
    def doubled(pixels):
        pixels.data[:] *= 2
        return pixels

    def raised(pixels):
        pixels.data[:] += 1
        return pixels

    part = table.read(slice(0, 5))
    found = run_steps(table.read(slice(0, 5)), (doubled, raised)).data
    assert_array_equal(found, part.data * np.float32(2) + np.float32(1))


@pytest.mark.parametrize("together", [1, 3, 24])
@pytest.mark.parametrize("limits", [(5100.0, 5110.0), (5333.3, 9000.0), (4000.0, 5020.0)])
def test_windows_hold_both_ends_of_what_the_limits_leave(limits, together, monkeypatch):
    monkeypatch.setattr(slab, "_TOGETHER", together)
    table = slice_pixels(size=(40, 4), n_planes=4000)
    low, high = limits
    parts = list(Sampled(table, *limits).windows(lambda p: (p.origin, p.wavelength)))
    origin, seen = (np.concatenate(column) for column in zip(*parts, strict=True))
    for segment in table.segments:
        wavelength = table.pixels.wavelength[segment.start : segment.stop]
        inside = wavelength[(wavelength >= low) & (wavelength <= high)]
        found = seen[origin & 0x7FF == segment.ifu << 6 | segment.slice]
        assert (found.min(), found.max()) == (inside.min(), inside.max())


def test_windows_outside_of_the_limits_are_not_used(table):
    assert not list(Sampled(table, 9000.0, 9100.0).windows(len))


def test_density_of_pixels(table):
    wavelength = table.pixels.wavelength
    expected = table.n_rows / (wavelength.max() - wavelength.min())
    assert Sampled(table).density == pytest.approx(expected)
    assert Sampled(table, 5000.0, 5010.0).density == pytest.approx(expected)
