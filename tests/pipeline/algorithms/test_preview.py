"""Tests of images of several exposures on one grid."""

import numpy as np
import pytest
from astropy.wcs import WCS
from numpy.testing import assert_allclose

from pipeline.algorithms.preview import SkyImage, common_grid, stack
from pipeline.flags import Flag
from pipeline.spec import Planes

TANGENT = (53.1625, -27.791)


def header(turn=0.0, shift=(0.0, 0.0), exptime=600.0):
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    cd = np.array([[c, -s], [s, c]]) @ np.diag([-0.2, 0.2]) / 3600.0
    words = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 15.5, "CRPIX2": 12.5}
    words |= {f"CD{i + 1}_{j + 1}": float(cd[i, j]) for i in (0, 1) for j in (0, 1)}
    words |= {"CRVAL1": TANGENT[0] + shift[0], "CRVAL2": TANGENT[1] + shift[1]}
    return words | {"EXPTIME": exptime}


def image(value=5.0, **keywords):
    data = np.full((24, 30), value, np.float32)
    words = header(**keywords)
    return SkyImage.of(Planes(data, np.zeros(data.shape, np.uint32), data), words), words


@pytest.mark.parametrize("turn", [0.0, 90.0, 33.0])
def test_places_are_those_of_astropy(turn):
    seen, words = image(turn=turn, shift=(0.001, -0.002))
    x, y = np.array([0.0, 29.0, 13.3]), np.array([0.0, 23.0, 4.1])
    sky = WCS({k: v for k, v in words.items() if k != "EXPTIME"}).all_pix2world(x, y, 0)
    plane = WCS(naxis=2)
    plane.wcs.ctype, plane.wcs.crval = ["RA---TAN", "DEC--TAN"], TANGENT
    plane.wcs.crpix, plane.wcs.cd = [1.0, 1.0], np.eye(2) / 3600.0
    assert_allclose(seen.sky(x, y, TANGENT), plane.all_world2pix(*sky, 0), atol=1e-5)
    assert seen.spaxel == pytest.approx((0.2, 0.2))


def test_an_offset_moves_the_image_back():
    moved = image(shift=(0.001, -0.002))[0].moved(0.001, -0.002)
    assert moved.tangent == pytest.approx(TANGENT)


def test_grid_holds_all_images():
    images = [image()[0], image(turn=90.0, shift=(0.002, 0.001))[0]]
    grid = common_grid(images)
    for one in images:
        corners = np.array([0.0, 29.0, 0.0, 29.0]), np.array([0.0, 0.0, 23.0, 23.0])
        x, y = one.sky(*corners, TANGENT)
        a, b = grid.from_plane(TANGENT)[:2] @ np.stack([x, y, np.ones(4)])
        assert a.min() > -0.51 and a.max() < grid.shape[2] - 0.49
        assert b.min() > -0.51 and b.max() < grid.shape[1] - 0.49


def test_stack_is_the_mean_weighted_by_time():
    images = [image(5.0)[0], image(9.0, exptime=200.0)[0]]
    planes, time = stack(images, common_grid(images))
    inner = (slice(2, -2), slice(2, -2))
    assert_allclose(planes.data[inner], (600 * 5 + 200 * 9) / 800, rtol=1e-6)
    assert_allclose(time[inner], 800.0)


def test_light_of_a_star_is_kept_in_its_place():
    seen, _ = image(0.0, turn=33.0)
    y, x = np.indices(seen.data.shape)
    seen.data[:] = np.exp(-0.5 * ((x - 17.2) ** 2 + (y - 10.6) ** 2) / 2.0**2)
    grid = common_grid([seen])
    data = np.nan_to_num(stack([seen], grid)[0].data).astype(float)
    assert data.sum() == pytest.approx(seen.data.sum(), rel=0.01)
    b, a = (np.sum(i * data) / data.sum() for i in np.indices(data.shape))
    plane = seen.sky(np.array([17.2]), np.array([10.6]), TANGENT)
    expected = grid.from_plane(TANGENT)[:2] @ [plane[0][0], plane[1][0], 1.0]
    assert_allclose((a, b), expected, atol=0.05)


def test_flagged_pixels_are_missing():
    data = np.ones((24, 30), np.float32)
    dq = np.zeros(data.shape, np.uint32)
    dq[10, 10] = Flag.HOT_PIXEL
    seen = SkyImage.of(Planes(data, dq, data), header())
    planes, time = stack([seen], common_grid([seen]))
    assert np.isnan(planes.data).sum() == (time == 0).sum() == (planes.dq != 0).sum() > 0
    dq[:] = Flag.HOT_PIXEL
    empty = SkyImage.of(Planes(data, dq, data), header())
    assert np.isnan(stack([empty], common_grid([empty]))[0].data).all()
