"""Words on their way into a file."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pipeline.formats import wordfile
from pipeline.formats.wordfile import WordFile

N = 1_700_003
"""Words: more than are swapped at a time, and no multiple of it."""

FIRST = 2884
"""Where they begin in the file [byte]."""


@pytest.mark.parametrize("file_size", [1000, wordfile._SMALL + 4])
@pytest.mark.parametrize("size", [1000, 99_991, N])
def test_the_file_is_as_it_was_written(tmp_path, file_size, size):
    """By threads that put pieces, the last first, and by numpy as by a kernel."""
    words = np.random.default_rng(1).integers(0, 2**32, N, dtype=np.uint32)
    with (tmp_path / "x").open("w+b", buffering=0) as stream:
        file = WordFile(stream.fileno(), file_size)
        with ThreadPoolExecutor(4) as pool:
            sums = pool.map(
                lambda k: file.put(words[k : k + size], FIRST + 4 * k),
                reversed(range(0, N, size)),
            )
            assert sum(sums) == int(words.sum(dtype=np.uint64))
    assert (tmp_path / "x").read_bytes()[FIRST:] == words.astype(">u4").tobytes()
