"""Swapping and adding words."""

import numpy as np
import pytest

from pipeline.kernels.words import swap_and_sum


@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_bytes_are_reversed_and_words_added(n):
    words = np.random.default_rng(n).integers(0, 2**32, n, dtype=np.uint32)
    out = np.zeros(n, np.uint32)
    assert int(swap_and_sum(words, out)) == sum(words.tolist())
    assert out.tobytes() == words.astype(">u4").tobytes()


def test_the_sum_of_the_largest_words_does_not_overflow():
    words = np.full(70_000, 2**32 - 1, np.uint32)
    assert int(swap_and_sum(words, np.empty_like(words))) == 70_000 * (2**32 - 1)
