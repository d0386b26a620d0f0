"""Tests of finding the sky in a field and of its spectrum."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.algorithms.exposure import merge
from pipeline.algorithms.field import FieldExposure
from pipeline.algorithms.sky_spectrum import observe_sky, sky_limits
from pipeline.flags import Flag
from pipeline.memory import MemoryImage
from pipeline.spec import BadInput, Planes
from tests.pipeline.slice_pixels import slice_pixels

SIZE = (40, 30)


def sky(x, y, wavelength):
    return 80.0 + 400.0 * np.exp(-0.5 * ((wavelength - 5030.0) / 2.5) ** 2)


def scene(x, y, wavelength):
    return sky(x, y, wavelength) + 2000.0 * np.exp(-0.5 * ((x - 5) ** 2 + y**2) / 3.0**2)


def exposure(signal=scene, **keywords):
    table = slice_pixels(signal, size=SIZE, n_planes=50, **keywords)
    return FieldExposure(merge([table]), (), 0.0, 1e5)


def observed(field, kappa=(15.0, 15.0), mask=None, sampling=1.25):
    return observe_sky(
        field, ignore=0.05, fraction=0.5, sampling=sampling, kappa=kappa, mask=mask
    )


def inner(found):
    """Bins that all slices reach: at the ends only some do."""
    return slice(3, len(found.wavelength) - 3)


def test_spectrum_is_that_of_the_sky():
    found = observed(exposure())
    part = inner(found)
    pull = found.data - sky(0, 0, found.wavelength)
    pull = (pull / np.hypot(np.sqrt(found.stat), 2.0))[part]  # lines vary within bins
    assert abs(np.mean(pull)) < 0.3 and np.std(pull) < 1.3


def test_error_of_the_spectrum_is_honest():
    pulls = []
    for seed in range(6):
        found = observed(exposure(lambda *_: 50.0, seed=seed), kappa=(0.0, 0.0))
        pulls.append(((found.data - 50.0) / np.sqrt(found.stat))[inner(found)])
    assert np.std(np.concatenate(pulls)) == pytest.approx(1.0, abs=0.12)


def test_mask_leaves_the_star_out():
    field = exposure()
    found = observed(field)
    y, x = np.indices(found.mask.shape)
    x, y = x + field.grid.corner[0], y + field.grid.corner[1]
    assert not found.mask[np.hypot(x - 5, y) < 6.0].any()
    assert found.mask.mean() == pytest.approx(0.5 * 0.95, abs=0.02)
    inside = found.image[found.mask]
    assert (inside.min(), inside.max()) >= (found.limits[0], 0)
    assert inside.max() <= found.limits[1]


def test_cosmic_rays_do_not_matter():
    def hit(share):
        field = exposure(lambda x, y, w: scene(x, y, 0.0))
        pixels = field.pixels.tables[0].pixels
        hits = np.random.default_rng(2).random(len(pixels.data)) < share
        pixels.data[hits] += 5000.0
        return field

    clean = observed(hit(0.0))
    part, error = inner(clean), np.sqrt(clean.stat)
    kept, careless = (observed(hit(0.003), (15.0, k)) for k in (15.0, 0.0))
    assert np.max(np.abs(kept.data - clean.data)[part] / error[part]) < 1.0
    assert np.max(np.abs(careless.data - clean.data)[part] / error[part]) > 5.0
    assert np.mean(kept.mask == clean.mask) > 0.9


def test_flagged_pixels_do_not_matter():
    field = exposure()
    pixels = field.pixels.tables[0].pixels
    bad = np.random.default_rng(3).random(len(pixels.data)) < 0.1
    pixels.data[bad], pixels.dq[bad] = 1e6, Flag.HOT_PIXEL
    found = observed(field)
    assert np.nanmax(found.data) < 600.0


def test_nothing_but_flagged_pixels_is_refused():
    field = exposure()
    field.pixels.tables[0].pixels.dq[:] = Flag.HOT_PIXEL
    with pytest.raises(BadInput, match="no pixels are left"):
        observed(field)


def mask_of(field, chosen, shift=0):
    data = chosen.astype(np.float32)
    planes = Planes(data, np.zeros(data.shape, np.uint32), np.zeros_like(data))
    words = field.grid.image_wcs()
    return MemoryImage(planes, {**words, "CRVAL1": words["CRVAL1"] + shift}, "SKY_MASK")


def test_a_mask_says_where_to_look():
    field = exposure()
    chosen = np.zeros(field.grid.shape[1:], bool)
    chosen[:, :10] = True
    found = observed(field, mask=mask_of(field, chosen))
    assert not found.mask[:, 10:].any() and found.mask.any()
    shifted = observed(field, mask=mask_of(field, chosen, 4))
    assert shifted.mask[:, 10:14].any() and not shifted.mask[:, :4].any()
    with pytest.raises(BadInput, match="SKY_MASK"):
        observed(field, mask=mask_of(field, np.zeros_like(chosen)))


def test_bins_without_pixels_are_missing():
    found = observed(exposure(), sampling=0.05)
    empty = np.isnan(found.data)
    assert empty.any() and not empty.all()
    columns = found.columns()
    assert_array_equal(columns["dq"].view(np.uint32) != 0, empty)
    assert not columns["data"][empty].any() and not columns["stat"][empty].any()


def test_planes_flag_what_is_missing():
    found = observed(exposure())
    found.image[0, 0] = np.nan
    assert found.planes.dq[0, 0] == Flag.MISSING_DATA
    assert found.planes.dq.astype(bool).sum() == np.isnan(found.image).sum()


def test_limits_of_a_constant_image():
    assert sky_limits(np.full((3, 3), 2.0, np.float32), 0.05, 0.5) == (2.0, 2.0)


def test_level_does_not_change_the_mask():
    low, high = (
        observed(exposure(lambda x, y, w, b=b: scene(x, y, w) + b)) for b in (0, 900)
    )
    assert_array_equal(low.mask, high.mask)
    part = inner(low)
    assert_allclose((high.data - low.data)[part], 900.0, atol=0.5)
