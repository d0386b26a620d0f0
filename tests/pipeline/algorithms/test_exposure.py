"""IFUs of an exposure on one scale, the lamp spectrum put back."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.exposure import flux_scales, group_exposures, merge
from pipeline.memory import MemoryPixels
from pipeline.spec import BadInput, Pixels, Segment, Table

SKY, LAMP = "ESO DRS MUSE FLAT FLUX SKY", "ESO DRS MUSE FLAT FLUX LAMP"
GRID = np.arange(5300.0, 7100.0, 1.25)


def spectrum(level):
    columns = {"lambda": GRID, "data": level * (1 + GRID / 1e4)}
    return Table(columns, {"lambda": "Angstrom", "data": "count"})


def table(ifu, keywords, flat=None, date="2026-09-03T04:00:00.000"):
    n = 5
    wavelength = np.linspace(5500, 6500, n).astype(np.float32)
    data = np.full(n, 100.0, np.float32)
    dq = np.arange(n, dtype=np.uint32)
    origin = np.full(n, ifu << 6 | 1, np.uint32)
    zero = np.zeros(n, np.float32)
    pixels = Pixels(zero, zero, wavelength, data, dq, data / 4, origin)
    header = {"DATE-OBS": date, **keywords}
    return MemoryPixels(
        pixels,
        [Segment(0, ifu, 1, 0, n)],
        header,
        "PIXTABLE_OBJECT",
        ifu,
        f"{ifu}.fits",
        flat,
    )


def test_the_sky_sets_the_scale_if_all_have_it():
    both = [table(1, {SKY: 2.0, LAMP: 5.0}), table(2, {SKY: 4.0, LAMP: 5.0})]
    assert flux_scales(both) == [1.0, 0.5]
    mixed = [
        table(1, {SKY: 2.0, LAMP: 6.0}),
        table(2, {SKY: 4.0, LAMP: 3.0}),
        table(3, {LAMP: 2.0}),
    ]
    assert flux_scales(mixed) == [1.0, 2.0, 3.0]
    assert flux_scales([table(1, {SKY: 2.0}), table(2, {})]) == [1.0, 1.0]


def test_variance_takes_the_square_and_flags_stay():
    tables = [table(1, {SKY: 2.0}, spectrum(1.0)), table(2, {SKY: 4.0}, spectrum(3.0))]
    merged = merge(tables)
    pixels = merged.read(slice(0, 10))
    scale = np.repeat([1.0, 0.5], 5) * 2 * (1 + pixels.wavelength / 1e4)
    assert_allclose(pixels.data, 100 * scale, rtol=1e-5)
    assert_allclose(pixels.stat, 25 * scale**2, rtol=1e-5)
    assert_array_equal(pixels.dq, [*range(5), *range(5)])
    assert [(s.ifu, s.start, s.stop) for s in merged.segments] == [(1, 0, 5), (2, 5, 10)]
    for rows in (slice(3, 7), slice(6, 9)):
        for whole, part in zip(pixels, merged.read(rows), strict=True):
            assert_array_equal(whole[rows], part)


def test_lamp_spectra_of_some_ifus_only_are_refused():
    with pytest.raises(BadInput, match=r"2\.fits.*no lamp-flat spectrum"):
        merge([table(1, {}, spectrum(1.0)), table(2, {})])
    assert merge([table(1, {}), table(2, {})]).flat is None


def test_positions_do_not_wait_for_the_lamp_spectrum():
    merged = merge([table(1, {}, spectrum(1.0)), table(2, {}, spectrum(3.0))])
    asked = []
    wait = merged.wait_for_flat
    later = replace(merged, wait_for_flat=lambda: asked.append(1) or wait())
    places = later.read(slice(2, 9), ("xpos", "ypos", "wavelength"))
    assert later.has_lamp and asked == []
    assert_array_equal(places.wavelength, merged.read(slice(2, 9)).wavelength)
    assert_array_equal(later.read(slice(2, 9)).data, merged.read(slice(2, 9)).data)
    assert_array_equal(later.flat, merged.flat)
    assert asked == [1]


def test_exposures_are_told_apart_by_their_date():
    late = table(1, {}, date="2026-09-03T05:00:00.000")
    groups = group_exposures([late, table(2, {}), table(1, {})])
    assert [[t.ifu for t in group] for group in groups] == [[1, 2], [1]]
    with pytest.raises(BadInput, match="twice"):
        group_exposures([table(1, {}), table(1, {})])
    with pytest.raises(BadInput, match="DATE-OBS"):
        group_exposures([replace(late, header={})])
