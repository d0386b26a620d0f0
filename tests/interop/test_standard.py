"""Options of muse_standard, one by one, by both pipelines: two stars on four mini IFUs."""

import numpy as np
import pytest
from astropy.io import fits

from pipeline.runner import run
from pipeline.static import static_path
from tests.interop.pixel_tables import write_pixel_tables, write_sof
from tests.pipeline.field_pixels import field_pixels
from tests.pipeline.recipes.test_standard import TABLES, starlight

pytestmark = pytest.mark.interop

COMMON = {"profile": "circle", "lambdamin": 5800.0, "lambdamax": 6500.0}
FILTERS = ("white", "Johnson_V", "Cousins_R")
CASES = {
    "none": {"select": "flux", "smooth": "none", "filter": ",".join(FILTERS)},
    "median": {"select": "distance", "smooth": "median", "filter": "Cousins_R"},
    "ppoly": {"select": "distance", "smooth": "ppoly", "filter": "white"},
}
"""By the smoothing; one case for each value of the three options."""

BRIGHTER = (-20.3, 2.0, 1.5)
GRID = np.arange(5830.0, 6470.0, 1.25)


@pytest.fixture(scope="module")
def products(genuine, tmp_path_factory):
    """Folders of the products by pipeline and case."""
    root = tmp_path_factory.mktemp("standard")
    tables = field_pixels(starlight([BRIGHTER]), "PIXTABLE_STD")
    frames = write_pixel_tables(root, tables, LST=1368.0)
    frames += [(static_path(tag, "mini"), tag) for tag in TABLES]
    sof = write_sof(root / "standard.sof", frames)
    found = {}
    for name, case in CASES.items():
        folder = root / f"genuine-{name}"
        folder.mkdir()
        options = {**COMMON, **case}
        listed = [f"--{option}={value}" for option, value in options.items()]
        genuine(folder, "muse_standard", *listed, str(sof))
        found["genuine", name] = folder
        found["ours", name] = root / f"ours-{name}"
        run("muse_standard", frames, options, found["ours", name])
    return found


def response(products, side, case):
    """The response on `GRID` [mag]."""
    table = fits.getdata(products[side, case] / "STD_RESPONSE_0001.fits", 1)
    return np.interp(GRID, table["lambda"], table["response"])


@pytest.mark.parametrize("case", CASES)
def test_the_same_star_is_selected(products, case):
    places = []
    for side in ("ours", "genuine"):
        header = fits.getheader(products[side, case] / "STD_FLUXES_0001.fits")
        chosen = header["ESO DRS MUSE FLUX NSEL"]
        places.append([header[f"ESO DRS MUSE FLUX OBJ{chosen} {axis}"] for axis in "XY"])
    np.testing.assert_allclose(places[0], places[1], atol=1.0)
    left = CASES[case]["select"] == "flux"
    assert (places[0][0] < 20) is left


@pytest.mark.parametrize("case", CASES)
def test_responses_agree(products, case):
    apart = response(products, "ours", case) - response(products, "genuine", case)
    cut = CASES[case]["select"] == "flux"  # the brighter star, by the edge of the field
    assert abs(np.median(apart)) < (0.4 if cut else 0.2)  # windows of other widths
    assert np.std(apart) < 0.02, case


def test_smoothing_takes_out_as_much(products):
    rough = {
        (side, case): np.std(np.diff(response(products, side, case), 2))
        for side in ("ours", "genuine")
        for case in CASES
    }
    for side in ("ours", "genuine"):
        assert rough[side, "ppoly"] < 0.1 * rough[side, "none"]
        assert rough[side, "median"] < 0.5 * rough[side, "none"]
    for case in ("none", "median"):
        ratio = rough["ours", case] / rough["genuine", case]
        assert 0.4 < ratio < 2.5, (case, ratio)


@pytest.mark.parametrize("case", CASES)
def test_images_through_the_filters(products, case):
    found = {}
    for side in ("ours", "genuine"):
        path = products[side, case] / "DATACUBE_STD_0001.fits"
        with fits.open(path) as units:
            names = [unit.name for unit in units]
            found[side] = {
                name: (units[name].header["OBJECT"], units[name].data) for name in names[3:]
            }
        assert names[:3] == ["PRIMARY", "DATA", "STAT"]
        assert names[3:] == CASES[case]["filter"].split(",")
    assert list(found["ours"]) == list(found["genuine"])
    for (name, one), other in zip(
        found["ours"].items(), found["genuine"].values(), strict=True
    ):
        assert one[0] == other[0]
        assert one[1].shape == other[1].shape
        both = np.isfinite(one[1]) & np.isfinite(other[1])
        ratio = np.median(one[1][both] / other[1][both])
        assert ratio == pytest.approx(1, abs=0.005), name
