"""Words on their way into a file, through the system's memory and past it."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.formats import wordfile
from pipeline.formats.wordfile import DirectFile, WordFile, open_words
from tests.pipeline.cached_files import in_memory

N = 1_700_003
"""Words: more than six rooms hold, and no multiple of a page."""

FIRST = 2884
"""Where they begin in the file [byte]."""


@pytest.fixture
def words():
    return np.random.default_rng(1).integers(0, 2**32, N, dtype=np.uint32)


@pytest.fixture
def direct(tmp_path, monkeypatch):
    """Return a file that goes past the memory, and its path."""
    monkeypatch.setattr(wordfile, "_LARGE", 1)
    path = tmp_path / "x"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(fd, 0, FIRST + 4 * N + 7)
    file = open_words(path, fd, 4 * N, read_back=False)
    if not isinstance(file, DirectFile):
        pytest.skip("this file system takes nothing past the memory")
    yield file, path
    file.release()
    os.close(fd)
    assert wordfile._rooms().qsize() == wordfile._N_ROOMS


def content(path):
    return path.read_bytes()[FIRST : FIRST + 4 * N]


def put(file, words, size=99_991):
    """Have threads put pieces, the last first; return the sum of all words."""
    starts = range(0, N, size)
    with ThreadPoolExecutor(4) as pool:
        sums = pool.map(
            lambda k: file.put(words[k : k + size], FIRST + 4 * k), reversed(starts)
        )
        return sum(sums)


@pytest.mark.parametrize("size", [1000, 99_991, N])
def test_the_file_is_as_it_was_written(direct, words, size):
    file, path = direct
    assert put(file, words, size) == sum(words.tolist())
    file.finish()
    assert content(path) == words.astype(">u4").tobytes()
    assert path.stat().st_size == FIRST + 4 * N + 7


def test_pages_do_not_stay_in_memory_and_are_not_read_back(direct, words, monkeypatch):
    file, path = direct
    written = []
    usual = os.pwrite

    def pwrite(fd, data, position):
        written.append((fd, len(data)))
        return usual(fd, data, position)

    monkeypatch.setattr(os, "pwrite", pwrite)
    put(file, words, N)
    file.finish()
    past = sum(n for fd, n in written if fd == file._direct)
    assert 4 * N - past == sum(n for fd, n in written if fd != file._direct)
    assert 0 < 4 * N - past < 2 * wordfile._PAGE
    assert not in_memory(path, FIRST + 2 * N)


@pytest.mark.parametrize("share", [errno.EINVAL, errno.EOPNOTSUPP, 0.5])
def test_what_is_not_taken_directly_goes_the_usual_way(direct, words, monkeypatch, share):
    file, path = direct
    usual = os.pwrite

    def pwrite(fd, data, position):
        if fd != file._direct:
            return usual(fd, data, position)
        if share >= 1:
            raise OSError(share, "not aligned, or not at all")
        pages = int(share * len(data)) // wordfile._PAGE * wordfile._PAGE
        return usual(fd, data[:pages], position) if pages else 0

    monkeypatch.setattr(os, "pwrite", pwrite)
    put(file, words)
    file.finish()
    assert content(path) == words.astype(">u4").tobytes()


def test_a_full_disk_is_told(direct, words, monkeypatch):
    def full(fd, data, position):
        raise OSError(errno.ENOSPC, "no space left")

    file, _ = direct
    monkeypatch.setattr(os, "pwrite", full)
    put(file, words)
    with pytest.raises(OSError, match="no space left"):
        file.finish()


def test_a_piece_that_cannot_be_begun_leaves_its_room(direct, words, monkeypatch):
    file, _ = direct

    def over(*_):
        raise RuntimeError("no new tasks")

    monkeypatch.setattr(wordfile._writers(), "submit", over)
    with pytest.raises(RuntimeError, match="no new tasks"):
        file.put(words, FIRST)
    assert wordfile._rooms().qsize() == wordfile._N_ROOMS


@pytest.mark.parametrize(
    ("size", "read_back"), [(1000, False), (wordfile._SMALL + 4, False), (1 << 30, True)]
)
def test_small_files_and_those_read_back_go_the_usual_way(tmp_path, words, size, read_back):
    with (tmp_path / "x").open("w+b", buffering=0) as stream:
        file = open_words(tmp_path / "x", stream.fileno(), size, read_back=read_back)
        assert type(file) is WordFile
        assert put(file, words) == sum(words.tolist())
        file.finish()
        file.release()
    assert content(tmp_path / "x") == words.astype(">u4").tobytes()
