"""Products of all IFUs in one file (``--merge``): each pipeline takes those of the other.

They are mixed with products in separate files, and IFU 2 is reduced with them, so that a
reader is found out that takes the first extensions. The truth says whether it is right.
"""

import numpy as np
import pytest
from astropy.io import fits

from benchmarks.pixels import sample
from pipeline.formats.sof import read_sof
from pipeline.instrument import FULL
from pipeline.runner import run
from pipeline.simulator.optics import optics
from pipeline.static import static_path

pytestmark = pytest.mark.interop
IFU = 2


def sof(path, raws, tag, masters, *statics):
    """Write a set of frames."""
    lines = [*((raw, tag) for raw in raws), *masters]
    lines += [(static_path(name, "full"), name) for name in statics]
    path.write_text("".join(f"{frame} {name}\n" for frame, name in lines))
    return path


def reduce(recipe, path, folder, **options):
    """Run one of our recipes and return its products with their tags."""
    return [(p.path, p.tag) for p in run(recipe, read_sof(path), {}, folder, **options)]


@pytest.fixture(scope="module")
def ours(raw_frames, tmp_path_factory):
    """Our products of two IFUs with their tags: separate master biases, others merged."""
    folder = tmp_path_factory.mktemp("ours")
    masters = []
    for recipe, tag, *statics in (
        ("muse_bias", "BIAS"),
        ("muse_flat", "FLAT"),
        ("muse_wavecal", "ARC", "LINE_CATALOG"),
    ):
        frames = sof(folder / f"{recipe}.sof", raw_frames[tag], tag, masters, *statics)
        masters += reduce(recipe, frames, folder, merge=recipe != "muse_bias")
    return masters


def chosen(products, *tags):
    """Return the products with some tags."""
    return [(path, tag) for path, tag in products if tag in tags]


@pytest.fixture(scope="module")
def merged(genuine, raw_frames, ours, tmp_path_factory):
    """Master flat and trace table of two IFUs, merged by the genuine pipeline."""
    folder = tmp_path_factory.mktemp("genuine")
    frames = sof(
        folder / "flat.sof", raw_frames["FLAT"], "FLAT", chosen(ours, "MASTER_BIAS")
    )
    genuine(folder, "muse_flat", "--nifu=0", "--merge", str(frames))  # misses IFU 3
    return [(folder / f"{tag}.fits", tag) for tag in ("MASTER_FLAT", "TRACE_TABLE")]


def test_both_forms_are_alike(ours, merged):
    for path, tag in merged:
        (own,) = chosen(ours, tag)
        with fits.open(path) as theirs, fits.open(own[0]) as mine:
            assert [unit.name for unit in mine] == [unit.name for unit in theirs]
            for one, other in zip(mine[1:], theirs[1:], strict=True):
                keys = ("XTENSION", "BITPIX", "NAXIS", "EXTNAME", "HDUCLAS2", "SCIDATA")
                assert [one.header.get(k) for k in keys] == [
                    other.header.get(k) for k in keys
                ]
                if not one.name.endswith((".DQ", ".STAT")):  # there it repeats them
                    qc = {k for k in other.header if k.startswith("ESO QC ")}
                    assert qc <= set(one.header), one.name


def test_we_take_merged_products_of_the_genuine_pipeline(
    ours, merged, raw_frames, tmp_path
):
    masters = chosen(ours, "MASTER_BIAS") + merged
    frames = sof(tmp_path / "arc.sof", raw_frames["ARC"], "ARC", masters, "LINE_CATALOG")
    (product,) = reduce("muse_wavecal", frames, tmp_path, nifu=IFU)
    truth, table = optics(FULL, IFU), fits.getdata(product[0], 1)
    y = np.arange(500, 3600, 100)
    for row in table:
        s = row["SliceNo"]
        x = (truth.left[s - 1, y - 1] + truth.right[s - 1, y - 1]) / 2
        found = sum(
            row[f"wlc{i}{j}"] * x**i * y.astype(float) ** j
            for i in range(3)
            for j in range(7)
        )
        assert np.abs(found - truth.wavelength(s, x, y)).max() < 0.03, s


def test_the_genuine_pipeline_takes_our_merged_products(
    genuine, ours, raw_frames, tmp_path
):
    frames = sof(
        tmp_path / "object.sof", raw_frames["OBJECT"], "OBJECT", ours, "GEOMETRY_TABLE"
    )
    done = genuine(tmp_path, "muse_scibasic", f"--nifu={IFU}", str(frames))
    assert done.returncode == 0, done.stdout[-2000:]
    pixels = sample(tmp_path / f"PIXTABLE_OBJECT_0001-{IFU:02d}.fits", IFU)
    assert len(np.unique(pixels.slice)) == FULL.n_slices
    truth = optics(FULL, IFU)
    expected = np.empty(len(pixels.x))
    for s in range(1, FULL.n_slices + 1):
        here = pixels.slice == s
        expected[here] = truth.wavelength(s, pixels.x[here], pixels.y[here])
    rest = np.abs(pixels.wavelength - expected)
    assert np.median(rest) < 0.03 and rest.max() < 0.2
