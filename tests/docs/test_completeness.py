"""What counts as complete, on a made-up recipe."""

from typing import Literal

import pytest

from docs.completeness import RECIPES, compare, compared, page, same
from pipeline.runner import load_recipes
from pipeline.spec import QC, Input, Params, Product, Recipe, param


class SomeParams(Params):
    combine: Literal["average", "median"] = param("median", doc="How.")
    sigma: float = param(3.0, doc="Limit.")


RECIPE = Recipe(
    "muse_some",
    "1.0",
    "exposure",
    (Input("RAW", "raw", raw=True),),
    (Product("MASTER", "image", "The master."),),
    (QC("QC SOME#", "MASTER", "", "A number."),),
    SomeParams,
    "Doc.",
    lambda frames, params, out: None,
)


def genuine(**parameters):
    return {"parameters": parameters, "inputs": ["RAW"], "products": ["MASTER"], "qc": []}


@pytest.mark.parametrize(
    ("default", "text", "equal"),
    [
        (4750.0, "4.75e+03", True),
        (4750.0, "4.8e+03", False),
        (True, "TRUE", True),
        (True, "1", False),
        ("", "", True),
        (3, "all", False),
    ],
)
def test_defaults_are_compared_as_what_they_are(default, text, equal):
    assert same(default, text) is equal


def test_equal_parameters_are_complete():
    both = {"default": "median", "choices": ["median", "average"]}
    part = compare(RECIPE, genuine(combine=both, sigma={"default": "3.0"}))["parameters"]
    assert (part.missing, str(part)) == ({}, "2 of 2")


@pytest.mark.parametrize(
    ("name", "signature", "lack"),
    [
        ("other", {"default": "1"}, "missing"),
        ("sigma", {"default": "5.0"}, "default 3.0 instead of 5.0"),
        ("combine", {"default": "median", "choices": ["median", "mode"]}, "without mode"),
    ],
)
def test_what_a_parameter_lacks_is_said(name, signature, lack):
    part = compare(RECIPE, genuine(**{name: signature}))["parameters"]
    assert part.missing == {name: lack}


def test_frames_and_keywords_are_compared_by_name():
    wanted = {**genuine(), "products": ["MASTER", "MODEL"], "qc": ["QC SOME#", "QC OTHER"]}
    parts = compare(RECIPE, wanted)
    assert set(parts["products"].missing) == {"MODEL"}
    assert set(parts["qc"].missing) == {"QC OTHER"}
    assert not parts["inputs"].missing


def test_an_absent_recipe_lacks_everything():
    parts = compare(None, genuine(sigma={"default": "3.0"}))
    assert [len(part.missing) for part in parts.values()] == [1, 1, 1, 0]


def test_every_recipe_has_its_row():
    recipes = load_recipes()
    assert set(RECIPES) >= set(recipes)
    text = page(recipes)
    for name, parts in compared(recipes).items():
        for part in parts.values():
            assert all(f"`{item}`" in text for item in part.missing) or name not in recipes
