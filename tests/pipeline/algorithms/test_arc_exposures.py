"""Tests of adding up the exposures of several lamps."""

import numpy as np
from numpy.testing import assert_allclose

from pipeline.algorithms.arc_exposures import Watched, summed
from pipeline.flags import Flag
from pipeline.memory import MemoryOutputs
from pipeline.spec import Planes

SHAPE = (8, 5)
SATURATED = np.uint32(Flag.AD_SATURATED)


def lamp(level, bad=None, flag=Flag.HOT_PIXEL):
    """A lamp of one level; ``bad``: row and column of a flagged pixel."""
    data, dq = np.full(SHAPE, level, np.float32), np.zeros(SHAPE, np.uint32)
    if bad is not None:
        dq[bad], data[bad] = flag, 9e4
    planes = Planes(data, dq, np.full(SHAPE, level + 4, np.float32))
    return lambda rows: Planes(*(plane[rows].copy() for plane in planes))


def test_lamps_add_up_with_their_variances():
    total = summed([lamp(10), lamp(200), lamp(3000)])(slice(2, 6))
    assert_allclose(total.data, 3210)
    assert_allclose(total.stat, 3222)
    assert total.data.dtype == np.float32 and not total.dq.any()


def test_a_pixel_that_one_lamp_lacks_is_scaled_from_the_others():
    total = summed([lamp(10), lamp(200, bad=(3, 2)), lamp(30)])(slice(0, 8))
    assert total.data[3, 2] == 40 * 1.5 and not total.dq[3, 2]
    assert total.stat[3, 2] == 48 * 1.5**2


def test_a_pixel_that_all_lamps_lack_is_that_with_the_least_flaw():
    lamps = [lamp(1, (1, 1), Flag.AD_SATURATED), lamp(1, (1, 1), Flag.HOT_PIXEL)]
    total = summed(lamps)(slice(0, 4))
    assert total.dq[1, 1] == Flag.HOT_PIXEL


def test_what_is_read_is_counted_and_written():
    out = MemoryOutputs()
    product = out.image("ARC_RED", SHAPE, unit="count", number=1)
    read = Watched(lamp(7, (5, 0), Flag.AD_SATURATED), product)
    for rows in (slice(0, 4), slice(4, 8)):
        read(rows)
    assert read.n_saturated == product.qc["QC WAVECAL NSATURATED"] == 1
    assert product.planes.dq[5, 0] == SATURATED and len(product.rows) == 8
