"""Files are read ahead of their use."""

import os
import time

import pytest

from benchmarks.measure import drop_cached
from pipeline.formats.readahead import begin_reading
from tests.pipeline.cached_files import in_memory

SIZE = 1 << 20


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.fits"
    path.write_bytes(os.urandom(SIZE))
    return path


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
