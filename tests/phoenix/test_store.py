"""Files come whole or not at all; one process writes at a time."""

import os
import subprocess
import sys

import pytest

from phoenix.errors import StoreInUse
from phoenix.store import Store


def test_a_job_folder_appears_whole(tmp_path):
    store = Store(tmp_path)
    with store.writing():
        scratch = store.scratch("job")
        (scratch / "A.fits").write_text("content")
        store.keep(scratch, store.job_folder("muse_bias", "abc"), {"identity": "abc"})
        assert not scratch.exists()
        assert [(f.name, m) for f, m in store.kept()] == [("abc", {"identity": "abc"})]
        assert (store.products / "muse_bias" / "abc" / "A.fits").read_text() == "content"


def test_what_a_crash_left_is_swept_at_the_next_start(tmp_path):
    store = Store(tmp_path)
    with store.writing():
        (store.scratch("job") / "half.fits").write_text("ha")
    with store.writing():
        assert list(store.tmp.iterdir()) == []


def test_two_writers_exclude_each_other(tmp_path):
    second = (
        f"from phoenix.store import Store\nwith Store({str(tmp_path)!r}).writing(): pass"
    )
    with Store(tmp_path).writing():
        with pytest.raises(StoreInUse, match=str(os.getpid())), Store(tmp_path).writing():
            pass
        done = subprocess.run(
            [sys.executable, "-c", second], capture_output=True, text=True
        )
        assert "StoreInUse" in done.stderr
    with Store(tmp_path).writing():
        pass
