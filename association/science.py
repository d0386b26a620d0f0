"""Blocks of science datasets and of deep groups."""

from collections.abc import Mapping, Sequence

from association.blocks import Block, Feed, Final, Step, Unplanned
from association.datasets import (
    DeepGroup,
    ScienceDataset,
    missing_exposures,
    request_of,
)
from association.planner import Planned, Planner, once
from association.records import RawRecord
from association.steps import (
    IDP_POST,
    align_step,
    basic_step,
    combine_step,
    post_step,
    sky_step,
)

_SCIENCE = ("muse_scibasic", "muse_scipost")
_COMBINE = ("muse_exp_align", "muse_exp_combine")


def plan_science(planner: Planner, dataset: ScienceDataset) -> Block | None:
    """Plan the block of one template call; None when a recipe is not available."""
    needed = [*_SCIENCE]
    needed += ["muse_create_sky"] if dataset.skies else []
    needed += _COMBINE if len(dataset.objects) > 1 else []
    lacking = [name for name in needed if name not in planner.recipes]
    if lacking:
        reason = f"recipe {lacking[0]} is not available"
        planner.unplanned.append(Unplanned(dataset.name, dataset.frames, reason))
        return None
    planned, finals = _sky_steps(planner, dataset)
    planned += _object_steps(planner, dataset)
    if len(dataset.objects) > 1:
        planned += _combine_steps(planner, dataset.objects)
        finals.append(Final("exp_combine", "SCBC", "OBJ"))
    elif dataset.objects:
        finals.append(Final("scipost_1", "SCBS", "OBJ"))
    notes = missing_exposures(dataset.frames)
    if not dataset.skies:
        notes += ("no dedicated sky exposure in this template",)
    frames = dataset.frames
    return Block(
        name=dataset.name,
        kind="science",
        tag="OBJECT" if dataset.objects else "SKY",
        night=frames[0].night,
        mjd_mid=request_of(frames, "science").mjd_mid,
        frames=frames,
        steps=tuple(step for step, _, _ in planned),
        missing=once(text for _, lacks, _ in planned for text in lacks),
        notes=once((*notes, *(text for _, _, remarks in planned for text in remarks))),
        finals=tuple(finals),
    )


def _sky_steps(
    planner: Planner, dataset: ScienceDataset
) -> tuple[list[Planned], list[Final]]:
    """Plan the sky model of each sky exposure and the shallow sky cube of all."""
    planned: list[Planned] = []
    basics: list[Step] = []
    for number, frame in enumerate(dataset.skies, 1):
        basic = basic_step(planner, frame, "science", number)
        basics.append(basic[0])
        planned += [basic, sky_step(planner, frame, basic[0], number)]
    if not basics:
        return [], []
    feeds = tuple(Feed(step.name, "PIXTABLE_SKY", "PIXTABLE_OBJECT") for step in basics)
    params = {**IDP_POST, "skymethod": "none", "format": "sdpCube"}
    planned.append(post_step(planner, "scipost_sky", dataset.skies, feeds, params))
    return planned, [Final("scipost_sky", "SCBX", "SKY")]


def _object_steps(planner: Planner, dataset: ScienceDataset) -> list[Planned]:
    """Plan the cube of each object exposure, with the sky exposure nearest to it."""
    planned: list[Planned] = []
    single = len(dataset.objects) == 1
    for number, frame in enumerate(dataset.objects, 1):
        basic = basic_step(planner, frame, "science", number)
        feeds: tuple[Feed, ...] = (
            Feed(basic[0].name, "PIXTABLE_OBJECT", "PIXTABLE_OBJECT"),
        )
        sky = dataset.nearest_sky(frame)
        if sky is not None:
            model = f"create_sky_{dataset.skies.index(sky) + 1}"
            feeds += tuple(Feed(model, t, t) for t in ("SKY_LINES", "SKY_CONTINUUM"))
        params = {
            **IDP_POST,
            "skymethod": "simple" if sky is None else "subtract-model",
            "format": "sdpCube" if single else "Cube",
        }
        name = f"scipost_{number}"
        planned += [basic, post_step(planner, name, [frame], feeds, params)]
    return planned


def _combine_steps(planner: Planner, objects: Sequence[RawRecord]) -> list[Planned]:
    """Plan alignment and combination of the exposures of one block."""
    posts = [(f"scipost_{n}", "") for n in range(1, len(objects) + 1)]
    return _align_and_combine(planner, objects, posts)


def _align_and_combine(
    planner: Planner, objects: Sequence[RawRecord], posts: Sequence[tuple[str, str]]
) -> list[Planned]:
    """Plan the two steps; ``posts`` are steps and blocks that made the exposures."""
    request = request_of(objects, "science")
    images = tuple(Feed(step, "IMAGE_FOV", "IMAGE_FOV", block) for step, block in posts)
    tables = tuple(
        Feed(step, "PIXTABLE_REDUCED", "PIXTABLE_REDUCED", block) for step, block in posts
    )
    return [align_step(planner, request, images), combine_step(planner, request, tables)]


def plan_deep(
    planner: Planner, groups: Sequence[DeepGroup], science: Mapping[str, Block]
) -> list[Block]:
    """Plan a deep cube for each target of two or more observation blocks.

    A member that is incomplete is left out and named; with fewer than two complete
    members the block is closed as incomplete, it waits for none.
    """
    if any(name not in planner.recipes for name in _COMBINE):
        return []
    return [_deep_block(planner, group, science) for group in groups]


def _deep_block(planner: Planner, group: DeepGroup, science: Mapping[str, Block]) -> Block:
    """Plan the block of one deep group."""
    usable = [
        d
        for d in group.datasets
        if d.name in science
        and not science[d.name].missing
        and d.name not in planner.refused
    ]
    left_out = [d.name for d in group.datasets if d not in usable]
    frames = tuple(f for d in group.datasets for f in d.objects)
    planned: list[Planned] = []
    missing: tuple[str, ...] = ()
    if len({d.objects[0].obs_id for d in usable}) < 2:
        missing = tuple(f"member {name} is incomplete or failed" for name in left_out)
    else:
        posts = [
            (f"scipost_{n}", d.name) for d in usable for n in range(1, len(d.objects) + 1)
        ]
        objects = [f for d in usable for f in d.objects]
        planned = _align_and_combine(planner, objects, posts)
    first = frames[0]
    return Block(
        name=f"DEEP.{first.tpl_start or first.name}_{first.obs_id}_{first.setup.mode}",
        kind="deep",
        tag="OBJECT",
        night=first.night,
        mjd_mid=request_of(frames, "science").mjd_mid,
        frames=frames,
        steps=tuple(step for step, _, _ in planned),
        missing=once((*missing, *(t for _, lacks, _ in planned for t in lacks))),
        notes=tuple(f"without {name}, incomplete or failed" for name in left_out),
        finals=(Final("exp_combine", "SCBD", "OBJ"),),
    )
