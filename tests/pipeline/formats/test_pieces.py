"""Pieces of columns that are not in memory are read like those that are."""

import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks.measure import drop_cached
from pipeline.formats import pieces
from pipeline.formats.pieces import read_words
from tests.pipeline.cached_files import forget, in_memory

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
        forget(path)
        assert not in_memory(path)
    starts = (0, N_WORDS // 2)
    found = read(path, [FIRST + 4 * start for start in starts], PARTS)
    for start, column in zip(starts, found, strict=True):
        there = [words[start:][part] for part in PARTS]
        assert_array_equal(column, np.concatenate(there))


def test_what_is_partly_in_memory_is_whole(path, words):
    drop_cached([path])
    read(path, [FIRST], PARTS[2:])
    assert in_memory(path)
    assert_array_equal(read(path, [FIRST], [slice(0, N_WORDS)])[0], words)


def test_a_file_that_ends_too_early_is_told(path):
    with pytest.raises(OSError, match="ends within"):
        read(path, [FIRST], [slice(N_WORDS - 2, N_WORDS + 1)])


def test_a_file_that_cannot_be_read_is_told_as_the_system_does(path):
    fd = os.open(path, os.O_WRONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        read_words(fd, [FIRST], [slice(0, 9)], [np.zeros(9, np.uint32)])
    os.close(fd)


def test_what_comes_in_parts_is_read_to_its_end(path, words, monkeypatch):
    """As after a signal, or more than 2 GB at once."""
    usual = os.preadv

    def some(fd, rooms, position):
        return usual(fd, [rooms[0][:1001]], position)

    monkeypatch.setattr(pieces, "read_rows", lambda *_: 1)
    monkeypatch.setattr(os, "preadv", some)
    there = np.concatenate([words[part] for part in PARTS])
    assert_array_equal(read(path, [FIRST], PARTS)[0], there)


@pytest.mark.parametrize("at_least", [1, 4096])
def test_no_piece_without_rows_is_asked_for(at_least, path, monkeypatch):
    """A length of 0 would stand for the rest of the file."""
    monkeypatch.setattr(pieces, "_AT_LEAST", at_least)
    asked = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _, *place: asked.append(place[:2]))
    monkeypatch.setattr(pieces, "read_rows", lambda *_: 1)
    read(path, [FIRST], PARTS)
    wanted = [(FIRST + 4 * p.start, 4 * (p.stop - p.start)) for p in PARTS]
    assert asked == [(place, max(n, at_least)) for place, n in wanted if n]


@pytest.mark.parametrize("column", [np.zeros(8, np.uint32), np.zeros(18, np.uint32)[::2]])
def test_columns_have_room_without_gaps(path, column):
    with path.open("rb") as stream, pytest.raises(ValueError, match="9 words"):
        read_words(stream.fileno(), [FIRST], [slice(0, 9)], [column])
