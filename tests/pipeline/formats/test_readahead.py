"""Files that are not in memory are read like those that are, and ahead of their use."""

import os
import time

import pytest

from benchmarks.measure import drop_cached
from pipeline.formats.readahead import begin_reading, read_pieces

SIZE = 1 << 20


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.fits"
    path.write_bytes(os.urandom(SIZE))
    return path


def in_memory(path, start=0):
    """Tell whether a page of a file can be read without the disk."""
    with path.open("rb") as stream:
        try:
            return os.preadv(stream.fileno(), [bytearray(1)], start, os.RWF_NOWAIT) == 1
        except BlockingIOError:
            return False


@pytest.mark.parametrize("cold", [False, True])
def test_pieces_are_those_of_the_file(path, cold):
    whole = path.read_bytes()
    if cold:
        drop_cached([path])
        assert not in_memory(path)
    places = [(5, 100), (SIZE - 7, 7), (4000, 200_000), (0, 1)]
    rooms = [memoryview(bytearray(n)) for _, n in places]
    with path.open("rb") as stream:
        pieces = [(start, room) for (start, _), room in zip(places, rooms, strict=True)]
        read_pieces(stream.fileno(), pieces)
    assert [bytes(room) for room in rooms] == [whole[a : a + n] for a, n in places]


def test_a_file_that_ends_too_early_is_told(path):
    room = memoryview(bytearray(10))
    with path.open("rb") as stream, pytest.raises(OSError, match="ends within"):
        read_pieces(stream.fileno(), [(SIZE - 9, room)])


@pytest.mark.parametrize("choice", ["--nifu=3", "--nifu=-1"])
def test_a_set_of_frames_is_read_ahead(path, tmp_path, monkeypatch, choice):
    """Of one IFU only the pixel tables: the other files may be of all."""
    monkeypatch.setenv("HERE", str(tmp_path))
    other = tmp_path / "other.fits"
    other.write_bytes(bytes(SIZE))
    drop_cached([path, other])
    sof = tmp_path / "frames.sof"
    sof.write_text(
        f"# comment\n\n{other} MASTER_BIAS\nnowhere.fits PIXTABLE_OBJECT\n"
        "$HERE/x.fits PIXTABLE_OBJECT # comment\nonly\n"
    )
    begin_reading([choice, "no.sof", str(sof)])
    end = time.monotonic() + 10
    while not in_memory(path, SIZE - 1) and time.monotonic() < end:
        time.sleep(0.01)
    assert in_memory(path, SIZE - 1)
    assert in_memory(other, SIZE - 1) == (choice == "--nifu=-1")
