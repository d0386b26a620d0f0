"""Pieces of columns that are not in memory are read like those that are."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks.measure import drop_cached
from pipeline.formats.pieces import read_words
from tests.pipeline.cached_files import in_memory

N_WORDS = 1 << 18
FIRST = 5
"""Bytes before the first word."""
PARTS = [slice(70_000, 120_000), slice(7, 7), slice(0, 1), slice(65_530, 65_536)]


@pytest.fixture
def words():
    return np.random.default_rng(1).integers(0, 1 << 32, N_WORDS, np.uint32)


@pytest.fixture
def path(tmp_path, words):
    path = tmp_path / "x.fits"
    path.write_bytes(bytes(FIRST) + words.astype(">u4").tobytes())
    return path


def read(path, offsets, parts):
    n = sum(part.stop - part.start for part in parts)
    columns = [np.zeros(n, np.uint32) for _ in offsets]
    with path.open("rb") as stream:
        read_words(stream.fileno(), offsets, parts, columns)
    return columns


@pytest.mark.parametrize("cold", [False, True])
def test_pieces_are_those_of_the_file(path, words, cold):
    if cold:
        drop_cached([path])
        assert not in_memory(path)
    starts = (0, N_WORDS // 2)
    found = read(path, [FIRST + 4 * start for start in starts], PARTS)
    for start, column in zip(starts, found, strict=True):
        there = [words[start:][part] for part in PARTS]
        assert_array_equal(column, np.concatenate(there))


def test_what_is_in_memory_is_read_once(path, words):
    """A page of the middle is dropped: the pieces around it are whole all the same."""
    drop_cached([path])
    read(path, [FIRST], PARTS[2:])
    assert in_memory(path)
    assert_array_equal(read(path, [FIRST], [slice(0, N_WORDS)])[0], words)


def test_a_file_that_ends_too_early_is_told(path):
    with pytest.raises(OSError, match="ends within"):
        read(path, [FIRST], [slice(N_WORDS - 2, N_WORDS + 1)])
