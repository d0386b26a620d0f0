"""Blocks that make masters from calibration sets, and what they promise."""

from collections.abc import Sequence
from dataclasses import replace

from association.blocks import Block, Step, Unplanned
from association.datasets import CalibrationSet, missing_exposures, request_of
from association.decisions import Request
from association.planner import Planned, Planner, once
from association.records import CalibRecord
from association.rules import rule_for
from association.steps import astrometry_step, basic_step, standard_step
from pipeline.spec import Recipe

CHAINS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("BIAS", ("muse_bias",)),
    ("DARK", ("muse_dark",)),
    ("FLAT", ("muse_flat",)),
    ("ARC", ("muse_wavecal",)),
    ("ARC_LSF", ("muse_lsf",)),
    ("SKYFLAT", ("muse_twilight",)),
    ("STD", ("muse_scibasic", "muse_standard")),
    ("ASTROMETRY", ("muse_scibasic", "muse_astrometry")),
)
"""Raw calibrations and the recipes that reduce them, in the order of need."""

LONG_SERIES = 45
"""Arcs of one template that give a line spread function, too, as a series of ARC_LSF does:
fifteen of each lamp, the number that ESO builds it from. A standard night of five of each
does not; there, the static one is used."""

BY_HAND = {"MASK": "muse_geometry", "MASK_CHECK": "muse_geometry"}
"""Raw calibrations, about monthly, whose recipe makes a static: run with the astrometry of
the same time when the static is to be renewed (ESO's calibration plan)."""


def plan_calibrations(planner: Planner, sets: Sequence[CalibrationSet]) -> list[Block]:
    """Plan the calibration blocks kind by kind, promising as it goes."""
    blocks: list[Block] = []
    chains = dict(CHAINS)
    for tag, chain in chains.items():
        for members in (s for s in (*sets, *_long_series(sets)) if s.tag == tag):
            lacking = [name for name in chain if name not in planner.recipes]
            if lacking:
                reason = f"recipe {lacking[0]} is not available"
                planner.unplanned.append(Unplanned(members.name, members.frames, reason))
                continue
            block = _calibration_block(planner, members, chain)
            planner.promise(block)
            blocks.append(block)
    for members in sets:
        if members.tag not in chains and members.tag != "ILLUM":
            reason = f"no recipe cascade reduces {members.tag} frames"
            if members.tag in BY_HAND:
                reason += f": run {BY_HAND[members.tag]} to renew the static"
            planner.unplanned.append(Unplanned(members.name, members.frames, reason))
    return blocks


def _long_series(sets: Sequence[CalibrationSet]) -> list[CalibrationSet]:
    """Return the sets of arcs that are long enough to give a line spread function."""
    arcs = (s for s in sets if s.tag == "ARC" and len(s.frames) >= LONG_SERIES)
    return [replace(s, tag="ARC_LSF") for s in arcs]


def _calibration_block(
    planner: Planner, members: CalibrationSet, chain: tuple[str, ...]
) -> Block:
    """Plan the block of one calibration set."""
    request = request_of(members.frames, "calibration")
    missing = _too_few(planner, members, chain[0])
    notes = missing_exposures(members.frames)
    last = {"STD": standard_step, "ASTROMETRY": astrometry_step}.get(members.tag)
    if last is not None:
        basics = [
            basic_step(planner, frame, "calibration", number)
            for number, frame in enumerate(members.frames, 1)
        ]
        planned = [*basics, last(planner, request, [b[0] for b in basics])]
    else:
        planned = [_master_step(planner, members, chain[0], request)]
    steps = tuple(step for step, _, _ in planned)
    for _, lacks, remarks in planned:
        missing += lacks
        notes += remarks
    made = planner.recipes[chain[-1]]
    ifus = steps[-1].ifus
    block = Block(
        name=members.name,
        kind="calibration",
        tag=members.tag,
        night=members.frames[0].night,
        mjd_mid=request.mjd_mid,
        frames=members.frames,
        steps=steps,
        missing=once(missing),
        notes=once(notes),
        promises=_promises(made, members, request, ifus, planner, geometry_of(steps)),
    )
    return block


def _master_step(
    planner: Planner, members: CalibrationSet, recipe: str, request: Request
) -> Planned:
    """Plan the only step of a set of raw calibrations.

    An IFU without one of its masters is left out; the others go on.
    """
    matches, missing, notes = planner.associate(recipe, request)
    declared = planner.recipes[recipe]
    needed = {i.tag for i in declared.inputs if not i.optional}
    without = {ifu for m in matches if m.tag in needed for ifu in m.missing}
    ifus = tuple(ifu for ifu in request.chips if ifu not in without)
    if ifus and 0 not in without:
        notes, missing = notes + tuple(f"left out: {text}" for text in missing), ()
    return (
        Step(members.tag.lower(), recipe, ifus, members.frames, (), matches),
        missing,
        notes,
    )


LAMPS = {"CU-LAMP3": "Ne", "CU-LAMP4": "Xe", "CU-LAMP5": "HgCd", "CU-LAMP6": "Ne"}
"""Elements of the arc lamps (genuine pipeline); older headers name the elements."""


def _too_few(planner: Planner, members: CalibrationSet, recipe: str) -> tuple[str, ...]:
    """Say that a set has fewer frames than the recipe needs, or that arcs lack a lamp."""
    declared = next(
        (i for i in planner.recipes[recipe].inputs if i.tag == members.tag), None
    )
    wanted = declared.n_min if declared and not declared.optional else 1
    found = len(members.frames)
    if found < wanted:
        return (f"{members.tag}: {found} frames, {recipe} needs {wanted}",)
    if members.tag not in ("ARC", "ARC_LSF"):
        return ()
    lit = {LAMPS.get(lamp, lamp) for frame in members.frames for lamp in frame.lamps}
    return tuple(
        f"{members.tag}: no frame with the {element} lamp"
        for element in sorted(set(LAMPS.values()) - lit)
    )


def _promises(
    recipe: Recipe,
    members: CalibrationSet,
    request: Request,
    ifus: tuple[int, ...],
    planner: Planner,
    geometry: str,
) -> tuple[CalibRecord, ...]:
    """Return the virtual masters that a block will make, one per IFU where it is so."""
    tags = [p.tag for p in recipe.products if rule_for(p.tag, "science", planner.rules)]
    targets: tuple[int | None, ...] = ifus if recipe.scope == "ifu" else (None,)
    return tuple(
        CalibRecord(
            name=promised_name(members.name, tag, ifu),
            path="",
            tag=tag,
            mjd_mid=request.mjd_mid,
            setup=members.frames[0].setup,
            ifu=ifu,
            chip="" if ifu is None else request.chips[ifu],
            temperature=request.temperature,
            state="promised",
            block=members.name,
            geometry=geometry if tag == "ASTROMETRY_WCS" else "",
        )
        for tag in tags
        for ifu in targets
    )


def geometry_of(steps: Sequence[Step]) -> str:
    """Return the name of the geometry table that steps are given, if there is one."""
    matches = (m for step in steps for m in step.matches if m.tag == "GEOMETRY_TABLE")
    records = (choice.record for match in matches for choice in match.chosen)
    return next((record.geometry or record.name for record in records), "")


def promised_name(block: str, tag: str, ifu: int | None) -> str:
    """Return the name of a master, virtual or real: its block, tag and IFU."""
    return f"{block}/{tag}" + ("" if ifu is None else f"-{ifu:02d}")
