import time
from dataclasses import replace

import pytest

from association.blocks import Block, Plan
from association.cascade import plan
from association.records import CalibRecord, RawRecord
from tests.association.month import (
    START,
    arcs,
    night,
    recipes,
    sequence,
    statics,
    twilight,
)

RECIPES = recipes()
FULL = [*twilight(START), *night(START)]


def planned(
    frames: list[RawRecord], calibs: list[CalibRecord] | None = None, **options
) -> Plan:  # type: ignore[no-untyped-def]
    return plan(frames, statics() if calibs is None else calibs, RECIPES, **options)


def by_tag(made: Plan) -> dict[str, Block]:
    return {block.tag: block for block in made.blocks}


def without(frames: list[RawRecord], tag: str) -> list[RawRecord]:
    return [f for f in frames if f.tag != tag]


def test_a_complete_night_is_complete() -> None:
    made = planned(FULL)
    assert [b.tag for b in made.blocks] == [
        "BIAS",
        "FLAT",
        "ARC",
        "SKYFLAT",
        "STD",
        "OBJECT",
    ]
    assert all(b.completeness == "COMPLETE" for b in made.blocks), [
        b.missing for b in made.blocks
    ]
    assert made.unplanned == ()


def test_blocks_come_after_what_they_need() -> None:
    seen: set[str] = set()
    for block in planned(FULL).blocks:
        assert set(block.needs) <= seen
        seen.add(block.name)
    science = planned(FULL).blocks[-1]
    assert len(science.needs) == 5


def test_the_science_cascade_with_a_sky_exposure() -> None:
    science = by_tag(planned(FULL))["OBJECT"]
    steps = {s.name: s for s in science.steps}
    assert list(steps) == [
        "scibasic_sky_1",
        "create_sky_1",
        "scipost_sky",
        "scibasic_object_1",
        "scipost_1",
        "scibasic_object_2",
        "scipost_2",
        "exp_align",
        "exp_combine",
    ]
    assert steps["scipost_1"].params["skymethod"] == "subtract-model"
    assert set(steps["scipost_1"].after) == {"scibasic_object_1", "create_sky_1"}
    assert set(steps["exp_combine"].after) == {"scipost_1", "scipost_2", "exp_align"}
    assert [f.code for f in science.finals] == ["SCBX", "SCBC"]
    tags = {c.tag for c in steps["scibasic_object_1"].calibrations}
    assert {"MASTER_BIAS", "TWILIGHT_CUBE", "ILLUM", "GEOMETRY_TABLE"} <= tags
    assert "SKY_LINES" not in {c.tag for c in steps["scipost_1"].calibrations}


def test_without_a_sky_and_with_one_exposure() -> None:
    frames = [f for f in without(FULL, "SKY") if f.tag != "OBJECT" or f.tpl_expno == 1]
    science = by_tag(planned(frames))["OBJECT"]
    assert [s.name for s in science.steps] == ["scibasic_object_1", "scipost_1"]
    assert science.steps[1].params["skymethod"] == "simple"
    assert science.steps[1].params["format"] == "sdpCube"
    assert [f.code for f in science.finals] == ["SCBS"]
    assert any("no dedicated sky" in note for note in science.notes)


def test_a_missing_twilight_is_noted_not_fatal() -> None:
    science = by_tag(planned(without(FULL, "SKYFLAT")))["OBJECT"]
    assert science.completeness == "COMPLETE"
    assert any("without TWILIGHT_CUBE" in note for note in science.notes)


def test_nobody_waits_for_a_master_that_cannot_come() -> None:
    made = by_tag(planned(without(FULL, "BIAS")))
    assert all(block.completeness == "INCOMPLETE" for block in made.values())
    assert "MASTER_BIAS for IFU 1-2 (there is none)" in made["FLAT"].missing[0]
    assert all(not block.needs for block in made.values())


def test_too_few_frames_are_incomplete_and_promise_nothing() -> None:
    frames = [*without(FULL, "BIAS"), *sequence("BIAS", START + 0.45, 2)]
    made = by_tag(planned(frames))
    assert made["BIAS"].missing == ("BIAS: 2 frames, muse_bias needs 3",)
    assert made["FLAT"].completeness == "INCOMPLETE"


def test_a_lost_lamp_is_named() -> None:
    frames = [*without(FULL, "ARC"), *arcs(START + 0.5, lamps=("3", "5"))]
    made = by_tag(planned(frames))
    assert made["ARC"].missing == ("ARC: no frame with the Xe lamp",)


def test_a_failed_block_gives_way_to_the_next_best() -> None:
    frames = [*FULL, *night(START + 1, ob=200)]
    first = planned(frames)
    bias = next(b for b in first.blocks if b.tag == "BIAS")
    again = planned(frames, refused={bias.name})
    science = next(b for b in again.blocks if b.kind == "science")
    assert science.completeness == "COMPLETE"
    used = {
        c.block for s in science.steps for c in s.calibrations if c.tag == "MASTER_BIAS"
    }
    assert used and bias.name not in used


def test_one_refused_master_moves_only_its_ifu() -> None:
    frames = [*FULL, *night(START + 1, ob=200)]
    bias = planned(frames).blocks[0]
    refused = bias.promises[1].name
    science = next(
        b for b in planned(frames, refused={refused}).blocks if b.kind == "science"
    )
    found = next(m for m in science.matches if m.tag == "MASTER_BIAS")
    assert found.fallbacks == (2,)
    assert any("MASTER_BIAS of another block for IFU 2" in note for note in science.notes)


def test_real_masters_take_the_place_of_promised_ones() -> None:
    promised = planned(FULL).blocks[0].promises
    real = [replace(p, state="certified", path="/store/x") for p in promised]
    made = by_tag(planned(FULL, [*statics(), *real]))
    used = [c for s in made["FLAT"].steps for c in s.calibrations if c.tag == "MASTER_BIAS"]
    assert [c.state for c in used] == ["certified"] * 2
    assert made["FLAT"].needs == ()


def test_a_rejected_real_master_is_not_promised_again() -> None:
    promised = planned(FULL).blocks[0].promises
    real = [replace(p, state="rejected") for p in promised]
    made = by_tag(planned(FULL, [*statics(), *real]))
    assert made["FLAT"].completeness == "INCOMPLETE"
    assert "rejected in quality control" in made["FLAT"].missing[0]


def test_a_deep_group_takes_its_complete_members() -> None:
    second = [replace(f, prog_id="60.A-9100(B)") for f in night(START + 5, ob=200)]
    made = planned([*FULL, *second])
    deep = made.blocks[-1]
    assert deep.kind == "deep" and deep.completeness == "COMPLETE"
    assert deep.finals[0].code == "SCBD"
    assert len(deep.needs) == 2
    assert {f.block for s in deep.steps for f in s.feeds if f.block} == set(deep.needs)
    failed = planned([*FULL, *second], refused={deep.needs[0]}).blocks[-1]
    assert failed.completeness == "INCOMPLETE" and not failed.steps
    assert deep.needs[0] in failed.missing[0]


def lsf_of_science(made: Plan) -> dict[int | None, str]:
    """Return the block that makes the line spread function of each IFU, '' for static."""
    scipost = next(s for s in by_tag(made)["OBJECT"].steps if s.recipe == "muse_scipost")
    (found,) = (m for m in scipost.matches if m.tag == "LSF_PROFILE")
    return {choice.ifu: choice.record.block for choice in found.chosen}


@pytest.mark.parametrize(("tag", "n"), [("ARC_LSF", 2), ("ARC", 15)])
def test_a_long_series_of_arcs_gives_a_line_spread_function(tag: str, n: int) -> None:
    series = arcs(START + 0.6, n=n, tag=tag)
    made = planned([*FULL, *series])
    block = by_tag(made)["ARC_LSF"]
    assert block.completeness == "COMPLETE"
    assert {f.name for f in block.frames} == {f.name for f in series}
    assert [step.recipe for step in block.steps] == ["muse_lsf"]
    assert {p.ifu for p in block.promises if p.tag == "LSF_PROFILE"} == {1, 2}
    chosen = lsf_of_science(made)
    assert chosen[1] == chosen[2] == block.name


def test_without_a_long_series_the_static_function_is_used() -> None:
    standard_night = arcs(START + 0.6, n=5)
    made = planned([*FULL, *standard_night])
    assert "ARC_LSF" not in by_tag(made)
    assert lsf_of_science(made) == {None: ""}


def test_a_series_without_a_lamp_leaves_the_static_function() -> None:
    series = arcs(START + 0.6, lamps=("3", "5"), n=9, tag="ARC_LSF")
    made = planned([*FULL, *series])
    assert by_tag(made)["ARC_LSF"].missing == ("ARC_LSF: no frame with the Xe lamp",)
    assert lsf_of_science(made) == {None: ""}


def test_frames_no_recipe_takes_are_reported() -> None:
    some = {k: v for k, v in RECIPES.items() if k != "muse_twilight"}
    made = plan([*FULL, *sequence("MASK", START, 3)], statics(), some)
    reasons = {u.frames[0].tag: u.reason for u in made.unplanned}
    assert "muse_twilight is not available" in reasons["SKYFLAT"]
    assert "no recipe cascade" in reasons["MASK"]
    assert "run muse_geometry" in reasons["MASK"]


def test_the_illum_nearest_to_each_exposure_is_taken() -> None:
    late = replace(
        next(f for f in FULL if f.tag == "ILLUM"), name="late", mjd_obs=START + 0.13
    )
    science = by_tag(planned([*FULL, late]))["OBJECT"]
    used = {
        s.name: next(c.name for c in s.calibrations if c.tag == "ILLUM")
        for s in science.steps
        if s.recipe == "muse_scibasic"
    }
    assert used["scibasic_object_2"] == "late" != used["scibasic_object_1"]


def test_planning_does_not_depend_on_the_order_of_the_frames() -> None:
    frames = [*FULL, *night(START + 1, ob=200)]
    assert planned(frames) == planned(frames[::-1])


def test_every_loser_has_a_reason() -> None:
    for block in planned([*FULL, *night(START + 1, ob=200)]).blocks:
        for found in block.matches:
            assert all(r.reason and r.name for r in found.rejected)
            assert all(c.reason for c in found.chosen)


@pytest.mark.slow
def test_a_month_of_24_ifus_is_planned_in_seconds() -> None:
    frames = [f for k in range(30) for f in night(START + k, n_ifus=24, ob=100 + k)]
    frames += [f for k in range(0, 30, 7) for f in twilight(START + k, n_ifus=24)]
    start = time.perf_counter()
    made = planned(frames)
    assert time.perf_counter() - start < 10
    assert all(b.completeness == "COMPLETE" for b in made.blocks)


def wcs_of_science(made: Plan) -> str:
    """Name of the astrometric solution that the first science step is given."""
    steps = {s.name: s for s in by_tag(made)["OBJECT"].steps}
    calibrations = steps["scipost_1"].calibrations
    return next(c.name for c in calibrations if c.tag == "ASTROMETRY_WCS")


def test_a_star_field_renews_the_astrometric_solution() -> None:
    field = sequence("ASTROMETRY", START + 0.05, 1)
    made = planned([*FULL, *field])
    block = by_tag(made)["ASTROMETRY"]
    assert [s.recipe for s in block.steps] == ["muse_scibasic", "muse_astrometry"]
    assert block.completeness == "COMPLETE", block.missing
    (promised,) = block.promises
    assert (promised.tag, promised.geometry) == ("ASTROMETRY_WCS", "GEOMETRY_TABLE.fits")
    assert wcs_of_science(made) == promised.name
    assert wcs_of_science(planned(FULL)) == "ASTROMETRY_WCS.fits"
    refused = planned([*FULL, *field], refused={block.name})
    assert wcs_of_science(refused) == "ASTROMETRY_WCS.fits"


def test_a_solution_for_another_geometry_is_not_used() -> None:
    field = sequence("ASTROMETRY", START + 0.05, 1)
    (promised,) = by_tag(planned([*FULL, *field]))["ASTROMETRY"].promises
    old = replace(promised, state="certified", block="", name="old", geometry="old.fits")
    assert wcs_of_science(planned(FULL, [*statics(), old])) == "ASTROMETRY_WCS.fits"
    right = replace(old, name="right", geometry="GEOMETRY_TABLE.fits")
    assert wcs_of_science(planned(FULL, [*statics(), right])) == "right"
