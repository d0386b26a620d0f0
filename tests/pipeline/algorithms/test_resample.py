"""Tests of the slabs of a cube: flux, errors, independence of slabs, cosmic rays."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import curve_fit

from pipeline.algorithms.cells import planes_sorted, sorted_in_steps
from pipeline.algorithms.cube_products import drops
from pipeline.algorithms.grid import natural_grid
from pipeline.algorithms.resample import (
    METHODS,
    PlacedExposure,
    Resampling,
    make_slab,
    slab_size,
    voxel_size,
)
from pipeline.algorithms.slab import Sampled
from pipeline.flags import Flag
from pipeline.kernels.reject_rows import ALONG_X
from pipeline.memory import MemoryPixels
from pipeline.recipes.exp_combine import exp_combine
from pipeline.recipes.scipost import scipost
from pipeline.spec import Segment, blocks
from tests.pipeline.slice_pixels import STEP, VARIANCE, slice_pixels

TANGENT = (53.1625, -27.791)
DRIZZLE = Resampling("drizzle", (0.8, 0.8, 0.8), 1, "median", 0.0)
NEAREST = Resampling("nearest", (0.8, 0.8, 0.8), 1, "median", 0.0)
ALL = [Resampling(method, (0.8, 0.8, 0.8), 1, "median", 0.0) for method in METHODS]
SIZE = (24, 20)


def placed(table, turn=0.0, **settings):
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    matrix = np.eye(3)
    matrix[:2, :2] = 0.2 * np.array([[c, -s], [s, c]]) @ np.diag([-1.0, 1.0])
    return PlacedExposure(Sampled(table), (), matrix, TANGENT, **settings)


def grid_of(*exposures, spaxel=0.2, step=STEP):
    extent = exposures[0].extent(TANGENT)
    for exposure in exposures[1:]:
        extent = extent | exposure.extent(TANGENT)
    return natural_grid(extent, TANGENT, (spaxel, spaxel), step)


def cube(*exposures, settings=DRIZZLE, grid=None):
    grid = grid or grid_of(*exposures)
    return make_slab(exposures, grid, settings, slice(0, grid.shape[0]))


def gaussian(x, y, wavelength):
    return 1000.0 * np.exp(-0.5 * ((x - 0.3) ** 2 + (y + 0.4) ** 2) / 1.7**2)


@pytest.mark.parametrize("settings", ALL)
@pytest.mark.parametrize("turn", [0.0, 90.0, 31.0])
def test_a_constant_stays(settings, turn):
    flat = cube(placed(slice_pixels(noise=False), turn), settings=settings).planes.data
    assert_allclose(flat[np.isfinite(flat)], 100.0, rtol=1e-6)
    assert np.isfinite(flat).sum() > 0.6 * 24 * 20 * 12


@pytest.mark.parametrize("turn", [0.0, 31.0])
@pytest.mark.parametrize("spaxel", [0.2, 0.3])
def test_flux_of_a_star_is_kept(turn, spaxel):
    exposure = placed(slice_pixels(gaussian, noise=False), turn)
    grid = grid_of(exposure, spaxel=spaxel)
    star = np.nansum(cube(exposure, grid=grid).planes.data[3:-3], axis=(1, 2))
    expected = 1000.0 * 2 * np.pi * 1.7**2 * (0.2 / spaxel) ** 2
    assert_allclose(star, expected, rtol=0.02)
    assert star.mean() == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("settings", ALL)
def test_errors_are_honest(settings):
    pulls = []
    for seed in range(12):
        table = slice_pixels(size=(20, 12), n_planes=8, seed=3)
        rng = np.random.default_rng(seed)
        table.pixels.data[:] = rng.normal(100.0, np.sqrt(VARIANCE), table.n_rows)
        planes = cube(placed(table, 20.0), settings=settings).planes
        pulls.append((planes.data - 100.0) / np.sqrt(planes.stat))
    pull = np.array(pulls)
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.02)
    assert np.nanmean(pull) == pytest.approx(0.0, abs=0.05)  # neighbours share pixels


@pytest.mark.parametrize("slices", [None, ALONG_X])
@pytest.mark.parametrize("statistic", ["median", "iraf", "mean"])
@pytest.mark.parametrize("method", METHODS)
def test_slabs_of_any_height_are_the_cube(method, statistic, slices, monkeypatch):
    """However many planes are read, and of those sorted, at a time."""
    monkeypatch.setattr("pipeline.algorithms.cells.LOWEST_STEP", 2)
    monkeypatch.setattr("pipeline.algorithms.cells._SORTED", 1)
    sigma = 3.0 if statistic == "mean" else 10.0  # one of n values stands sqrt(n) out
    drop = (0.8, 0.8, 1.4)
    settings = Resampling(method, drop, 1, statistic, sigma, slices=slices)
    tables = [slice_pixels(gaussian, seed=seed) for seed in (1, 2)]
    for table in tables:
        table.pixels.data[::501] += 4000.0
    exposures = [placed(tables[0]), placed(tables[1], 90.0)]
    grid = grid_of(*exposures)
    whole = make_slab(exposures, grid, settings, slice(0, grid.shape[0]))
    assert whole.n_rejected.sum() > 5
    for height, step in ((1, 0), (2, 3), (5, 1), (12, 7)):
        slabs = [
            make_slab(exposures, grid, settings, rows, step)
            for rows in blocks(grid.shape[0], height)
        ]
        for name in ("data", "dq", "stat"):
            parts = np.concatenate([getattr(slab.planes, name) for slab in slabs])
            assert_array_equal(parts, getattr(whole.planes, name))
        assert_array_equal(sum(s.n_rejected for s in slabs), whole.n_rejected)
        assert_array_equal(np.any([s.coverage for s in slabs], axis=0), whole.coverage)


@pytest.mark.parametrize("n_kept", [0, 2])
@pytest.mark.parametrize("step", [0, 5])
def test_pixels_come_sorted_plane_by_plane(step, n_kept, monkeypatch):
    """Those of all exposures, and the flags of those that are kept for the next planes."""
    monkeypatch.setattr("pipeline.algorithms.cells.LOWEST_STEP", 2)
    monkeypatch.setattr("pipeline.algorithms.cells._SORTED", 1)
    exposures = [placed(slice_pixels(gaussian, seed=1)), placed(slice_pixels(), 90.0)]
    grid = grid_of(*exposures)
    planes, field = slice(-2, grid.shape[0] + 2), grid.shape[1:]
    edges = grid.wavelength(np.array([planes.start - 0.51, planes.stop - 0.49]))
    parts = [one.place(grid, *edges.tolist()) for one in exposures]
    x, y, z, data, stat, origin = (np.concatenate(c) for c in zip(*parts, strict=True))
    column, row, plane = (np.floor(c + 0.5).astype(int) for c in (x, y, z))
    exposure = np.repeat([0, 1], [len(part.x) for part in parts])
    slit = exposure << 11 | (origin & 0x7FF).astype(int)
    order = np.lexsort((column, row, plane))  # stable
    order = order[(plane[order] >= planes.start) & (plane[order] < planes.stop)]
    next_plane, flags = planes.start, np.zeros(len(x), np.uint8)
    for new, pixels in sorted_in_steps(exposures, grid, planes, step, n_kept):
        assert new.start == next_plane and pixels.first == max(new.start - n_kept, -2)
        assert pixels.shape == (new.stop - pixels.first, *field)
        next_plane = new.stop
        here = order[(plane[order] >= pixels.first) & (plane[order] < new.stop)]
        for found, expected in (
            (pixels.place, np.stack([x, y, z], axis=1)),
            (pixels.light, np.stack([data, stat], axis=1)),
            (pixels.slit, slit),
            (pixels.rejected, flags),
        ):
            assert_array_equal(found, expected[here])
        cells = ((plane - pixels.first) * field[0] + row) * field[1] + column
        numbers = np.bincount(cells[here], minlength=len(pixels.start) - 1)
        assert_array_equal(pixels.start, [0, *np.cumsum(numbers)])
        added = pixels.within(new)
        pixels.rejected[added] = flags[here[added]] = here[added] % 3 == 0
    assert next_plane == planes.stop and flags.any()
    assert not any(one.pixels._begins for one in exposures)  # of what nobody asks for


def test_cosmic_rays_go_and_good_pixels_stay():
    """Hits above 10 sigma: all gone; of the smooth scene's voxels, not one in 10,000."""
    size, n_planes = (80, 40), 30
    clean = slice_pixels(gaussian, size=size, n_planes=n_planes)
    settings = Resampling("drizzle", (0.8, 0.8, 0.8), 1, "median", 15.0)
    good = cube(placed(clean), settings=settings)
    assert good.n_rejected.sum() < 1e-4 * clean.n_rows
    rng = np.random.default_rng(8)
    hit = rng.random(clean.n_rows) < 0.001
    hit &= np.hypot(clean.pixels.xpos, clean.pixels.ypos) > 8.0
    dirty = slice_pixels(gaussian, size=size, n_planes=n_planes)
    dirty.pixels.data[hit] += rng.uniform(20.0, 1000.0, hit.sum()) * np.sqrt(VARIANCE)
    found = cube(placed(dirty), settings=settings)
    assert found.n_rejected.sum() == pytest.approx(hit.sum(), rel=0.02)
    excess = (found.planes.data - good.planes.data) / np.sqrt(good.planes.stat)
    assert np.nanmax(excess) < 10.0
    assert (
        np.isfinite(found.planes.data).mean() > 0.995 * np.isfinite(good.planes.data).mean()
    )


def test_rejected_pixels_are_counted_by_exposure_and_ifu():
    tables = [slice_pixels(seed=seed, noise=False) for seed in (1, 2)]
    middle = 5 * 24 + 12
    tables[1].pixels.data[[3 * 288 + middle, 15 * 288 + middle]] = 1e5
    settings = Resampling("drizzle", (0.8, 0.8, 0.8), 1, "median", 15.0)
    counts = cube(*(placed(t) for t in tables), settings=settings).n_rejected
    expected = np.zeros((2, 25), int)
    expected[1, 1] = expected[1, 2] = 1
    assert_array_equal(counts, expected)


def test_places_without_pixels_are_missing():
    table = slice_pixels()
    table.pixels.dq[abs(table.pixels.xpos) < 3.0] = Flag.COSMIC_RAY
    slab = cube(placed(table))
    empty = np.isnan(slab.planes.data)
    assert_array_equal(slab.planes.dq, np.where(empty, Flag.MISSING_DATA, 0))
    assert_array_equal(np.isnan(slab.planes.stat), empty)
    assert empty[:, :, 10:14].all() and not empty[3, 5, 3:8].any()
    assert not slab.coverage[0, :, 10:14].any()


def test_nothing_but_flagged_pixels():
    table = slice_pixels(size=(5, 4), n_planes=3)
    grid = grid_of(placed(table))
    table.pixels.dq[:] = Flag.HOT_PIXEL
    for settings in (NEAREST, Resampling("drizzle", (0.8,) * 3, 1, "median", 10.0)):
        slab = cube(placed(table), grid=grid, settings=settings)
        assert np.isnan(slab.planes.data).all() and not slab.coverage.any()


def test_one_pixel_gives_one_voxel():
    table = slice_pixels(size=(1, 1), n_planes=1, noise=False)
    planes = cube(placed(table)).planes
    assert planes.data.shape == (1, 1, 1)
    assert (planes.data, planes.stat) == (100.0, VARIANCE)


def test_weights_and_scales_of_exposures():
    """A mean of equal pixels, 3:1, the second one doubled, by hand."""
    first, second = (slice_pixels(lambda *_, v=v: v, noise=False) for v in (10.0, 30.0))
    both = cube(placed(first, weight=3.0), placed(second, scale=2.0)).planes
    data = both.data[np.isfinite(both.data)]
    assert_allclose(data, (3 * 10.0 + 60.0) / 4, rtol=1e-5)
    single = cube(placed(first)).planes
    ratio = both.stat / single.stat
    assert_allclose(ratio[np.isfinite(ratio)], (9 + 4) / 16, rtol=1e-5)


def test_stretched_wavelengths_move_lines():
    def line(x, y, wavelength):
        return np.exp(-0.5 * ((wavelength - 5020.0) / 2.0) ** 2)

    table = slice_pixels(line, n_planes=40, noise=False)
    for stretch in (1.0, 1.0005):
        exposure = placed(table, stretch=stretch)
        grid = grid_of(exposure)
        spectrum = np.nansum(cube(exposure, grid=grid).planes.data, axis=(1, 2))
        centre = (spectrum * grid.wavelengths()).sum() / spectrum.sum()
        assert centre == pytest.approx(5020.0 * stretch, abs=0.05)


def test_pixels_lie_where_the_world_coordinates_say():
    from astropy.wcs import WCS

    exposure = placed(slice_pixels(gaussian, noise=False), 31.0)
    grid = grid_of(exposure)
    image = np.nansum(cube(exposure, grid=grid).planes.data, axis=0)
    y, x = np.indices(image.shape)
    centre = [(a * image).sum() / image.sum() for a in (x, y)]
    ra, dec = WCS(grid.image_wcs()).all_pix2world(*centre, 0)
    turn = np.radians(31.0)
    east = 0.2 * (-0.3 * np.cos(turn) + 0.4 * np.sin(turn))
    north = 0.2 * (-0.3 * np.sin(turn) - 0.4 * np.cos(turn))
    there = (ra - TANGENT[0]) * np.cos(np.radians(dec)) * 3600, (dec - TANGENT[1]) * 3600
    assert_allclose(there, (east, north), atol=0.02)


def test_drops_and_slabs_follow_the_grid():
    exposure = placed(slice_pixels())
    coarse = grid_of(exposure, spaxel=0.4, step=2.5)
    assert voxel_size(coarse) == pytest.approx((2.0, 2.0))
    assert slab_size(coarse, [exposure], 1e12, 1) == (108, 112)
    assert slab_size(coarse, [exposure], 0.0, 2) == (2, 2)


def test_many_exposures_are_read_in_lower_steps():
    """The pixels of a slab take the same memory, however many exposures there are."""
    exposure = placed(slice_pixels(size=(100, 50), n_planes=40))
    grid = grid_of(exposure)
    n_pixels = exposure.pixels.density * grid.step
    sizes = {n: slab_size(grid, [exposure] * n, 1e12, 2) for n in (2, 10, 20, 4000)}
    for n, (height, step) in sizes.items():
        assert (height + 4) % step == 0  # planes on either side are read, too
        n_sorted = planes_sorted(n * n_pixels) + 2
        plane = (36 * n + 40) * n_pixels
        rest = 74e6 - 27 * n * n_pixels * n_sorted
        assert step in (4, 112) or rest - plane < plane * step <= rest
    assert sizes[2][1] == 112 and sizes[4000][1] == 4


def line_offset(pixfrac, phase, pitch):
    """How far an emission line moves when all slices lie alike on the planes [Angstrom]."""
    pixels = slice_pixels(noise=False, n_planes=40).pixels
    row = np.tile(np.repeat(np.arange(40), SIZE[0]), SIZE[1])
    wavelength = 5000.0 + pitch * row
    data = 1000.0 * np.exp(-0.5 * ((wavelength - 5025.3) / 1.7) ** 2)
    table = MemoryPixels(
        pixels._replace(wavelength=wavelength.astype("f4"), data=data.astype("f4")),
        [Segment(0, 1, 1, 0, len(row))],
        {},
    )
    exposure = placed(table)
    grid = replace(grid_of(exposure), first=5000.0 + phase)
    settings = Resampling("drizzle", drops(pixfrac), 1, "median", 0.0)
    planes = cube(exposure, settings=settings, grid=grid).planes
    inner = slice(5, 35)
    spectrum = planes.data[inner, 8:12, 8:12].mean(axis=(1, 2))
    fit, _ = curve_fit(
        lambda w, peak, centre, sigma: peak * np.exp(-0.5 * ((w - centre) / sigma) ** 2),
        grid.wavelengths()[inner],
        spectrum,
        (1000.0, 5025.3, 1.7),
    )
    return fit[1] - 5025.3


@pytest.mark.parametrize("recipe", [scipost, exp_combine])
@pytest.mark.parametrize("pitch", [1.22, 1.25, 1.28])
def test_lines_stay_where_they_are(recipe, pitch):
    """The drops of the genuine pipeline move them by 0.1 and 0.2 Angstrom."""
    phases = np.arange(0.0, 1.25, 0.125)
    pixfrac = recipe.params().pixfrac
    assert max(abs(line_offset(pixfrac, phase, pitch)) for phase in phases) < 0.035


def star_offset(pixfrac, phase):
    """How far a star moves when all its pixels lie alike on the rows: x, y and sigma [pix].

    ``phase``: by how much the rows of the grid are moved against the slices [pix].
    """
    exposure = placed(slice_pixels(gaussian, noise=False, n_planes=10))
    grid = grid_of(exposure)
    x0, y0 = grid.reference
    grid = replace(grid, reference=(x0, y0 + phase))
    settings = Resampling("drizzle", drops(pixfrac), 1, "median", 0.0)
    image = cube(exposure, settings=settings, grid=grid).planes.data[3:7].mean(axis=0)
    x, y, _ = grid.from_plane(TANGENT) @ (-0.2 * 0.3, -0.2 * 0.4, 1.0)
    place = np.indices(image.shape)
    near = np.hypot(place[1] - x, place[0] - y) < 7.0

    def profile(place, peak, dx, dy, sigma):
        r2 = (place[1] - x - dx) ** 2 + (place[0] - y - dy) ** 2
        return 100.0 + peak * np.exp(-0.5 * r2 / sigma**2)

    fit, _ = curve_fit(profile, place[:, near], image[near], (1000.0, 0.0, 0.0, 1.7))
    return fit[1:]


@pytest.mark.parametrize("recipe", [scipost, exp_combine])
def test_stars_stay_where_they_are(recipe):
    """The drops of the genuine pipeline move them by 0.11 and 0.2 pixels."""
    pixfrac = recipe.params().pixfrac
    offsets = np.array([star_offset(pixfrac, k)[:2] for k in np.arange(0.0, 1.0, 0.1)])
    assert np.abs(offsets).max() < 0.045


def test_small_drops_move_stars_and_are_not_sharper():
    phases = np.arange(0.0, 1.0, 0.1)
    whole = np.mean([star_offset("1.0", phase)[2] for phase in phases])
    for pixfrac, least in (("0.8,0.8", 0.11), ("0.6,0.6", 0.2)):
        found = np.array([star_offset(pixfrac, phase) for phase in phases])
        assert np.abs(found[:, 1]).max() > least
        assert found[:, 2].mean() == pytest.approx(whole, rel=0.01)


def test_short_drops_move_lines():
    phases = np.arange(0.0, 1.25, 0.125)
    for pixfrac, least in (("0.8,0.8", 0.08), ("0.6,0.6", 0.16)):
        assert max(abs(line_offset(pixfrac, phase, 1.25)) for phase in phases) > least
