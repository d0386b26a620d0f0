"""The summary of a cube against plain numpy, whatever the size of the slabs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from phoenix.measure import plane_wavelengths
from pipeline.memory import MemoryCube
from pipeline.spec import Planes
from reports.plots import plot_snr, plot_spectrum, save_image
from reports.summary import summarise, white_light

HEADER = {"CRVAL3": 5300.0, "CRPIX3": 1.0, "CD3_3": 1.25}


def make_cube(n=100, ny=12, nx=15, seed=3):
    """Make a cube with one bright spaxel group, noise of 2 and one column missing."""
    rng = np.random.default_rng(seed)
    data = rng.normal(10.0, 2.0, (n, ny, nx)).astype(np.float32)
    data[:, 5:8, 6:9] += 500.0
    data[:, :, 0] = np.nan
    stat = np.full(data.shape, 4.0, np.float32)
    return MemoryCube(Planes(data, np.zeros(data.shape, np.uint32), stat), header=HEADER)


def test_white_light_is_the_mean():
    cube = make_cube()
    expected = cube.planes.data.mean(axis=0, dtype=float)
    white = white_light(cube, size=7)
    assert_allclose(white[:, 1:], expected[:, 1:], rtol=1e-6)
    assert np.isnan(white[:, 0]).all()


def test_wavelengths_follow_the_wcs():
    assert_allclose(plane_wavelengths(make_cube(3)), [5300.0, 5301.25, 5302.5])


def test_summary_finds_the_source_and_the_noise():
    summary = summarise(make_cube())
    assert summary.centre == (6, 7)
    assert np.median(summary.source) == pytest.approx(9 * 500 + 29 * 10, rel=0.01)
    assert_allclose(summary.source_sigma, np.sqrt(29 * 4.0), rtol=1e-6)
    assert np.median(summary.blank) == pytest.approx(10.0, abs=0.3)
    assert np.median(summary.noise) == pytest.approx(2.0, rel=0.05)
    assert_allclose(summary.expected, 2.0, rtol=1e-6)


def test_errors_of_the_spectrum_know_the_shared_noise():
    cube = make_cube(20)
    factors = {f"ESO QC SCIPOST NOISE BOX{n}": 1.4 - 0.4 / n for n in (2, 3, 5, 10, 20)}
    shared = MemoryCube(cube.planes, header={**HEADER, **factors})
    ratio = summarise(shared).source_sigma / summarise(cube).source_sigma
    assert_allclose(ratio, 1.4 - 0.4 / np.sqrt(29), rtol=1e-6)


def test_slabs_do_not_matter():
    small, large = summarise(make_cube(), size=3), summarise(make_cube(), size=1000)
    assert_allclose(small.white, large.white, rtol=1e-6)
    for name in ("source", "source_sigma", "blank", "signal", "noise"):
        assert_allclose(getattr(small, name), getattr(large, name), rtol=1e-6)


def test_empty_cube_gives_no_spectrum(tmp_path):
    cube = make_cube(20)
    cube.planes.data[:] = np.nan
    summary = summarise(cube)
    assert not summary.signal.size
    plot_spectrum(summary, tmp_path / "s.svg")
    plot_snr(summary, tmp_path / "n.svg")
    save_image(summary.white, tmp_path / "w.png")


def test_figures_are_written_whole(tmp_path):
    summary = summarise(make_cube())
    plot_spectrum(summary, tmp_path / "s.svg")
    plot_snr(summary, tmp_path / "n.svg")
    save_image(summary.white, tmp_path / "w.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["n.svg", "s.svg", "w.png"]
    assert "</svg>" in (tmp_path / "s.svg").read_text()
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")
