import numpy as np
from numpy.testing import assert_array_equal

from pipeline.algorithms.last_rows import LastRows
from pipeline.memory import MemoryImage
from pipeline.spec import Planes


class Counting(MemoryImage):
    n_read = 0

    def read(self, rows):
        self.n_read += 1
        return super().read(rows)


def test_rows_are_read_once_until_others_are_wanted():
    data = np.arange(12, dtype=np.float32).reshape(4, 3)
    image = Counting(Planes(data, data.astype(np.uint32), data + 1), {"A": 1})
    kept = LastRows(image)
    for rows, n_read in ((slice(0, 2), 1), (slice(0, 2), 1), (slice(2, 4), 2)):
        for found, plane in zip(kept.read(rows), image.planes, strict=True):
            assert_array_equal(found, plane[rows])
        assert image.n_read == n_read
    kept.read(slice(0, 2))
    assert image.n_read == 3
    assert (kept.shape, kept.header, kept.tag) == ((4, 3), {"A": 1}, "MASTER_BIAS")
