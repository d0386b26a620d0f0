"""Files that the disk gets while they grow."""

import os

import pytest

from pipeline.formats import writeback
from pipeline.formats.writeback import Writeback


@pytest.fixture
def begun(monkeypatch):
    calls = []
    monkeypatch.setattr(writeback, "_AT_ONCE", 100)
    monkeypatch.setattr(writeback, "_sync_file_range", lambda: calls.append)
    return calls


def test_the_disk_is_told_whenever_enough_is_there(begun):
    file = Writeback(7)
    for n_bytes in (60, 39, 1, 50, 49, 200):
        file.add(n_bytes)
    assert begun == [7, 7]


def test_systems_without_the_call_do_without(monkeypatch):
    monkeypatch.setattr(writeback, "_sync_file_range", lambda: None)
    Writeback(7).add(1 << 30)


def test_a_file_is_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(writeback, "_AT_ONCE", 100)
    with (tmp_path / "x").open("wb", buffering=0) as stream:
        file = Writeback(stream.fileno())
        for k in range(100):
            os.pwrite(stream.fileno(), bytes([k]) * 90, 90 * k)
            file.add(90)
    assert (tmp_path / "x").read_bytes() == b"".join(bytes([k]) * 90 for k in range(100))
