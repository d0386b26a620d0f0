"""Whatever is missing, a plan can be carried out: nobody waits for what cannot come."""

from hypothesis import given, settings
from hypothesis import strategies as st

from association.cascade import plan
from tests.association.month import START, night, recipes, statics, twilight

FRAMES = [
    *twilight(START),
    *night(START),
    *night(START + 1, ob=200),
    *night(START + 9, ob=300),
]
RECIPES = recipes()
STATICS = statics()
BLOCKS = [block.name for block in plan(FRAMES, STATICS, RECIPES).blocks]


@settings(max_examples=40)
@given(
    keep=st.lists(st.booleans(), min_size=len(FRAMES), max_size=len(FRAMES)),
    refused=st.sets(st.sampled_from(BLOCKS), max_size=4),
)
def test_complete_blocks_need_only_complete_ones_before_them(
    keep: list[bool], refused: set[str]
) -> None:
    frames = [frame for frame, kept in zip(FRAMES, keep, strict=True) if kept]
    made = plan(frames, STATICS, RECIPES, refused=refused)
    done: set[str] = set()
    for block in made.blocks:
        if block.completeness == "COMPLETE":
            assert set(block.needs) <= done - refused
            done.add(block.name)
        else:
            assert all(text for text in block.missing)
    assert {f.name for b in made.blocks for f in b.frames} >= {
        f.name for f in frames if f.tag != "ILLUM"
    }


@settings(max_examples=20)
@given(refused=st.sets(st.sampled_from(BLOCKS), max_size=6))
def test_every_ifu_of_a_step_has_each_calibration_once(refused: set[str]) -> None:
    for block in plan(FRAMES, STATICS, RECIPES, refused=refused).blocks:
        for step in block.steps if block.completeness == "COMPLETE" else ():
            for found in step.matches:
                served = [choice.ifu for choice in found.chosen]
                assert len(served) == len(set(served))
                assert served in ([], [None]) or set(step.ifus) <= set(served)
