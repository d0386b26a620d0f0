"""Tests of lamps and catalogue."""

import numpy as np
import pytest

from pipeline.algorithms.arc_lines import group_by_lamp, lamps_on, read_catalogue
from pipeline.formats.tables import open_tables
from pipeline.memory import MemoryRaw, MemoryTable
from pipeline.spec import BadInput, Table
from pipeline.static import static_path


def header(*numbers, open_shutters=None):
    shutters = numbers if open_shutters is None else open_shutters
    return {f"ESO INS LAMP{n} ST": n in numbers for n in range(1, 7)} | {
        f"ESO INS SHUT{n} ST": n in shutters for n in range(1, 7)
    }


def raw(name, *numbers):
    return MemoryRaw(np.zeros((4, 4), np.uint16), header(*numbers), "ARC", 1, name)


def test_a_lamp_counts_with_its_shutter_open():
    everything_warm = header(1, 2, 3, 4, 5, 6, open_shutters=(4,))
    assert lamps_on(everything_warm, "arc.fits") == (4,)
    with pytest.raises(BadInput, match=r"arc\.fits"):
        lamps_on(header(4, open_shutters=(5,)), "arc.fits")
    with pytest.raises(BadInput, match="no arc lamp"):
        lamps_on(header(1, 2), "flat.fits")


def test_exposures_are_grouped_by_lamp():
    frames = [raw("a", 4), raw("b", 3, 6), raw("c", 4), raw("d", 5)]
    groups = group_by_lamp(frames)
    assert [[f.name for f in g.frames] for g in groups] == [["b"], ["a", "c"], ["d"]]
    assert [g.elements for g in groups] == [("Ne",), ("Xe",), ("Hg", "Cd")]
    assert groups[2].keyword == "ESO INS LAMP5 ST"


def test_the_shipped_catalogue_is_read():
    lines = read_catalogue(open_tables(static_path("LINE_CATALOG"), "LINE_CATALOG")[None])
    assert (np.diff(lines.wavelength) >= 0).all()
    assert set(lines.element) == {"Ne", "Xe", "Hg", "Cd"}
    mercury = lines.of(["Hg"])
    assert np.abs(mercury.wavelength - 5460.75).min() < 0.01


def test_a_catalogue_without_a_column_is_refused():
    table = Table({"lambda": np.array([5000.0]), "flux": np.array([1.0])}, {})
    frame = MemoryTable({"": table}, {"VERSION": 3}, "LINE_CATALOG", None, "lines.fits")
    with pytest.raises(BadInput, match="column ion"):
        read_catalogue(frame)
