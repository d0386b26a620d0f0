"""Planning: from raw frames and known calibrations to association blocks.

Kinds of calibration are planned one after the other in the order in which they need
each other, so that a complete block can promise its masters (VCAL) to the later ones.
An incomplete block promises nothing: who would have used it takes the next best, or is
itself closed as incomplete, and nothing waits for a member that can never come. What a
step needs is read from the declaration of its recipe.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from association.blocks import Plan
from association.candidates import Candidates
from association.datasets import calibration_sets, deep_groups, science_datasets
from association.masters import plan_calibrations
from association.planner import Planner
from association.records import CalibRecord, RawRecord, illum_calibration
from association.rules import EVENTS, RULES, Event, Rule
from association.science import plan_deep, plan_science
from pipeline.spec import Recipe


def plan(
    raws: Iterable[RawRecord],
    calibs: Iterable[CalibRecord],
    recipes: Mapping[str, Recipe],
    *,
    refused: Collection[str] = (),
    rules: Sequence[Rule] = RULES,
    events: Sequence[Event] = EVENTS,
) -> Plan:
    """Plan all association blocks.

    Parameters
    ----------
    raws : iterable of RawRecord
        Classified raw frames.
    calibs : iterable of CalibRecord
        Real calibrations: statics, and masters made before with ``block`` set.
    recipes : mapping of str to Recipe
        Declarations by recipe name; frames of a recipe that is not there stay unplanned.
    refused : collection of str
        Blocks that failed, and promised products that will not come: planning again
        with them gives everybody the next best.
    """
    frames = sorted(raws, key=lambda f: (f.mjd_obs, f.name))
    known = list(calibs)
    known += [illum_calibration(f) for f in frames if f.tag == "ILLUM"]
    real = {(c.block, c.tag, c.ifu): c for c in known if c.block}
    planner = Planner(recipes, Candidates(known), real, refused, rules, events)
    blocks = plan_calibrations(planner, calibration_sets(frames))
    datasets = science_datasets(frames)
    planned = (plan_science(planner, dataset) for dataset in datasets)
    science = {block.name: block for block in planned if block is not None}
    deep = plan_deep(planner, deep_groups(datasets), science)
    return Plan((*blocks, *science.values(), *deep), tuple(planner.unplanned))
