"""The instrument description agrees with the genuine pipeline's frames."""

import pytest

from pipeline.instrument import FULL, MINI, SIZES, size_of


def test_full_size_is_that_of_the_detectors():
    assert FULL.raw_shape == (4240, 4224)
    assert FULL.shape == (4112, 4096)
    lower_left, lower_right, upper_right, upper_left = FULL.quadrants()
    assert lower_left.raw_x == slice(32, 2080) and lower_left.raw_y == slice(32, 2088)
    assert upper_right.raw_x == slice(2144, 4192) and upper_right.raw_y == slice(2152, 4208)
    assert lower_right.over_x == slice(2112, 2144) and lower_left.over_x == slice(
        2080, 2112
    )
    assert upper_left.pre_y == slice(4208, 4240) and upper_left.over_y == slice(2120, 2152)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_quadrants_tile_the_trimmed_image(size):
    covered = set()
    for q in size.quadrants():
        assert q.raw_y.stop - q.raw_y.start == q.trim_y.stop - q.trim_y.start
        assert q.raw_x.stop - q.raw_x.start == q.trim_x.stop - q.trim_x.start
        covered.add((q.trim_y.start, q.trim_y.stop, q.trim_x.start, q.trim_x.stop))
    ny, nx = size.shape
    assert covered == {
        (y, y + ny // 2, x, x + nx // 2) for y in (0, ny // 2) for x in (0, nx // 2)
    }


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_slices_fill_the_field_once(size):
    centres = {
        size.slice_centre(ifu, s)
        for ifu in range(1, size.n_ifus + 1)
        for s in range(1, size.n_slices + 1)
    }
    assert len(centres) == size.n_ifus * size.n_slices
    assert sum(x for x, _ in centres) == pytest.approx(0) == sum(y for _, y in centres)
    rows = size.n_ifus * size.slices_per_stack
    assert max(y for _, y in centres) - min(y for _, y in centres) == rows - 1


def test_slicer_order_of_the_genuine_geometry_table():
    assert [FULL.sky_slice(s) for s in (1, 2, 3, 12, 13, 48)] == [9, 8, 1, 4, 21, 40]


def test_size_is_recognised_by_shape():
    assert size_of((4240, 4224)) is FULL is size_of((4112, 4096))
    assert size_of(MINI.raw_shape) is MINI
    with pytest.raises(ValueError, match="no MUSE detector has 10 x 20"):
        size_of((20, 10))
