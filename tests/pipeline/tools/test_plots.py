"""Plots of traces and wavelengths are made of the right numbers."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.polynomial.polynomial import polyval2d

from pipeline.formats.cards import Keywords
from pipeline.formats.tables import TableProduct
from pipeline.spec import BadInput, Table
from pipeline.tools import trace_samples, trace_widths, wave_column, wave_residuals
from tests.pipeline.mini_tables import trace_table, wavecal_table

N = 40


@pytest.fixture(autouse=True)
def _no_screen():
    mpl.use("Agg")


@pytest.fixture
def figures(monkeypatch):
    """The figures that were made."""
    made = []
    save = Figure.savefig

    def keep(figure, *args, **more):
        made.append(figure)
        save(figure, *args, **more)

    monkeypatch.setattr(Figure, "savefig", keep)
    return made


def write(path, columns, ifu=3):
    product = TableProduct(path, Keywords({"EXTNAME": f"CHAN{ifu:02d}"}))
    product.write("", Table({k: np.asarray(v) for k, v in columns.items()}, {}))
    product.close()
    return path


@pytest.fixture
def samples(tmp_path):
    number = np.repeat(np.arange(1, 13, dtype=np.int32), N)
    y = np.tile(np.linspace(10, 1300, N, dtype=np.float32), 12)
    left = (number * 36).astype(np.float32)
    columns = {"slice": number, "y": y, "mid": left + 15, "left": left, "right": left + 30}
    return write(tmp_path / "TRACE_SAMPLES-03.fits", columns)


@pytest.fixture
def solution(tmp_path):
    return write(tmp_path / "WAVECAL_TABLE-03.fits", wavecal_table(3).tables[""].columns)


@pytest.fixture
def residuals(tmp_path):
    rng = np.random.default_rng(1)
    n = 12 * 2 * N
    number = np.repeat(np.arange(1, 13), 2 * N)
    iteration = np.tile(np.repeat([1, 2], N), 12)
    iteration[number == 5] = 1
    columns = {
        "slice": number.astype(np.uint8),
        "iteration": iteration.astype(np.int32),
        "x": (number * 36 + rng.integers(0, 30, n)).astype(np.int32),
        "y": rng.uniform(1, 1300, n).astype(np.float32),
        "lambda": rng.uniform(5400, 7000, n).astype(np.float32),
        "residual": rng.normal(0, 0.02, n) * np.where(iteration == 1, 5, 1),
        "rejlimit": np.full(n, 0.1),
    }
    return write(tmp_path / "WAVECAL_RESIDUALS-03.fits", columns)


def test_samples_and_solution_are_drawn(samples, tmp_path, figures):
    trace = write(tmp_path / "TRACE_TABLE-03.fits", trace_table(3).tables[""].columns)
    out = tmp_path / "plot.png"
    trace_samples.plot_samples(samples, trace, first=5, last=6, output=out)
    axes = figures[0].axes[0]
    points = [line for line in axes.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in points] == [2 * N] * 3
    assert len(axes.lines) == 3 + 3 * 2
    assert axes.get_xlim() == (175.0, 251.0)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_widths_are_right_minus_left(samples, tmp_path, figures):
    trace_widths.plot_widths(samples, output=tmp_path / "plot.pdf")
    lines = figures[0].axes[0].lines
    assert len(lines) == 12
    assert all((line.get_ydata() == 30).all() for line in lines)
    assert (tmp_path / "plot.pdf").read_bytes().startswith(b"%PDF")


def test_unknown_slices_and_ifus_are_refused(samples, tmp_path):
    with pytest.raises(BadInput, match="no slice"):
        trace_widths.plot_widths(samples, first=20, last=30, output=tmp_path / "p.png")
    with pytest.raises(BadInput, match="IFU 7"):
        trace_widths.plot_widths(samples, ifu=7, output=tmp_path / "p.png")


def test_another_table_is_refused(solution, tmp_path):
    with pytest.raises(BadInput, match="is no TRACE_SAMPLES"):
        trace_widths.plot_widths(solution, output=tmp_path / "p.png")


def test_the_last_round_of_each_slice_is_mapped(residuals, tmp_path, figures):
    wave_residuals.plot_residuals(residuals, output=tmp_path / "plot.png")
    values = np.asarray(figures[0].axes[0].collections[0].get_array())
    assert len(values) == 11 * N + 2 * N
    wave_residuals.plot_residuals(residuals, iteration=1, output=tmp_path / "plot.png")
    assert len(figures[1].axes[0].collections[0].get_array()) == 13 * N


def test_cuts_and_wavelengths_can_be_chosen(residuals, tmp_path, figures):
    wave_residuals.plot_residuals(
        residuals, chosen=3, wavelength=True, cuts=(-0.1, 0.2), output=tmp_path / "plot.png"
    )
    points = figures[0].axes[0].collections[0]
    assert points.get_clim() == (-0.1, 0.2)
    assert points.get_offsets()[:, 1].min() > 5000


@pytest.mark.parametrize("differences", [True, False])
def test_a_slice_is_plotted_column_by_column(
    residuals, solution, tmp_path, figures, differences
):
    wave_column.plot_column(
        solution, residuals, chosen=4, differences=differences, output=tmp_path / "p.png"
    )
    axes = figures[0].axes[0]
    assert len(axes.collections[0].get_offsets()) == N
    if not differences:
        table = wavecal_table(3).tables[""].columns
        terms = wave_column.coefficients(table, 4, solution)
        x, y = axes.lines[0].get_data()
        places = range(4 * 36, 4 * 36 + 30)
        lines = [polyval2d(np.full_like(x, place), x, terms) for place in places]
        assert any(np.allclose(line, y) for line in lines)


def test_an_unknown_column_is_refused(residuals, solution, tmp_path):
    with pytest.raises(BadInput, match="no line in column 1 "):
        wave_column.plot_column(
            solution, residuals, chosen=4, column=1, output=tmp_path / "p.png"
        )
