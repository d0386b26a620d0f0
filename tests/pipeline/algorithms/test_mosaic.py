"""Tests of cubes written slab by slab, and of the weights of exposures."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline import parallel
from pipeline.algorithms import mosaic
from pipeline.algorithms.filters import white
from pipeline.algorithms.grid import natural_grid
from pipeline.algorithms.mosaic import exposure_weights, fill_cube
from pipeline.algorithms.resample import PlacedExposure, Resampling
from pipeline.algorithms.slab import Sampled
from pipeline.memory import MemoryOutputs
from tests.pipeline.slice_pixels import slice_pixels

TANGENT = (10.0, -30.0)
FIELD = np.diag([-0.2, 0.2, 1.0])


def star(x, y, wavelength):
    return 50.0 + 900.0 * np.exp(-0.5 * (x**2 + y**2) / 1.5**2)


def written(monkeypatch, threads, memory, tables):
    for module in (parallel, mosaic):
        monkeypatch.setattr(module, "n_threads", lambda: threads)
    exposures = [PlacedExposure(Sampled(t), (), FIELD, TANGENT) for t in tables]
    grid = natural_grid(exposures[0].extent(TANGENT), TANGENT, (0.2, 0.2), 1.25)
    settings = Resampling("drizzle", (0.8, 0.8, 0.8), 1, "median", 10.0)
    out = MemoryOutputs().cube("CUBE", grid.shape, unit="count", wcs=grid.wcs())
    with parallel.memory_budget(memory):
        return out, fill_cube(out, exposures, grid, settings, [white()], depth=True)


def test_threads_and_memory_change_no_bit(monkeypatch):
    tables = [slice_pixels(star, seed=seed, n_planes=30) for seed in (1, 2)]
    tables[0].pixels.data[::701] += 3000.0
    first, seen = written(monkeypatch, 1, 4.0, tables)
    assert first.rows == set(range(seen.grid.shape[0]))
    assert seen.n_rejected.sum() > 0
    for threads, memory in ((3, 4.0), (2, 1e-9)):
        other, again = written(monkeypatch, threads, memory, tables)
        for a, b in zip(first.planes, other.planes, strict=True):
            assert_array_equal(a, b)
        assert_array_equal(again.n_rejected, seen.n_rejected)
        assert_array_equal(again.coverage, seen.coverage)
        for a, b in zip(again.images[0].planes(), seen.images[0].planes(), strict=True):
            assert_array_equal(a, b)
        assert_array_equal(again.mean.image(), seen.mean.image())
        assert again.source_qc("SCIPOST") == seen.source_qc("SCIPOST")


def test_qc_tells_the_star_and_the_cosmic_rays(monkeypatch):
    table = slice_pixels(star)
    table.pixels.data[3 * 288 + 5 * 24 + 12] = 1e5
    _, seen = written(monkeypatch, 1, 4.0, [table])
    sources = seen.source_qc("SCIPOST")
    assert sources["QC SCIPOST NDET"] == 1
    _, ny, nx = seen.grid.shape
    assert sources["QC SCIPOST POS1 X"] == pytest.approx((nx + 1) / 2, abs=0.6)
    assert sources["QC SCIPOST POS1 Y"] == pytest.approx((ny + 1) / 2, abs=0.6)
    rejected = {"QC SCIPOST EXP1 NCOSMIC": 1, "QC SCIPOST EXP1 IFU01 NCOSMIC": 1}
    assert seen.rejection_qc("SCIPOST") == rejected


SEEING = {
    "ESO TEL IA FWHM": 0.8,
    "ESO TEL AMBI FWHM START": 1.0,
    "ESO TEL AMBI FWHM END": 2.0,
}


def test_weights_by_exposure_time():
    headers = [{"EXPTIME": 600.0}, {"EXPTIME": 300.0}]
    assert exposure_weights(headers, "exptime") == [1.0, 0.5]
    assert exposure_weights(headers, "none") == [1.0, 1.0]


def test_weights_by_the_best_seeing_that_all_have():
    guided = {"ESO OCS SGS AG FWHMX AVG": 0.5, "ESO OCS SGS AG FWHMY AVG": 0.7}
    first = {"EXPTIME": 600.0, **SEEING, **guided}
    second = {"EXPTIME": 600.0, **SEEING, "ESO TEL IA FWHM": 1.6}
    assert exposure_weights([first, second], "fwhm") == pytest.approx([1.0, 0.5])
    both = [first, second | guided | {"ESO OCS SGS AG FWHMX AVG": 1.7}]
    assert exposure_weights(both, "fwhm") == pytest.approx([1.0, 0.5])
    outside = [
        {k: v for k, v in h.items() if "AMBI" in k or k == "EXPTIME"}
        for h in (first, second | {"ESO TEL AMBI FWHM END": 5.0})
    ]
    assert exposure_weights(outside, "fwhm") == pytest.approx([1.0, 0.5])
    assert exposure_weights([{"EXPTIME": 10.0}] * 2, "fwhm") == [1.0, 1.0]


def test_weights_of_the_user():
    headers = [{"EXPTIME": 600.0}, {"EXPTIME": 600.0, "ESO DRS MUSE WEIGHT": 0.3}]
    assert exposure_weights(headers, "header") == pytest.approx([1.0, 0.3])


def test_without_exposure_times_all_are_alike():
    assert exposure_weights([{"EXPTIME": 600.0}, {}], "exptime") == [1.0, 1.0]
