"""Every recipe writes what it declares: a mini night through all recipes, files on disk."""

import re

import pytest
from astropy.io import fits

from benchmarks.chain import CHAIN, SCIBASIC, SCIPOST, Call, raw_frames, take_products
from benchmarks.frames import simulate_frames
from benchmarks.geometry import CALIBRATIONS, mask_exposures
from benchmarks.reduction import Reduction
from pipeline.formats.headers import read_header
from pipeline.instrument import MINI
from pipeline.runner import load_recipes, run_fused
from pipeline.simulator.frames import simulate_exposure
from pipeline.spec import BadInput

RECIPES = load_recipes()
IFUS = (1, 2)
REDUCED = ("TRACE_TABLE", "WAVECAL_TABLE", "GEOMETRY_TABLE", "TWILIGHT_CUBE")

FURTHER = (
    Call(
        "scibasic combined",
        "muse_scibasic",
        ("OBJECT", "ILLUM"),
        SCIBASIC,
        options=("--combine=minmax", "--resample=true", "--cr=dcr"),
    ),
    Call(
        "scibasic reduced",
        "muse_scibasic",
        ("REDUCED",),
        REDUCED,
        options=("--resample=true",),
    ),
    Call(
        "scipost pixels",
        "muse_scipost",
        ("PIXTABLE_OBJECT",),
        ("ASTROMETRY_WCS", "FILTER_LIST"),
        options=(
            "--skymethod=none",
            "--save=cube,positioned,combined,stacked",
            "--format=xEuro3D",
        ),
    ),
    Call(
        "exp_combine pixels",
        "muse_exp_combine",
        ("PIXTABLE_REDUCED",),
        ("FILTER_LIST",),
        options=("--save=cube,combined", "--format=Euro3D", "--resample=renka"),
    ),
    Call("geometry", "muse_geometry", ("MASK", "MASK_CHECK"), CALIBRATIONS),
)
"""Calls of what the chain leaves out."""

CALLS = (*CHAIN, *FURTHER)
STEPS = {name for name in RECIPES if name.startswith("muse_scipost_")}
ALONE = {"muse_astrometry", *STEPS}
"""Recipes that only their own tests run: a field of stars that two small IFUs do not hold,
steps of muse_scipost."""
N_MASKS = 50


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The reduction of a mini night and paths of its products by label of the call."""
    folder = tmp_path_factory.mktemp("night")
    raw = simulate_frames(folder / "raw", IFUS, MINI)
    reduction = Reduction(raw, folder, MINI.name)
    (folder / "mask").mkdir()
    for exposure in mask_exposures(N_MASKS):  # of one IFU: they are many
        simulate_exposure(exposure, MINI, folder / "mask", IFUS[:1])
    reduction.frames |= raw_frames(folder / "mask")
    written = {}
    for call in CHAIN:
        written[call.label] = reduction.call(call)
        take_products(reduction.frames, folder / call.label.replace(" ", "_"))
    given = {"REDUCED": reduction.frames["OBJECT_RED"][:2]}
    for call in FURTHER:
        written[call.label] = reduction.call(call, given=given)
    return reduction, written


@pytest.fixture(scope="module")
def products(night):
    """Paths of the products by label of the call."""
    return night[1]


def qc(path):
    """QC keywords in all headers of a product."""
    with fits.open(path) as hdus:
        cards = [keyword for hdu in hdus for keyword in hdu.header]
    return {k.removeprefix("ESO ") for k in cards if k.startswith("ESO QC ")}


def declared_as(name, keyword):
    return re.fullmatch(re.escape(name).replace(r"\#", r"\d+"), keyword)


def test_every_recipe_is_called():
    assert {call.recipe for call in CALLS} | ALONE >= set(RECIPES)


@pytest.mark.parametrize("call", CALLS, ids=[call.label for call in CALLS])
def test_products_are_the_declared_ones(products, call):
    declared = RECIPES[call.recipe].products
    found = {read_header(path)["ESO PRO CATG"] for path in products[call.label]}
    assert found <= {product.tag for product in declared}
    assert found >= {product.tag for product in declared if not product.optional}


@pytest.mark.parametrize("call", CALLS, ids=[call.label for call in CALLS])
def test_qc_keywords_are_the_declared_ones(products, call):
    for path in products[call.label]:
        tag, keywords = read_header(path)["ESO PRO CATG"], qc(path)
        declared = [q for q in RECIPES[call.recipe].qc if q.product == tag]
        strange = {k for k in keywords if not any(declared_as(q.name, k) for q in declared)}
        assert not strange, path.name
        lacking = {
            q.name
            for q in declared
            if not q.optional and not any(declared_as(q.name, k) for k in keywords)
        }
        assert not lacking, path.name


def test_optional_products_come_when_they_are_asked_for(products):
    tags = {
        label: {read_header(path)["ESO PRO CATG"] for path in products[label]}
        for label in (call.label for call in FURTHER)
    }
    combined = {"OBJECT_RED", "OBJECT_RESAMPLED", "PIXTABLE_OBJECT"}
    assert tags["scibasic combined"] == combined
    assert len(products["scibasic combined"]) == len(combined) * len(IFUS)
    assert tags["scibasic reduced"] == {"PIXTABLE_REDUCED", "REDUCED_RESAMPLED"}
    cubes = {"DATACUBE_FINAL", "IMAGE_FOV", "PIXTABLE_COMBINED"}
    pixels = {"PIXTABLE_POSITIONED", "OBJECT_RESAMPLED"}
    assert tags["scipost pixels"] == cubes | pixels
    assert tags["exp_combine pixels"] == cubes


CHANGING = re.compile("(CHECKSUM|DATE|DATASUM)$")
FUSED = Call("fused", "muse_scipost", ("PIXTABLE_OBJECT",), SCIPOST)


def units(path):
    """Headers without dates and checksums, and the bytes of the data."""
    with fits.open(path) as hdus:
        return [
            (
                {k: v for k, v in hdu.header.items() if not CHANGING.match(k)},
                hdu.data.tobytes() if hdu.data is not None else b"",
            )
            for hdu in hdus
        ]


def test_fused_recipes_give_the_same_cube_without_pixel_tables(night, tmp_path):
    reduction, products = night
    pixels = (p for p in products["scibasic object"] if p.name.startswith("PIXTABLE"))
    tables = sorted(pixels)
    own = {"PIXTABLE_OBJECT": tables, "OBJECT_RED": []}
    apart = reduction.call(FUSED, tmp_path / "apart", own, save="cube,individual")
    tags = ("OBJECT", "ILLUM", *SCIBASIC, *SCIPOST)
    sof = [(path, tag) for tag in tags for path in reduction.frames.get(tag, ())]
    scipost = {"save": "cube,individual"}
    recipes = ("muse_scibasic", "muse_scipost")
    fused = run_fused(recipes, sof, ({}, scipost), tmp_path / "fused")
    found = {product.path.name: product.path for product in fused}
    reds = {p.name for p in products["scibasic object"] if p.name.startswith("OBJECT")}
    assert set(found) == reds | {path.name for path in apart}
    assert not list((tmp_path / "fused").glob(".*"))
    for path in apart:
        for one, other in zip(units(path), units(found[path.name]), strict=True):
            assert one[0] == other[0], path.name
            assert one[1] == other[1], path.name


def test_recipes_that_do_not_follow_each_other_are_not_fused(tmp_path):
    for names in (("muse_bias", "muse_scipost"), ("muse_scipost", "muse_scibasic")):
        with pytest.raises(BadInput, match="takes no pixel tables"):
            run_fused(names, [], ({}, {}), tmp_path)
    with pytest.raises(BadInput, match="only two recipes"):
        run_fused(("muse_scibasic",), [], ({},), tmp_path)
