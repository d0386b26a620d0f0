"""Images and spectra of the field straight from pixels."""

import numpy as np
import pytest

from pipeline.kernels.field_image import (
    add_to_image,
    add_to_spectrum,
    find_elements,
)

CORNER, SHAPE = (-3.0, 2.0), (5, 7)
NOTHING = (5000.0, 1.0, np.zeros(1))


def pixels(rng, n=5000):
    x = rng.uniform(-4, 5, n).astype(np.float32)
    y = rng.uniform(1, 8, n).astype(np.float32)
    wavelength = rng.uniform(4990, 5110, n).astype(np.float32)
    data = rng.normal(10, 2, n).astype(np.float32)
    dq = (rng.random(n) < 0.1).astype(np.uint32)
    return x, y, wavelength, data, np.full(n, 4, np.float32), dq


def elements(x, y):
    a = np.floor(x - CORNER[0] + 0.5).astype(int)
    b = np.floor(y - CORNER[1] + 0.5).astype(int)
    return a, b, (a >= 0) & (a < SHAPE[1]) & (b >= 0) & (b < SHAPE[0])


def columns_of(x, y, wavelength, data, stat, dq):
    return find_elements(x, y, data, dq, CORNER, SHAPE), wavelength, data, stat


def test_elements_are_numbered_row_by_row_and_bad_pixels_are_in_none():
    x, y, _, data, _, dq = pixels(np.random.default_rng(5))
    data[::50] = np.nan
    a, b, inside = elements(x, y)
    used = inside & (dq == 0) & np.isfinite(data)
    expected = np.where(used, b * SHAPE[1] + a, -1)
    assert used.any() and not used.all()
    np.testing.assert_array_equal(find_elements(x, y, data, dq, CORNER, SHAPE), expected)


def test_image_is_numpys_histogram():
    x, y, wavelength, data, stat, dq = pixels(np.random.default_rng(1))
    sums = np.zeros((2, SHAPE[0] * SHAPE[1], 2))
    add_to_image(
        *columns_of(x, y, wavelength, data, stat, dq), NOTHING, (5000.0, 50.0, 5100.0),
        np.zeros((2, SHAPE[0] * SHAPE[1])), 0.0, sums,
    )  # fmt: skip
    sums = sums.reshape(2, *SHAPE, 2)
    a, b, inside = elements(x, y)
    for k in range(2):
        used = inside & (dq == 0) & (wavelength >= 5000 + 50 * k)
        used &= wavelength < 5050 + 50 * k
        index = b[used] * SHAPE[1] + a[used]
        expected = np.bincount(index, data[used], 35).reshape(SHAPE)
        np.testing.assert_allclose(sums[k, ..., 1], expected, rtol=1e-5)
        assert sums[k, ..., 0].sum() == used.sum()


def test_blocks_add_up():
    x, y, wavelength, data, stat, dq = pixels(np.random.default_rng(2))
    mask = np.ones(SHAPE[0] * SHAPE[1], np.bool_)
    whole, parts = np.zeros((100, 3)), np.zeros((100, 3))
    reference = np.zeros(100)
    columns = columns_of(x, y, wavelength, data, stat, dq)
    add_to_spectrum(*columns, mask, (5000.0, 1.0), reference, 0.0, whole)
    for part in (slice(0, 1234), slice(1234, None)):
        piece = [np.ascontiguousarray(c[part]) for c in columns]
        add_to_spectrum(*piece, mask, (5000.0, 1.0), reference, 0.0, parts)
    np.testing.assert_allclose(whole, parts, rtol=1e-12)


@pytest.mark.parametrize("ordered", [True, False])
def test_spectrum_is_numpys_histogram(ordered):
    """Also of pixels that follow each other within a bin, as in a pixel table."""
    x, y, wavelength, data, stat, dq = pixels(np.random.default_rng(6))
    wavelength = np.sort(wavelength) if ordered else wavelength
    mask = np.arange(SHAPE[0] * SHAPE[1]) % 3 > 0
    sums = np.zeros((100, 3))
    columns = columns_of(x, y, wavelength, data, stat, dq)
    add_to_spectrum(*columns, mask, (5000.0, 1.0), np.full(100, 10.0), 1.5, sums)
    k = np.floor(wavelength - 5000.0 + 0.5).astype(int)
    used = (columns[0] >= 0) & mask[columns[0]] & (k >= 0) & (k < 100)
    used &= np.abs(data - 10) <= 1.5 * np.sqrt(stat)
    for column, weights in enumerate((np.ones_like(data), data, stat)):
        expected = np.bincount(k[used], weights[used], 100)
        np.testing.assert_allclose(sums[:, column], expected, rtol=1e-6)


def test_mean_spectrum_has_an_honest_error():
    rng = np.random.default_rng(3)
    sums = np.zeros((100, 3))
    mask = np.ones(SHAPE[0] * SHAPE[1], np.bool_)
    columns = columns_of(*pixels(rng, 200000))
    add_to_spectrum(*columns, mask, (5000.0, 1.0), np.zeros(100), 0.0, sums)
    mean, variance = sums[:, 1] / sums[:, 0], sums[:, 2] / sums[:, 0] ** 2
    assert np.std((mean - 10) / np.sqrt(variance)) == pytest.approx(1, abs=0.25)


def test_cosmic_rays_are_left_out_and_sources_are_not():
    x, y, wavelength, data, stat, dq = pixels(np.random.default_rng(4))
    dq[:] = 0
    a, b, inside = elements(x, y)
    star = inside & (a == 3) & (b == 2)
    data[star] += 500
    data[~star & (np.arange(data.size) % 500 == 0)] += 500
    level = np.zeros((1, SHAPE[0] * SHAPE[1]))
    level[0, 2 * 7 + 3] = 500
    sums = np.zeros((1, SHAPE[0] * SHAPE[1], 2))
    spectrum = (4990.0, 1.0, np.full(121, 10.0))
    add_to_image(
        *columns_of(x, y, wavelength, data, stat, dq), spectrum, (4990.0, 120.0, 5110.0),
        level, 15.0, sums,
    )  # fmt: skip
    image = (sums[0, :, 1] / sums[0, :, 0]).reshape(SHAPE)
    assert image[2, 3] == pytest.approx(510, abs=1)
    assert np.abs(np.delete(image.ravel(), 2 * 7 + 3) - 10).max() < 1


def test_nothing_in_nothing_out():
    empty = np.zeros(0, np.float32)
    sums = np.zeros((3, 3))
    columns = columns_of(*[empty] * 5, np.zeros(0, np.uint32))
    mask = np.ones(SHAPE[0] * SHAPE[1], np.bool_)
    add_to_spectrum(*columns, mask, (5000.0, 1.0), np.zeros(3), 5.0, sums)
    assert (sums == 0).all()
