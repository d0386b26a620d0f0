"""Tests of images divided by the lamp flat as they are read."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.flatfield import LAMP_FLUX, FlatFielded, find_cosmics
from pipeline.flags import Flag
from pipeline.memory import MemoryImage
from pipeline.spec import Planes

SHAPE = (40, 30)


def image(seed=1, header=None):
    rng = np.random.default_rng(seed)
    data = rng.normal(100.0, 3.0, SHAPE).astype(np.float32)
    return MemoryImage(
        Planes(data, np.zeros(SHAPE, np.uint32), np.full(SHAPE, 9.0, np.float32)),
        header or {},
    )


def flat(header=None):
    data = (1.0 + 0.2 * np.sin(np.arange(1200.0))).reshape(SHAPE).astype(np.float32)
    dq = np.zeros(SHAPE, np.uint32)
    dq[3, 4] = Flag.DARK_PIXEL
    stat = np.full(SHAPE, 1e-6, np.float32)
    return MemoryImage(Planes(data, dq, stat), header or {}, "MASTER_FLAT")


def test_equals_division_by_hand():
    raw, lamp = image(), flat()
    found = FlatFielded(raw, lamp).read(slice(0, 40))
    ratio = raw.planes.data.astype(float) / lamp.planes.data
    assert_allclose(found.data, ratio, rtol=1e-6)
    expected = (9.0 + ratio**2 * 1e-6) / lamp.planes.data.astype(float) ** 2
    assert_allclose(found.stat, expected, rtol=1e-5)
    assert found.dq[3, 4] == Flag.DARK_PIXEL and np.count_nonzero(found.dq) == 1


def test_any_rows_equal_the_whole_and_the_image_stays():
    raw = image()
    before = raw.planes.data.copy()
    cosmics = (np.array([5, 20, 20]), np.array([1, 0, 29]))
    divided = FlatFielded(raw, flat(), cosmics)
    whole = divided.read(slice(0, 40))
    assert_array_equal(np.argwhere(whole.dq & Flag.COSMIC_RAY), [[5, 1], [20, 0], [20, 29]])
    for rows in (slice(0, 6), slice(6, 20), slice(20, 21), slice(21, 40)):
        for part, plane in zip(divided.read(rows), whole, strict=True):
            assert_array_equal(part, plane[rows])
    assert_array_equal(raw.planes.data, before)
    assert not raw.planes.dq.any()


def test_flux_of_the_lamp_is_passed_on():
    divided = FlatFielded(
        image(header={"EXPTIME": 9.0}), flat({"ESO QC FLAT MASTER INTFLUX": 3e6})
    )
    assert divided.header == {"EXPTIME": 9.0, LAMP_FLUX: 3e6}
    assert LAMP_FLUX not in FlatFielded(image(), flat()).header


def test_cosmic_rays_are_found_in_the_order_of_rows():
    raw = image()
    places = [(2, 7), (17, 3), (33, 28)]
    for y, x in places:
        raw.planes.data[y, x] += 2000.0
    raw.planes.dq[17, 4] = Flag.HOT_PIXEL
    raw.planes.data[17, 4] = 1e5
    y, x = find_cosmics(raw, (15, 20), 2, 5.0)
    assert list(zip(y.tolist(), x.tolist(), strict=True)) == places
    assert len(find_cosmics(image(), (15, 20), 2, 5.8)[0]) <= 1
