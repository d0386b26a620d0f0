"""The single recipe calls that blocks are made of."""

from collections.abc import Mapping, Sequence

from association.blocks import Feed, Step
from association.datasets import request_of
from association.decisions import Request
from association.planner import Planned, Planner
from association.records import RawRecord, Role

Value = bool | int | float | str

IDP_POST: Mapping[str, Value] = {"save": "cube,individual", "filter": "white,Johnson_V"}
"""Parameters of muse_scipost for products of the archive."""

BASIC: Mapping[str, Value] = {"saveimage": False}
"""Parameters of muse_scibasic: the detector image, 200 MB an IFU, has no reader."""


ASTROMETRY: Mapping[str, Value] = {"rotcenter": "0.0,0.0"}
"""Parameters of muse_astrometry: the shipped geometry table puts the centre of rotation in
the middle of the field, as the shipped ASTROMETRY_WCS says; the recipe's default goes with
ESO's table."""


def basic_step(planner: Planner, frame: RawRecord, role: Role, number: int) -> Planned:
    """Plan muse_scibasic of one exposure, with the ILLUM nearest to this very one."""
    request = request_of([frame], role)
    matches, missing, notes = planner.associate("muse_scibasic", request)
    name = f"scibasic_{frame.tag.lower()}_{number}"
    step = Step(name, "muse_scibasic", frame.ifus, (frame,), (), matches, BASIC)
    return step, missing, notes


def standard_step(planner: Planner, request: Request, basics: Sequence[Step]) -> Planned:
    """Plan muse_standard from the pixel tables of the standard star."""
    feeds = tuple(Feed(step.name, "PIXTABLE_STD", "PIXTABLE_STD") for step in basics)
    matches, missing, notes = planner.associate("muse_standard", request, _tags(feeds))
    ifus = tuple(request.chips)
    return Step("standard", "muse_standard", ifus, (), feeds, matches), missing, notes


def astrometry_step(planner: Planner, request: Request, basics: Sequence[Step]) -> Planned:
    """Plan muse_astrometry from the pixel tables of a star field."""
    feeds = tuple(
        Feed(step.name, "PIXTABLE_ASTROMETRY", "PIXTABLE_ASTROMETRY") for step in basics
    )
    matches, missing, notes = planner.associate("muse_astrometry", request, _tags(feeds))
    ifus = tuple(request.chips)
    step = Step("astrometry", "muse_astrometry", ifus, (), feeds, matches, ASTROMETRY)
    return step, missing, notes


def sky_step(planner: Planner, frame: RawRecord, basic: Step, number: int) -> Planned:
    """Plan muse_create_sky from one dedicated sky exposure."""
    feeds = (Feed(basic.name, "PIXTABLE_SKY", "PIXTABLE_SKY"),)
    request = request_of([frame], "science")
    matches, missing, notes = planner.associate("muse_create_sky", request, _tags(feeds))
    name = f"create_sky_{number}"
    return Step(name, "muse_create_sky", frame.ifus, (), feeds, matches), missing, notes


def post_step(
    planner: Planner,
    name: str,
    frames: Sequence[RawRecord],
    feeds: tuple[Feed, ...],
    params: Mapping[str, Value],
) -> Planned:
    """Plan muse_scipost of one exposure, or of all sky exposures together."""
    request = request_of(frames, "science")
    matches, missing, notes = planner.associate("muse_scipost", request, _tags(feeds))
    step = Step(name, "muse_scipost", tuple(request.chips), (), feeds, matches, params)
    return step, missing, notes


def align_step(planner: Planner, request: Request, feeds: tuple[Feed, ...]) -> Planned:
    """Plan muse_exp_align from white-light images."""
    matches, missing, notes = planner.associate("muse_exp_align", request, _tags(feeds))
    ifus = tuple(request.chips)
    return Step("exp_align", "muse_exp_align", ifus, (), feeds, matches), missing, notes


def combine_step(planner: Planner, request: Request, feeds: tuple[Feed, ...]) -> Planned:
    """Plan muse_exp_combine from reduced pixel tables and the offsets between them."""
    feeds = (*feeds, Feed("exp_align", "OFFSET_LIST", "OFFSET_LIST"))
    matches, missing, notes = planner.associate("muse_exp_combine", request, _tags(feeds))
    params = {"format": "sdpCube", "filter": IDP_POST["filter"]}
    ifus = tuple(request.chips)
    step = Step("exp_combine", "muse_exp_combine", ifus, (), feeds, matches, params)
    return step, missing, notes


def _tags(feeds: Sequence[Feed]) -> set[str]:
    """Return the SOF tags that earlier steps provide."""
    return {feed.as_tag for feed in feeds}
