from dataclasses import replace
from itertools import pairwise
from math import exp, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from association.match import Candidates, Match, Request, match
from association.records import EVER, CalibRecord
from association.rules import RULES, Event, Rule, Window, rule_for
from association.score import association_score, closeness
from tests.association.month import START, WFM, chips, master, static

FRAME = Request("science", START, WFM, chips(2), 11.0)


def rule(tag: str) -> Rule:
    found = rule_for(tag, "science")
    assert found is not None
    return found


def choose(calibs: list[CalibRecord], tag: str = "MASTER_BIAS", **changes: object) -> Match:
    return match(replace(FRAME, **changes), rule(tag), Candidates(calibs))  # type: ignore[arg-type]


def both(mjd: float, tag: str = "MASTER_BIAS", **changes: object) -> list[CalibRecord]:
    return [master(tag, mjd, ifu, **changes) for ifu in (1, 2)]


def test_the_nearest_wins_before_and_after() -> None:
    found = choose([*both(START - 0.5), *both(START + 0.4)])
    assert [c.record.mjd_mid for c in found.chosen] == [START + 0.4] * 2
    assert found.complete and not found.fallbacks
    assert found.rejected[0].ifus == (1, 2)
    assert "closeness" in found.rejected[0].reason


@pytest.mark.parametrize(("days", "level"), [(1, 0), (3, 1), (9, 2), (30, 3)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_ends_of_windows_belong_to_them(days: float, level: int, sign: int) -> None:
    at_end = choose(both(START + sign * days))
    assert {c.level for c in at_end.chosen} == {level}
    beyond = choose(both(START + sign * (days + 1e-5)))
    assert {c.level for c in beyond.chosen} == ({level + 1} if level < 3 else set())


def test_ends_of_windows_hold_for_inexact_dates() -> None:
    for k in range(50):
        start = START + k * 0.137
        found = choose(both(start + 3), mjd_mid=start)
        assert {c.level for c in found.chosen} == {1}


def test_beyond_the_limit_the_nearest_is_named() -> None:
    found = choose([*both(START - 31), *both(START - 60), *both(START + 40)])
    assert not found.chosen and found.missing == (1, 2)
    assert [r.name for r in found.rejected] == [f"block{START + d:.9f}" for d in (-31, 40)]
    assert "older than the frame, the limit is 30 d" in found.rejected[0].reason


def test_one_ifu_alone_takes_the_next_best() -> None:
    near, far = both(START + 0.4), both(START + 2)
    near[1] = replace(near[1], state="rejected")
    found = choose([*near, *far, *[master("MASTER_BIAS", START + 0.4, 3)]], chips=chips(3))
    assert found.missing == (3,) or found.complete
    by_ifu = {c.ifu: c for c in found.chosen}
    assert by_ifu[1].record.mjd_mid == START + 0.4 and not by_ifu[1].fallback
    assert by_ifu[2].record.mjd_mid == START + 2 and by_ifu[2].fallback
    assert found.fallbacks == (2,)
    assert any(r.ifus == (2,) and "quality control" in r.reason for r in found.rejected)


def test_the_worse_half_is_the_fallback_whichever_ifu_it_is() -> None:
    near, far = both(START + 0.4), both(START + 2)
    near[0] = replace(near[0], state="rejected")
    assert choose([*near, *far]).fallbacks == (1,)


@pytest.mark.parametrize("state", ["rejected", "new"])
def test_only_certified_masters_are_used(state: str) -> None:
    found = choose(both(START, state=state))
    assert not found.chosen and found.missing == (1, 2)


def test_promised_masters_are_used() -> None:
    assert choose(both(START, state="promised")).complete


def test_another_chip_is_refused() -> None:
    found = choose([master("MASTER_BIAS", START, 1, chip="older"), *both(START + 2)])
    assert [c.record.mjd_mid for c in found.chosen] == [START + 2] * 2
    assert "DET.CHIP.ID is older" in found.rejected[0].reason


def test_mode_is_strict_for_flats_and_relaxed_for_traces() -> None:
    ao = replace(WFM, mode="WFM-AO-N")
    flat = choose(both(START, "MASTER_FLAT", setup=ao), "MASTER_FLAT")
    assert not flat.chosen and "INS.MODE is WFM-AO-N" in flat.rejected[0].reason
    trace = choose(both(START, "TRACE_TABLE", setup=ao), "TRACE_TABLE")
    assert {c.level for c in trace.chosen} == {1}
    extended = replace(WFM, mode="WFM-NOAO-E", opti1="Clear")
    assert not choose(both(START, "TRACE_TABLE", setup=extended), "TRACE_TABLE").chosen


def test_temperature_decides_between_equal_times() -> None:
    cold, warm = both(START - 0.4, "MASTER_FLAT"), both(START + 0.4, "MASTER_FLAT")
    warm = [replace(r, temperature=13.0) for r in warm]
    found = choose([*warm, *cold], "MASTER_FLAT")
    assert {c.record.mjd_mid for c in found.chosen} == {START - 0.4}


def test_a_wider_window_is_searched_for_others_of_the_same_level() -> None:
    ao = replace(WFM, mode="WFM-AO-N")
    near = both(START + 0.5, "TRACE_TABLE", setup=ao, temperature=25.0)
    far = both(START + 2, "TRACE_TABLE", setup=ao)
    found = choose([*near, *far], "TRACE_TABLE")
    assert {(c.level, c.record.mjd_mid) for c in found.chosen} == {(1, START + 2)}


def test_ties_break_by_name_whatever_the_order() -> None:
    calibs = [master("MASTER_BIAS", START, 1, name=n, block=n) for n in ("c", "a", "b")]
    for order in (calibs, calibs[::-1]):
        assert choose(order, chips={1: "chip-01"}).chosen[0].record.name == "a"


def test_interventions_are_not_crossed() -> None:
    event = Event(START + 0.2, "lamp exchanged", "test", ("MASTER_BIAS",), (1,))
    calibs = Candidates([*both(START + 0.4), *both(START - 2)])
    found = match(FRAME, rule("MASTER_BIAS"), calibs, (event,))
    assert {c.ifu: c.record.mjd_mid for c in found.chosen} == {1: START - 2, 2: START + 0.4}
    assert any("lamp exchanged" in r.reason and r.ifus == (1,) for r in found.rejected)


def test_a_frame_at_the_moment_of_an_intervention_is_after_it() -> None:
    event = Event(START, "lamp exchanged", "test")
    calibs = Candidates([*both(START - 0.1), *both(START + 0.5)])
    found = match(FRAME, rule("MASTER_BIAS"), calibs, (event,))
    assert {c.record.mjd_mid for c in found.chosen} == {START + 0.5}


def test_astrometry_follows_the_geometry_in_use() -> None:
    pair = static("ASTROMETRY_WCS", geometry="new")
    other = replace(pair, name="a.fits", geometry="old")
    found = choose([pair, other], "ASTROMETRY_WCS", geometry="new")
    assert found.chosen[0].record is pair
    assert "computed with old" in found.rejected[0].reason
    assert choose([other], "ASTROMETRY_WCS", geometry="new").missing == (0,)


def test_the_newest_epoch_of_a_static_wins() -> None:
    general = static("GEOMETRY_TABLE", name="a", valid=EVER)
    epoch = static("GEOMETRY_TABLE", name="b", valid=(START - 10, START + 10))
    assert choose([general, epoch], "GEOMETRY_TABLE").chosen[0].record is epoch
    at_end = choose([general, epoch], "GEOMETRY_TABLE", mjd_mid=START + 10)
    assert at_end.chosen[0].record is general


def test_vignetting_is_corrected_only_before_its_end() -> None:
    mask = static("VIGNETTING_MASK")
    assert choose([mask], "VIGNETTING_MASK", mjd_mid=57822.9).chosen
    after = choose([mask], "VIGNETTING_MASK", mjd_mid=57823.0)
    assert not after.chosen and after.complete


@pytest.mark.parametrize(("role", "reach"), [("science", 1.0), ("calibration", 0.5)])
def test_illum_windows_depend_on_the_frame(role: str, reach: float) -> None:
    found = rule_for("ILLUM", role)  # type: ignore[arg-type]
    assert found is not None
    calibs = Candidates([master("ILLUM", START + reach, None)])
    assert match(FRAME, found, calibs).chosen
    calibs = Candidates([master("ILLUM", START + reach + 1e-4, None)])
    assert match(FRAME, found, calibs).missing == (0,)


def test_names_are_identities() -> None:
    with pytest.raises(ValueError, match="two MASTER_BIAS"):
        Candidates([master("MASTER_BIAS", 1.0), master("MASTER_BIAS", 1.0)])


def test_closeness_is_one_at_home_and_falls_by_e_at_tau() -> None:
    flat = rule("MASTER_FLAT")
    assert closeness(0.0, 0.0, flat) == 1.0
    assert closeness(-1.0, 0.0, flat) == pytest.approx(exp(-1))
    assert closeness(0.0, 2.0, flat) == pytest.approx(exp(-1))
    assert closeness(3.0, 8.0, flat) == pytest.approx(exp(-5))
    assert closeness(1e4, 40.0, rule("LINE_CATALOG")) == 1.0


def test_the_smallest_closeness_scores_a_product() -> None:
    bias = choose(both(START + 0.5))
    flat = choose(both(START + 0.1, "MASTER_FLAT"), "MASTER_FLAT")
    lines = choose([static("LINE_CATALOG")], "LINE_CATALOG")
    score = association_score([flat, lines, bias])
    assert score is not None
    assert (score.tag, score.level) == ("MASTER_BIAS", 0)
    assert score.closeness == pytest.approx(exp(-0.5))
    assert association_score([lines]) is None


def test_every_rule_is_sound() -> None:
    for row in RULES:
        levels = [w.level for w in row.windows]
        assert levels == sorted(set(levels)) and row.source
        assert all(w.source for w in row.windows)
        for inner, outer in pairwise(row.windows):
            assert inner.before <= outer.before and inner.after <= outer.after
        assert row.tau > 0 and row.theta > 0


@given(
    days=st.lists(
        st.floats(-40, 40).map(lambda d: round(d, 3)), min_size=1, max_size=12, unique=True
    ),
    seed=st.randoms(use_true_random=False),
)
def test_what_is_chosen_is_the_best_and_independent_of_order(
    days: list[float], seed
) -> None:  # type: ignore[no-untyped-def]
    calibs = [master("MASTER_BIAS", START + d, 1) for d in days]
    shuffled = calibs[:]
    seed.shuffle(shuffled)
    first = choose(calibs, chips={1: "chip-01"})
    assert first == choose(shuffled, chips={1: "chip-01"})
    nearest = min(abs(d) for d in days)
    if nearest <= 30:
        assert abs(first.chosen[0].dt_d) == pytest.approx(nearest, abs=1e-6)
        assert all(abs(r.dt_d) >= nearest - 1e-6 for r in first.rejected)
        assert all(r.reason for r in first.rejected)
        assert len(first.chosen) + len(first.rejected) <= len(days)
    else:
        assert first.missing == (1,)


@given(before=st.floats(0, 5), after=st.floats(0, 5), dt=st.floats(-6, 6))
def test_asymmetric_windows(before: float, after: float, dt: float) -> None:
    row = Rule(
        "MASTER_BIAS", (Window(0, before, after, ("DET.CHIP.ID",), "test"),), tau=1.0
    )
    frame = replace(FRAME, chips={1: "chip-01"})
    found = match(frame, row, Candidates([master("MASTER_BIAS", START + dt, 1)]))
    exact = (START + dt) - START
    if abs(exact + before) > 1e-7 and abs(exact - after) > 1e-7:
        assert bool(found.chosen) == (-before <= exact <= after)


def test_previous_only() -> None:
    row = Rule("MASTER_BIAS", (Window(0, inf, 0.0, ("DET.CHIP.ID",), "test"),), tau=1.0)
    calibs = Candidates([*both(START + 0.01), *both(START - 500)])
    assert {c.dt_d for c in match(FRAME, row, calibs).chosen} == {-500.0}


def test_standards_years_away_are_still_chosen_by_nearness() -> None:
    """Closeness has no digits left there: exp(-900) is 0."""
    far = [static("STD_RESPONSE", name="a.fits", valid=None, mjd_mid=START - 950)]
    near = [static("STD_RESPONSE", name="b.fits", valid=None, mjd_mid=START - 900)]
    found = choose([*far, *near], "STD_RESPONSE")
    assert [c.record.name for c in found.chosen] == ["b.fits"]
