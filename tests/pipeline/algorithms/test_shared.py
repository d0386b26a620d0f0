"""Tests of an image that several exposures share."""

import numpy as np
from numpy.testing import assert_array_equal

from pipeline.algorithms.shared import SharedImage
from pipeline.memory import MemoryImage
from pipeline.spec import Planes


class Counting(MemoryImage):
    """An image that knows how often it was read."""

    n_reads = 0

    def read(self, rows):
        self.n_reads += 1
        return super().read(rows)


def image():
    data = np.arange(20, dtype=np.float32).reshape(5, 4)
    planes = Planes(data, data.astype(np.uint32), data + 1)
    return Counting(planes, {"EXPTIME": 3.0}, "MASTER_FLAT", 7, "flat.fits")


def test_rows_are_those_of_the_image():
    source = image()
    shared = SharedImage(source)
    for rows in (slice(0, 2), slice(2, 5), slice(0, 5), slice(3, 3)):
        for found, expected in zip(shared.read(rows), source.read(rows), strict=True):
            assert_array_equal(found, expected)


def test_the_same_rows_are_read_once():
    source = image()
    shared = SharedImage(source)
    for rows in (slice(0, 2), slice(2, 4)):
        first = shared.read(rows)
        assert all(shared.read(slice(rows.start, rows.stop)) is first for _ in range(3))
    assert source.n_reads == 2
    shared.read(slice(0, 2))
    assert source.n_reads == 3


def test_it_stands_for_the_image():
    shared = SharedImage(image())
    assert (shared.name, shared.tag, shared.ifu) == ("flat.fits", "MASTER_FLAT", 7)
    assert shared.shape == (5, 4) and shared.header["EXPTIME"] == 3.0
