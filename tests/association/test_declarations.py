"""What the cascade plans is what the recipes declare."""

import importlib
import pkgutil

import pytest

import pipeline.recipes
from association.blocks import Step
from association.cascade import plan
from association.rules import RULES
from pipeline.spec import REGISTRY
from tests.association.month import START, night, recipes, sequence, statics, twilight

for module in pkgutil.iter_modules(pipeline.recipes.__path__):
    importlib.import_module(f"pipeline.recipes.{module.name}")

KNOWN = {**recipes(), **REGISTRY}
FRAMES = [
    *twilight(START),
    *night(START),
    *night(START + 1, ob=200),
    *sequence("DARK", START + 0.6, 5),
    *sequence("ASTROMETRY", START + 0.05, 1),
]
PLAN = plan(FRAMES, statics(), KNOWN)
STEPS = {(block.name, step.name): step for block in PLAN.blocks for step in block.steps}


def test_the_plan_is_complete_with_the_real_declarations() -> None:
    incomplete = {b.name: b.missing for b in PLAN.blocks if b.missing}
    assert incomplete == {}
    assert PLAN.unplanned == ()


@pytest.mark.parametrize("step", STEPS.values(), ids=lambda s: s.name)
def test_recipes_declare_what_they_are_given(step: Step) -> None:
    tags = {i.tag for i in KNOWN[step.recipe].inputs}
    assert {frame.tag for frame in step.raw} <= tags
    assert {feed.as_tag for feed in step.feeds} <= tags
    assert {calib.tag for calib in step.calibrations} <= tags


@pytest.mark.parametrize("place", STEPS, ids=lambda p: p[1])
def test_recipes_declare_what_they_pass_on(place: tuple[str, str]) -> None:
    for feed in STEPS[place].feeds:
        giver = STEPS[feed.block or place[0], feed.step]
        assert feed.tag in {p.tag for p in KNOWN[giver.recipe].products}


def test_planned_parameters_exist() -> None:
    for step in STEPS.values():
        if step.recipe in REGISTRY:
            REGISTRY[step.recipe].params(**step.params)


def test_every_required_calibration_has_a_rule() -> None:
    made = {p.tag for r in KNOWN.values() for p in r.products}
    ruled = {rule.tag for rule in RULES}
    for recipe in KNOWN.values():
        required = {i.tag for i in recipe.inputs if not i.optional and not i.raw}
        assert required <= ruled | made, recipe.name
