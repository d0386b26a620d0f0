"""The MD5 of data that are written in any order."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.formats.digest import DataDigest

DATA = os.urandom(3_000_000)
FIRST, SECOND = (1000, 2_500_000), (2_600_000, 3_000_000)
PARTS = [(start, min(start + 99_999, FIRST[1])) for start in range(*FIRST, 99_999)]
WANTED = hashlib.md5(DATA[slice(*FIRST)] + DATA[slice(*SECOND)]).hexdigest()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(DATA)
    with path.open("r+b") as file:
        yield file


@pytest.mark.parametrize("parts", [PARTS, PARTS[::-1], PARTS[1:], PARTS[:-2], []])
def test_the_order_of_writing_does_not_matter(file, parts):
    digest = DataDigest(file.fileno(), FIRST[0])
    for part in parts:
        digest.written(*part)
    digest.take([FIRST, SECOND])
    assert digest.value() == WANTED


def test_threads_may_share_it(file):
    digest = DataDigest(file.fileno(), FIRST[0])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda part: digest.written(*part), PARTS))
    digest.take([FIRST, SECOND])
    assert digest.value() == WANTED


def test_it_is_taken_meanwhile(file):
    digest = DataDigest(file.fileno(), FIRST[0])
    for part in PARTS[:7]:
        digest.written(*part)
    file.write(bytes(PARTS[6][1]))
    file.flush()
    digest.take([FIRST, SECOND])
    assert digest.value() == WANTED


def test_a_file_that_ends_too_early_is_told(file):
    file.truncate(2_700_000)
    with pytest.raises(OSError, match="ends within"):
        DataDigest(file.fileno(), FIRST[0]).take([FIRST, SECOND])
