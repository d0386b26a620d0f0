"""Tests of masks of the field: celestial ones against astropy, blank sky."""

import numpy as np
import pytest
from astropy.wcs import WCS
from numpy.testing import assert_array_equal

from pipeline.algorithms.astrometry import apply, default_solution
from pipeline.algorithms.exposure import merge
from pipeline.algorithms.field import FieldExposure, SkyPosition
from pipeline.algorithms.field_mask import blank_sky, mask_on_field
from pipeline.memory import MemoryImage
from pipeline.spec import BadInput, Planes
from tests.pipeline.field_pixels import HEADER
from tests.pipeline.slice_pixels import slice_pixels

TANGENT = (HEADER["RA"], HEADER["DEC"])
SHAPE = (80, 90)


def exposure(posang=0.0, position=True):
    table = slice_pixels(size=(40, 30), n_planes=6)
    table.header = {**HEADER, "ESO INS DROT POSANG": posang}
    place = SkyPosition(default_solution(table.header), TANGENT) if position else None
    return FieldExposure(merge([table]), (), 0.0, 1e5, place)


def celestial(kind="RA---TAN"):
    """A mask that allows what lies east of and above a point some arcsec away."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [TANGENT[0] + 4 / 3600, TANGENT[1] - 3 / 3600]
    wcs.wcs.crpix = [41.3, 38.8]
    wcs.wcs.cd = np.array([[-0.21, 0.02], [0.02, 0.2]]) / 3600
    header = {f"CRVAL{i + 1}": float(wcs.wcs.crval[i]) for i in (0, 1)}
    header |= {f"CRPIX{i + 1}": float(wcs.wcs.crpix[i]) for i in (0, 1)}
    header |= {
        f"CD{i + 1}_{j + 1}": float(wcs.wcs.cd[i, j]) for i in (0, 1) for j in (0, 1)
    }
    data = np.zeros(SHAPE, np.float32)
    data[30:, :43] = 1
    planes = Planes(data, np.zeros(SHAPE, np.uint32), np.zeros(SHAPE, np.float32))
    words = {**header, "CTYPE1": kind, "CTYPE2": "DEC--TAN"}
    return MemoryImage(planes, words, "SKY_MASK", None), wcs


@pytest.mark.parametrize("posang", [0.0, 37.0])
def test_a_celestial_mask_lies_where_astropy_puts_it(posang):
    field, (mask, wcs) = exposure(posang), celestial()
    found = mask_on_field(mask, field)
    matrix, _ = field.position.of(field)
    _, ny, nx = field.grid.shape
    y, x = np.indices((ny, nx), np.float64)
    x, y = x.ravel() + field.grid.corner[0], y.ravel() + field.grid.corner[1]
    east, north = apply(matrix, x, y)
    plane = WCS(naxis=2)
    plane.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    plane.wcs.crval, plane.wcs.crpix, plane.wcs.cdelt = TANGENT, [1, 1], [1 / 3600] * 2
    columns, rows = wcs.wcs_world2pix(*plane.wcs_pix2world(east, north, 0), 0)
    a, b = np.rint(columns).astype(int), np.rint(rows).astype(int)
    inside = (a >= 0) & (b >= 0) & (a < SHAPE[1]) & (b < SHAPE[0])
    expected = np.zeros(x.size, bool)
    expected[inside] = mask.planes.data[b[inside], a[inside]] != 0
    assert_array_equal(found.ravel(), expected)
    assert 0.02 < found.mean() < 0.95


@pytest.mark.parametrize(("kind", "position"), [("RA---SIN", True), ("RA---TAN", False)])
def test_a_mask_that_cannot_be_placed_is_named(kind, position):
    mask, _ = celestial(kind)
    with pytest.raises(BadInput, match=r"CTYPE1.*Remedy"):
        mask_on_field(mask, exposure(position=position))


def test_sources_are_left_out_with_their_rims_and_single_elements_stay():
    rng = np.random.default_rng(3)
    image = rng.normal(50, 1, (60, 70)).astype(np.float32)
    image[20:26, 30:36] += 100
    image[40, 50] += 100
    image[:2] = np.nan
    mask, (low, high) = blank_sky(image)
    assert not mask[18:28, 28:38].any() and not mask[:2].any()
    assert mask[40, 50]
    assert mask.mean() > 0.8
    assert low == pytest.approx(50 - 5 * 0.6745, abs=0.3)
    assert high == pytest.approx(50 + 5 * 0.6745, abs=0.3)
