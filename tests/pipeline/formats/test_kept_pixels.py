"""Pixel tables that are handed on without a file."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.formats.cards import Keywords
from pipeline.formats.kept_pixels import KeptPixels
from pipeline.spec import Pixels, Segment

N = 10


class Row:
    """Places that are a function of the row."""

    segments = (Segment(0, 1, 5, 0, N),)

    def places(self, rows):
        x = np.arange(rows.start, rows.stop, dtype=np.float32)
        none = np.zeros(len(x), np.float32)
        bits = np.zeros(len(x), np.uint32)
        return Pixels(x, x + 1, x + 5000, none, bits, none, bits)


@pytest.fixture
def kept():
    with tempfile.TemporaryFile() as file:
        header = Keywords({"EXPTIME": 5.0})
        yield KeptPixels(Path("T-01.fits"), header, N, Row(), file.fileno(), ("weight",))


def written(kept, rows):
    values = np.arange(rows.start, rows.stop, dtype=np.float32)
    pixels = Row().places(rows)
    kept.write(rows, pixels._replace(data=values * 2, stat=values * 3))
    kept.write_extra(rows, {"weight": values * 4})


def test_what_was_written_is_read(kept):
    for rows in (slice(6, N), slice(0, 6)):
        written(kept, rows)
    kept.close()
    table = kept.table("PIXTABLE_OBJECT", 1)
    pixels = table.read(slice(3, 8))
    for name, factor in (("xpos", 1), ("data", 2), ("stat", 3)):
        assert getattr(pixels, name).tolist() == [factor * k for k in range(3, 8)]
    further = table.read_further(slice(3, 8))
    assert {k: v.tolist() for k, v in further.items()} == {"weight": [12, 16, 20, 24, 28]}


def test_what_was_not_written_is_no_zero(kept):
    written(kept, slice(0, 6))
    kept.close()
    table = kept.table("PIXTABLE_OBJECT", 1)
    with pytest.raises(EOFError, match="were not written"):
        table.read_further(slice(0, N))


def test_columns_of_other_types_are_refused(kept):
    with pytest.raises(TypeError, match="weight: float64"):
        kept.write_extra(slice(0, 2), {"weight": np.zeros(2)})
    with pytest.raises(KeyError):
        kept.write_extra(slice(0, 2), {})
