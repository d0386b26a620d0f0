import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.formats.spool import SpooledImage
from pipeline.outputs import FileOutputs
from pipeline.provenance import Origin
from pipeline.recipes.flat import flat
from pipeline.spec import Planes, blocks


def planes(shape, seed=1):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 1 << 32, (3, *shape), dtype=np.uint32)
    return Planes(bits[0].view(np.float32), bits[1], bits[2].view(np.float32))


@pytest.fixture
def spool(tmp_path):
    with (tmp_path / "spool").open("w+b", buffering=0) as file:
        yield SpooledImage(file.fileno(), (50, 30))


def part(image, rows):
    return Planes._make(plane[rows] for plane in image)


def assert_same(found, expected):
    for there, here in zip(found, expected, strict=True):
        assert there.dtype == here.dtype
        assert_array_equal(there.view(np.uint32), here.view(np.uint32))


def test_every_bit_comes_back_and_rows_may_be_replaced(spool):
    image, other = planes(spool.shape), planes((7, 30), seed=2)
    for rows in reversed(list(blocks(50, 7))):
        spool.write(rows, part(image, rows))
    assert_same(spool.read(slice(0, 50)), image)
    spool.write(slice(10, 17), other)
    assert_same(spool.read(slice(10, 17)), other)
    assert_same(spool.read(slice(3, 10)), part(image, slice(3, 10)))
    assert_same(spool.read(slice(17, 50)), part(image, slice(17, 50)))


def test_planes_that_lie_apart_in_memory(spool):
    image = planes((50, 60))
    spool.write(slice(0, 50), Planes._make(plane[:, ::2] for plane in image))
    columns = Planes._make(np.ascontiguousarray(plane[:, ::2]) for plane in image)
    assert_same(spool.read(slice(0, 50)), columns)


def test_rows_beyond_those_written_are_not_made_up(spool):
    spool.write(slice(0, 10), part(planes(spool.shape), slice(0, 10)))
    with pytest.raises(EOFError, match="rows 45 to 50"):
        spool.read(slice(45, 50))


def test_outputs_leave_no_spool_behind(tmp_path):
    outputs = FileOutputs(flat, tmp_path, Origin(flat, {}, {}, {}, [], None), 1)
    image = planes((20, 10))
    with outputs.spool((20, 10)) as spool:
        spool.write(slice(0, 20), image)
        assert_same(spool.read(slice(0, 20)), image)
        file = spool._fd
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)
    assert not list(tmp_path.iterdir())
