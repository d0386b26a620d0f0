"""Every registered recipe keeps the promises of its declaration."""

import re

import pytest

from pipeline.runner import load_recipes

RECIPES = load_recipes()
FIRST_LIGHT = {
    "muse_bias",
    "muse_flat",
    "muse_wavecal",
    "muse_twilight",
    "muse_scibasic",
    "muse_standard",
    "muse_create_sky",
    "muse_scipost",
    "muse_exp_align",
    "muse_exp_combine",
}


def test_first_light_recipes_are_all_there():
    assert set(RECIPES) >= FIRST_LIGHT


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_parameters_are_documented(recipe):
    for name, field in recipe.params.model_fields.items():
        assert field.description, name
        assert "unit" in field.json_schema_extra, name


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_defaults_are_valid(recipe):
    assert recipe.params() == recipe.params.model_validate(recipe.params().model_dump())


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_declaration_is_consistent(recipe):
    tags = [i.tag for i in recipe.inputs]
    assert len(tags) == len(set(tags))
    assert any(i.raw for i in recipe.inputs)
    products = {p.tag for p in recipe.products}
    assert products
    for q in recipe.qc:
        assert q.product in products, q.name
        assert q.name.startswith("QC ") and q.doc, q.name
        assert re.fullmatch(r"[A-Z0-9#_ -]+", q.name), q.name


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_inputs_and_products_say_what_they_are(recipe):
    for product in recipe.products:
        assert product.doc, product.tag
    assert len(recipe.doc) > 80


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipes_of_raw_frames_take_bad_pixels_and_overscan_parameters(recipe):
    """As those of the genuine pipeline do; its muse_geometry asks the master bias."""
    if any(i.kind == "raw" for i in recipe.inputs):
        assert "BADPIX_TABLE" in {i.tag for i in recipe.inputs}
    if recipe.name != "muse_geometry" and any(i.kind == "raw" for i in recipe.inputs):
        assert {"overscan", "ovscreject", "ovscsigma", "ovscignore"} <= set(
            recipe.params.model_fields
        )


def test_recipes_of_archive_cubes_have_an_exposure_map():
    for recipe in RECIPES.values():
        tags = {product.tag for product in recipe.products}
        if "DATACUBE_FINAL" in tags and "format" in recipe.params.model_fields:
            assert "EXPOSURE_MAP" in tags, recipe.name
