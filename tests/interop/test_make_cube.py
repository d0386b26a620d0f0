"""muse_scipost_make_cube of pixels in the field and of a combined table, by both pipelines.

The tables are of our muse_scipost_combine_pixtables: four mini IFUs of one exposure, and
two exposures of which the second has half of the weight and another brightness.
"""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.runner import run
from tests.interop.pixel_tables import write_pixel_tables, write_sof
from tests.pipeline.sky_pixels import Sky, pixel_tables

pytestmark = pytest.mark.interop

LIMITS = {"lambdamin": 6000.0, "lambdamax": 6200.0}
DATES = ("2026-09-03T04:20:00.456", "2026-09-03T04:31:00.456")


def one(products, tag):
    """The only product of a tag."""
    (path,) = (p.path for p in products if p.tag == tag)
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Paths of the two tables."""
    root = tmp_path_factory.mktemp("tables")
    merged, reduced = [], []
    for k, date in enumerate(DATES):
        sky = Sky(sky=40.0 + 30.0 * k, keywords={"EXPTIME": 600.0 / (k + 1)})
        folder = root / f"exposure-{k}"
        folder.mkdir()
        frames = write_pixel_tables(folder, pixel_tables(sky, (1, 2, 3, 4), date=date))
        found = run("muse_scipost_combine_pixtables", frames, LIMITS, folder / "merged")
        merged.append(one(found, "PIXTABLE_COMBINED"))
        chain = [(merged[-1], "PIXTABLE_OBJECT")]
        for step in ("correct_dar", "apply_astrometry"):
            made = run(f"muse_scipost_{step}", chain, LIMITS, folder / step)
            chain = [(one(made, "PIXTABLE_REDUCED"), "PIXTABLE_OBJECT")]
        reduced += chain
    found = run("muse_scipost_combine_pixtables", reduced, LIMITS, root / "combined")
    return {"field": merged[0], "combined": one(found, "PIXTABLE_COMBINED")}


@pytest.mark.parametrize("kind", ["field", "combined"])
def test_cubes_are_those_of_the_genuine_recipe(tables, kind, genuine, tmp_path):
    frames = [(tables[kind], "PIXTABLE_OBJECT")]
    options = {"pixfrac": "0.8,0.8"}
    (tmp_path / "genuine").mkdir()
    sof = write_sof(tmp_path / "cube.sof", frames)
    listed = [f"--{name}={value}" for name, value in options.items()]
    genuine(tmp_path / "genuine", "muse_scipost_make_cube", *listed, str(sof))
    run("muse_scipost_make_cube", frames, options, tmp_path / "ours")
    found = []
    for side in ("ours", "genuine"):
        with fits.open(tmp_path / side / "DATACUBE_FINAL.fits") as units:
            found.append((units["DATA"].header.copy(), units["DATA"].data))
    (words, data), (other, reference) = found
    assert data.shape == reference.shape
    axes = {"field": ("PIXEL", "pixel"), "combined": ("RA---TAN", "deg")}[kind]
    assert (other["CTYPE1"], other["CUNIT1"]) == axes
    for key in ("CTYPE1", "CTYPE2", "CTYPE3", "CUNIT1", "CUNIT2", "CUNIT3"):
        assert words[key] == other[key], key
    for key in ("CD1_1", "CD2_2", "CD3_3", "CRVAL1", "CRVAL2", "CRVAL3"):
        assert words[key] == pytest.approx(other[key], rel=1e-5), key
    for key in ("CRPIX1", "CRPIX2"):
        assert words[key] == pytest.approx(other[key], abs=0.05), key
    both = np.isfinite(data) & np.isfinite(reference)
    assert both.mean() > 0.95 * np.isfinite(reference).mean()
    assert np.median(data[both] / reference[both]) == pytest.approx(1, abs=0.005)
    level = np.median(data[both])
    assert level == pytest.approx({"field": 40.0, "combined": 50.0}[kind], rel=0.05)
